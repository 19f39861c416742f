import { describe, expect, test } from 'vitest';
import { call, probeWords, readReport } from './system-call.ts';

const NUMBERS = { openat: 257, read: 0, mount: 165 };

describe('the words for the probe', () => {
  test('name each call by its number, and tell text, bytes, room, vectors and results apart', () => {
    const acts = [
      [
        call('openat', -100, { text: 'a,b --' }, 0),
        call('read', { resultOf: 0 }, { room: 16 }, { vector: 8 }),
      ],
      [call('mount', { bytes: Buffer.from([0, 255]) })],
    ];
    const first = ['257', '-100', '=a,b --', '0', ',', '0', 'r0', '*16', 'i8'];
    expect(probeWords(acts, NUMBERS)).toEqual([...first, '--', '165', '#00ff']);
  });

  test('are refused for a call whose number nobody knows', () => {
    expect(() => probeWords([[call('frobnicate')]], NUMBERS)).toThrow('frobnicate');
  });
});

describe('the report of the probe', () => {
  test('gives the answer of each act', () => {
    expect(readReport('1 3 0 766d\n0 -1 13 \nkilled 31\ndone 3\n', 3)).toEqual([
      { kind: 'answered', call: 1, errno: undefined, bytes: Buffer.from('vm') },
      { kind: 'answered', call: 0, errno: 'EACCES', bytes: Buffer.alloc(0) },
      { kind: 'killed', signal: 31 },
    ]);
  });

  const silent = { kind: 'silent' };
  test.each([
    ['that is empty', ''],
    ['without its last line', '0 0 0 \n0 0 0 \n'],
    ['about fewer acts', '0 0 0 \ndone 1\n'],
    ['about more acts', '0 0 0 \n0 0 0 \n0 0 0 \ndone 3\n'],
    ['with another line after the last', '0 0 0 \n0 0 0 \ndone 2\nx\n'],
  ])('%s gives no answer at all', (_, report) => {
    expect(readReport(report, 2)).toEqual([silent, silent]);
  });

  test('with a line that is none gives no answer for that act', () => {
    expect(readReport('nonsense\n0 0 0 \ndone 2\n', 2)).toMatchObject([silent, { kind: 'answered' }]);
  });
});

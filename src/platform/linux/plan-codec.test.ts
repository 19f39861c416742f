import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ground } from './ground.ts';
import type { Plan } from './plan.ts';
import {
  commandFrame,
  encodePlan,
  planFrame,
  RecordReader,
  signalFrame,
  type WireRecord,
} from './plan-codec.ts';

const GROUND: Ground = { arch: 'x64', kindOf: () => 'directory' };

const plan: Plan = {
  namespaces: 0x7e020000,
  uidMap: '1000 1000 1',
  gidMap: '1000 1000 1',
  denySetgroups: true,
  hostname: 'pinfold',
  mounts: [
    { op: 'tmpfs', target: '/', mode: 0o755 },
    { op: 'bind', source: '/usr', target: '/usr', writable: false },
    { op: 'symlink', path: '/bin', to: 'usr/bin' },
    { op: 'seal', target: '/' },
  ],
  asks: { remote: true, loopback: true },
  seen: true,
  guarded: [],
  opened: [],
  rlimits: [],
  environment: ['A=1'],
  argv: ['true'],
  cwd: '/',
};

function record(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
}

const stream: readonly (readonly [Buffer, WireRecord])[] = [
  [record(1, u32(1, 7)), { kind: 'hello', version: 1, landlockAbi: 7 }],
  [record(4, Buffer.from('mounts')), { kind: 'applied', step: 'mounts' }],
  [record(5, u32(0, 1, 2)), { kind: 'started', pid: 2 }],
  [record(5, u32(0, 2, 3 << 8)), { kind: 'exited', code: 3 }],
  [record(5, u32(0, 2, 9 | 0x80)), { kind: 'killed', signal: 9 }],
  [record(5, u32(0, 4, 2)), { kind: 'not-started', step: 'directory', errno: 2 }],
  [record(5, u32(0, 6, 13)), { kind: 'not-started', step: 'exec', errno: 13 }],
  [record(5, u32(7, 1, 4)), { kind: 'command', id: 7, event: 'started', value: 4 }],
  [record(5, u32(7, 2, 3 << 8)), { kind: 'command', id: 7, event: 'exited', value: 3 }],
  [record(5, u32(7, 2, 15)), { kind: 'command', id: 7, event: 'killed', value: 15 }],
  [
    record(23, Buffer.from('4121 165 /usr/bin/a b')),
    { kind: 'refused-call', pid: 4121, number: 165, program: Buffer.from('/usr/bin/a b') },
  ],
  [record(23, Buffer.from('1 2 ')), { kind: 'refused-call', pid: 1, number: 2, program: Buffer.from('') }],
  [record(5, u32(7, 5, 22)), { kind: 'command', id: 7, event: 'failed', value: 22 }],
  [
    record(10, Buffer.concat([u32(13), Buffer.from('mounts\0bind /x')])),
    { kind: 'failure', errno: 13, step: 'mounts', detail: 'bind /x' },
  ],
  [
    record(
      6,
      Buffer.concat([
        Buffer.from([5, 0, 0, 0, 0, 0, 0, 0]),
        u32(77),
        Buffer.from(BigUint64Array.of(1n, 2n, 3n, 4n, 5n, 6n).buffer),
        u32(3, 1),
        Buffer.from('/w/a\0'),
        u32(4, 2 | 8 | 16),
        Buffer.from('/b\0'),
        u32(5, 4),
        Buffer.from('/c\0'),
      ]),
    ),
    {
      kind: 'making',
      id: 5n,
      args: [1n, 2n, 3n, 4n, 5n, 6n],
      pid: 77,
      names: [
        {
          row: 3,
          path: Buffer.from('/w/a'),
          directory: true,
          bringsMore: false,
          refused: 'no',
          present: false,
        },
        {
          row: 4,
          path: Buffer.from('/b'),
          directory: false,
          bringsMore: true,
          refused: 'mounted',
          present: true,
        },
        {
          row: 5,
          path: Buffer.from('/c'),
          directory: false,
          bringsMore: false,
          refused: 'ground',
          present: false,
        },
      ],
    },
  ],
  [record(11, Buffer.alloc(0)), { kind: 'ended' }],
];

describe('records', () => {
  test('come out whole however the stream is cut', () => {
    const bytes = Buffer.concat(stream.map(([raw]) => raw));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: bytes.length }), { maxLength: 20 }), (sizes) => {
        const reader = new RecordReader();
        const seen: WireRecord[] = [];
        let at = 0;
        for (const size of [...sizes, bytes.length]) {
          seen.push(...reader.push(bytes.subarray(at, at + size)));
          at += size;
          if (at >= bytes.length) break;
        }
        expect(seen).toEqual(stream.map(([, decoded]) => decoded));
      }),
    );
  });

  test.each([
    ['an unknown type', record(99, Buffer.alloc(4))],
    ['a length beyond what the launcher sends', u32(5, 0x7fffffff)],
    ['an event of a child that there is not', record(5, u32(1, 8, 0))],
    ['a payload shorter than its fields', record(1, u32(1))],
    ['a making whose path is cut short', record(6, u32(1, 0, 2, ...Array(12).fill(0), 3, 4, 0x41414141))],
    ['a making without the arguments of its call', record(6, u32(1, 0, 2, 3, 0x41414141))],
    ['a failure without a step', record(10, u32(1, 0x41414141))],
  ])('refuses %s', (_name, bytes) => {
    expect(() => new RecordReader().push(bytes)).toThrow(
      expect.objectContaining({ code: 'ERR_RECORD_MALFORMED' }),
    );
  });

  test('never throws anything but its own error on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          new RecordReader().push(Buffer.from(bytes));
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_RECORD_MALFORMED' });
        }
      }),
    );
  });
});

describe('plans', () => {
  test('are the same bytes for the same plan', () => {
    expect(encodePlan(plan, GROUND).toString('hex')).toBe(
      encodePlan(structuredClone(plan), GROUND).toString('hex'),
    );
  });

  test('refuse a string with NUL, which C would cut short', () => {
    expect(() => encodePlan({ ...plan, cwd: '/a\0b' }, GROUND)).toThrow(
      expect.objectContaining({ code: 'ERR_PATH_INVALID' }),
    );
  });

  test('are framed with type and length', () => {
    const framed = planFrame(plan, GROUND);
    expect([framed.readUInt32LE(0), framed.readUInt32LE(4)]).toEqual([2, framed.length - 8]);
    expect(signalFrame(2, 15)).toEqual(record(3, u32(2, 15)));
  });

  test('of commands begin with their number, and name each stream', () => {
    const command = commandFrame(7, {
      argv: ['true'],
      cwd: '/',
      streams: ['pipe', 'ignore', 2],
      leftovers: 'kill',
    });
    // An empty list, and data that is one NUL.
    const NO_CALLS = Buffer.concat([u32(0, 1), Buffer.from('\0')]);
    const text = (value: string) => Buffer.concat([u32(value.length + 1), Buffer.from(`${value}\0`)]);
    expect(command).toEqual(
      record(4, Buffer.concat([u32(7, 1, 0, 1, 0, 4), NO_CALLS, u32(0, 1), text('true'), text('/')])),
    );
  });
});

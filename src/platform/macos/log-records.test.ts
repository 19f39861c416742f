/** Claims about reading the unified log, on lines in the formats that were recorded on macOS 26. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineCutter, parseCompact, parseMessage, parseNdjson } from './log-records.ts';

const TAG = 'pinfold-0mh2x9k3qa1b2';

function event(message: string, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    messageType: 'Error',
    subsystem: '',
    category: '',
    userID: 0,
    processID: 0,
    processImagePath: '/kernel',
    senderImagePath: '/System/Library/Extensions/Sandbox.kext/Contents/MacOS/Sandbox',
    timestamp: '2026-09-05 23:01:34.988314-0500',
    eventMessage: message,
    ...more,
  });
}

const REPORT = `Sandbox: cat(96728) deny(1) file-read-data /Users/ada/.ssh/id_ed25519\n${TAG}`;
const READ = {
  program: 'cat',
  pid: 96728,
  operation: 'file-read-data',
  target: '/Users/ada/.ssh/id_ed25519',
  count: 1,
  time: Date.parse('2026-09-05T23:01:34.988-05:00'),
};

describe('a report of the kernel', () => {
  test('is read from ndjson', () => {
    expect(parseNdjson(event(REPORT), TAG)).toEqual(READ);
  });

  test.each([
    ['Sandbox: node(7) deny(1) mach-lookup com.apple.trustd.agent', 'mach-lookup', 'com.apple.trustd.agent'],
    ['Sandbox: curl(7) deny(1) network-outbound *:443', 'network-outbound', '*:443'],
    [
      'Sandbox: sh(7) deny(1) file-write-create /Users/ada/My Files/a b',
      'file-write-create',
      '/Users/ada/My Files/a b',
    ],
    ['Sandbox: sh(7) deny file-write-unlink /x', 'file-write-unlink', '/x'],
    ['Sandbox: Python(7) deny(1) process-fork', 'process-fork', undefined],
    ['Sandbox: sh(7) deny(1) process-exec* /usr/bin/sudo', 'process-exec*', '/usr/bin/sudo'],
    ['Sandbox: a (b)(7) deny(1) sysctl-read kern.procargs2', 'sysctl-read', 'kern.procargs2'],
    ['Sandbox: sh(7) deny(1) file-read-data /a\nb', 'file-read-data', '/a\nb'],
  ])('%s is understood', (message, operation, target) => {
    expect(parseMessage(`${message}\n${TAG}`, TAG)).toMatchObject({
      pid: 7,
      operation,
      count: 1,
      ...(target === undefined ? {} : { target }),
    });
  });

  test('that stands for several says how many', () => {
    expect(parseMessage(`3 duplicate reports for ${REPORT}`, TAG)).toMatchObject({ count: 3, pid: 96728 });
    expect(parseMessage(`1 duplicate report for ${REPORT}`, TAG)).toMatchObject({ count: 1, pid: 96728 });
  });

  test('is read from compact lines with the tag on the next', () => {
    const text = [
      'Timestamp               Ty Process[PID:TID]',
      '2026-09-05 23:01:34.988 E  kernel[0:47bac9b] (Sandbox) Sandbox: cat(96728) deny(1) file-read-data /Users/ada/.ssh/id_ed25519',
      TAG,
      '2026-09-05 23:01:35.100 E  kernel[0:47bac9b] (Sandbox) Sandbox: mds(1) deny(1) file-read-data /other',
      '2026-09-05 23:01:36.000 E  cat[1:2] (Sandbox) Sandbox: cat(1) deny(1) file-read-data /forged',
      TAG,
    ].join('\n');
    expect(parseCompact(text, TAG)).toEqual([{ ...READ, time: Date.parse('2026-09-05T23:01:34.988') }]);
  });

  test('is read from the default style too', () => {
    const line =
      '2023-05-26 13:44:59.840002+0200  localhost kernel[0]: (Sandbox) Sandbox: touch(41575) deny(1) sysctl-read kern.bootargs';
    expect(parseCompact(`${line}\n${TAG}`, TAG)).toEqual([
      {
        program: 'touch',
        pid: 41575,
        operation: 'sysctl-read',
        target: 'kern.bootargs',
        count: 1,
        time: Date.parse('2023-05-26T13:44:59.840+02:00'),
      },
    ]);
  });
});

describe('what is no report of this session', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['another session', event(REPORT.replace(TAG, `${TAG}x`))],
    ['no tag', event(REPORT.split('\n')[0]!)],
    ['a program that logs the same text', event(REPORT, { processID: 4242 })],
    ['a program that calls itself so', event(REPORT, { processImagePath: '/tmp/kernel' })],
    ['a library that calls itself so', event(REPORT, { senderImagePath: '/tmp/Sandbox.kext/Sandbox' })],
    ['no provenance at all', JSON.stringify({ eventMessage: REPORT })],
    ['an allowance', event(REPORT.replace('deny(1)', 'allow'))],
    ['the heading of the stream', 'Filtering the log data using "sender == \\"Sandbox\\""'],
    ['half a line', event(REPORT).slice(0, 80)],
    ['a message that is no text', event(REPORT).replace(/"eventMessage":"[^"]*"/, '"eventMessage":[1]')],
    [
      'a path that ends like the tag of another session',
      event(`Sandbox: a(1) deny(1) file-read-data /x\n${TAG}\nother`),
    ],
  ];

  test.each(cases)('%s is left out', (_, line) => {
    expect(parseNdjson(event(REPORT), TAG)).toEqual(READ);
    expect(parseNdjson(line, TAG)).toBeUndefined();
  });
});

describe('hostile text', () => {
  const shape = /^Sandbox: |^\d+ duplicate reports? for Sandbox: /;
  const part = fc.constantFrom(
    ...[
      'Sandbox: ',
      'cat',
      '(7)',
      ' deny(1) ',
      'deny ',
      'file-read-data',
      ' /x',
      '\n',
      TAG,
      ' allow ',
      'kernel[0]',
    ],
    ...['2 duplicate reports for ', '\u0000', '\u202e', '(', ')', '\\', '"', '{', '}'],
  );
  const made = fc.array(part, { maxLength: 14 }).map((parts) => parts.join(''));

  test('is a report only in the form of one, and with the tag on its last line', () => {
    let reports = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          made,
          made.map((text) => `${REPORT.split('\n')[0]}${text}\n${TAG}`),
        ),
        (message) => {
          const report = parseMessage(message, TAG);
          if (report === undefined) return;
          reports += 1;
          expect(message).toMatch(shape);
          expect(message.split('\n').at(-1)?.trim()).toBe(TAG);
          expect(report.operation).toMatch(/^[a-z][a-z0-9*-]+$/);
        },
      ),
      { numRuns: 2000 },
    );
    expect(reports).toBeGreaterThan(100);
  });

  test('of a program is no report, whatever it puts into the event', () => {
    const field = fc.constantFrom('processID', 'processImagePath', 'senderImagePath', 'eventMessage', 'x');
    const value = fc.oneof(made, fc.constant(REPORT), fc.jsonValue(), fc.constant(0), fc.constant('/kernel'));
    fc.assert(
      fc.property(fc.dictionary(field, value), fc.integer({ min: 1, max: 99_999 }), (fields, pid) => {
        // The log fills in whose event it is, over whatever the program called its own.
        const line = JSON.stringify({ ...JSON.parse(event(REPORT)), ...fields, processID: pid });
        expect(parseNdjson(line, TAG)).toBeUndefined();
      }),
    );
    expect(parseNdjson(event(REPORT), TAG)).toEqual(READ);
  });

  test('is bounded, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300 }), (before, after) => {
        for (const message of [before, `${REPORT}${after}`, `${before}${REPORT}`, `${before}\n${TAG}`]) {
          const report = parseNdjson(event(message), TAG);
          if (report !== undefined) expect(report.program.length).toBeLessThanOrEqual(64);
          expect(parseCompact(message, TAG).length).toBeLessThanOrEqual(1);
        }
      }),
    );
    expect(
      parseMessage(`Sandbox: a(1) deny(1) file-read-data ${'/x'.repeat(5000)}\n${TAG}`, TAG)?.target?.length,
    ).toBe(4096);
    expect(parseNdjson(event(`${'x'.repeat(20_000)}\n${TAG}`), TAG)).toBeUndefined();
  });

  test('cannot make the line buffer grow', () => {
    const lines: string[] = [];
    const cutter = new LineCutter((line) => lines.push(line));
    for (let index = 0; index < 40; index += 1) cutter.push('x'.repeat(1000));
    cutter.push('\nshort\npart');
    cutter.push('ial\n');
    expect(lines).toEqual(['short', 'partial']);
  });
});

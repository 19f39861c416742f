import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replayable } from './terminal-replay.ts';

const whole = { cut: false };
const ESC = '\x1b';

describe('what a terminal was sent', () => {
  test.each([
    ['text', 'plain täxt\r\n\tand a tab\b', 'plain täxt\r\n\tand a tab\b'],
    ['colours', `${ESC}[1;38:5:3mred${ESC}[0m`, `${ESC}[1;38:5:3mred${ESC}[0m`],
    [
      'moving and erasing',
      `${ESC}[2J${ESC}[3;4H${ESC}[K${ESC}7${ESC}8`,
      `${ESC}[2J${ESC}[3;4H${ESC}[K${ESC}7${ESC}8`,
    ],
    ['modes of the screen', `${ESC}[?1049;25h${ESC}[?25l`, `${ESC}[?1049;25h${ESC}[?25l`],
  ])('is sent again: %s', (_what, text, again) => {
    expect(replayable(text, whole)).toBe(again);
  });

  test.each([
    ['where the cursor is', `${ESC}[6n`],
    ['the same by a C1 control', '\x9b6n'],
    ['which terminal it is', `${ESC}[c${ESC}[>c${ESC}[=c${ESC}Z`],
    ['its version', `${ESC}[>q`],
    ['its size', `${ESC}[18t${ESC}[14t`],
    ['its title', `${ESC}[21t`],
    ['a mode', `${ESC}[?2004$p`],
    ['its keyboard', `${ESC}[?u`],
    ['its parameters', `${ESC}[x`],
    ['a colour', `${ESC}]11;?\x07${ESC}]4;1;?${ESC}\\`],
    ['the clipboard', `${ESC}]52;c;?\x07`],
    ['a setting or a capability', `${ESC}P$qm${ESC}\\${ESC}P+q544e${ESC}\\`],
    ['a picture', `${ESC}_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA${ESC}\\`],
    ['its answerback', '\x05'],
  ])('asks nothing a second time: %s', (_what, question) => {
    expect(replayable(`a${question}b`, whole)).toBe('ab');
  });

  test('holds no sequence but those that draw, whatever was sent', () => {
    const piece = fc.constantFrom(
      ...[
        ESC,
        '[',
        ']',
        '?',
        '>',
        'P',
        '\\',
        '6',
        'n',
        'c',
        'm',
        'H',
        'q',
        ' ',
        '$',
        ';',
        '52',
        'u',
        't',
        '\r',
        '\x07',
        '\x9b',
        '\x9d',
        '\x18',
      ],
    );
    const drawing = new RegExp(
      String.raw`^${ESC}(?:\[[0-9;:]*[A-MPSTXZ@\x60adefgmrsu]|\[(?:\?[0-9;]*|4)[hl]|[78DEHM=>]|[()][0-9A-Z])`,
    );
    const controls = new RegExp(String.raw`[${'\0'}-\x07\x0e-\x1a\x1c-\x1f\x7f-\x9f]`);
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.boolean(), (pieces, cut) => {
        const again = replayable(pieces.join(''), { cut });
        expect(again).not.toMatch(controls);
        for (let at = again.indexOf(ESC); at !== -1; at = again.indexOf(ESC, at + 1)) {
          expect(again.slice(at)).toMatch(drawing);
        }
        expect(replayable(again, whole)).toBe(again);
      }),
      { numRuns: 2000 },
    );
  });

  test('begins with a line or a sequence where it was cut', () => {
    expect(replayable(';31mtail of it\nnext', { cut: true })).toBe('next');
    expect(replayable(`;31mtail${ESC}[0mnext`, { cut: true })).toBe(`${ESC}[0mnext`);
    expect(replayable('neither', { cut: true })).toBe('neither');
  });
});

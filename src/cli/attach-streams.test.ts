import { PassThrough, type Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { DetachKeys } from './detach-keys.ts';
import { ScreenModes } from './screen-modes.ts';

async function through(stream: Transform, chunks: readonly string[]): Promise<string> {
  const shown = text(stream.pipe(new PassThrough()));
  for (const chunk of chunks) stream.write(Buffer.from(chunk, 'latin1'));
  stream.end();
  return await shown;
}

describe('the keys that leave', () => {
  const type = async (...chunks: string[]) => {
    let left = 0;
    const passed = await through(
      new DetachKeys(() => {
        left += 1;
      }),
      chunks,
    );
    return [passed, left];
  };

  test.each([
    [['abc'], 'abc', 0],
    [['a\x1c\x1cb'], 'a', 1],
    [['a\x1c', '\x1c', 'b'], 'a', 1],
    [['\x1ca', '\x1cb'], '\x1ca\x1cb', 0],
    [['a\x1c'], 'a\x1c', 0],
    [['\x1c\x1c\x1c\x1c'], '', 1],
  ])('%j', async (chunks, passed, left) => {
    expect(await type(...chunks)).toEqual([passed, left]);
  });
});

describe('the modes that are left behind', () => {
  test.each([
    [['text'], ''],
    [['\x1b[?1049h\x1b[?25l'], '\x1b[?1049l\x1b[?25h\x1b[0m'],
    [['\x1b[?1000;1006h'], '\x1b[?1000l\x1b[?1006l\x1b[0m'],
    [['\x1b[?1049h', 'x', '\x1b[?1049l'], ''],
    [['\x1b', '[?20', '04', 'h'], '\x1b[?2004l\x1b[0m'],
    [['\x1b[?7l\x1b[?7h'], ''],
  ])('%j', async (chunks, undone) => {
    const modes = new ScreenModes();
    expect(await through(modes, chunks)).toBe(chunks.join(''));
    expect(modes.undo()).toBe(undone);
  });
});

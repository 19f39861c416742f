/** Claims about the words that an agent is started with. */
import { describe, expect, test } from 'vitest';
import { commandWords } from './command-words.ts';
import { aider } from './presets/aider.ts';
import { claude } from './presets/claude.ts';
import { codex } from './presets/codex.ts';

const OFF = ['--settings', '{"sandbox":{"enabled":false}}'];

describe('the words of an agent', () => {
  test('are the person’s where it brings no sandbox', () => {
    expect(commandWords(aider, ['-m', 'work'])).toEqual({ words: ['-m', 'work'] });
  });

  test('begin with what switches its own sandbox off', () => {
    expect(commandWords(claude, ['-p', 'work'])).toEqual({ words: [...OFF, '-p', 'work'] });
    expect(commandWords(codex, ['--config', 'model="m"', 'exec', 'work']).words).toEqual([
      ...['--config', 'sandbox_mode="danger-full-access"'],
      ...['--config', 'model="m"', 'exec', 'work'],
    ]);
  });

  test.each(['--settings', '--settings={}'])(
    'leave a %s of the person’s to them, and that is told',
    (word) => {
      const { words, told } = commandWords(claude, [word, '-p', 'work']);
      expect(words).toEqual([word, '-p', 'work']);
      expect(told).toContain('Claude Code takes one --settings, and yours stands');
    },
  );

  test('take nothing behind "--" for an option', () => {
    expect(commandWords(claude, ['--', '--settings']).words).toEqual([...OFF, '--', '--settings']);
  });
});

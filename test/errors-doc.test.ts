import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES, type ErrorKind } from '../src/errors.ts';

const SECTIONS: Readonly<Record<string, ErrorKind>> = {
  Misuse: 'misuse',
  Environment: 'environment',
  Bugs: 'bug',
};

interface Entry {
  readonly code: string;
  readonly kind: ErrorKind | undefined;
  readonly parts: readonly string[];
}

function documented(): Entry[] {
  const text = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');
  return text.split(/^## /m).flatMap((section) => {
    const kind = SECTIONS[section.slice(0, section.indexOf('\n'))];
    return section
      .split(/^### /m)
      .slice(1)
      .map((entry) => ({
        code: /^`(\w+)`\n/.exec(entry)?.[1] ?? entry,
        kind,
        parts: [...entry.matchAll(/^- \*\*(\w+):\*\* \S/gm)].map((match) => match[1]!),
      }));
  });
}

describe('docs/errors.md', () => {
  test('lists exactly the codes of the catalogue, in its order and under their kinds', () => {
    expect(documented().map(({ code, kind }) => [code, kind])).toEqual(Object.entries(ERROR_CODES));
  });

  test('says of each what it is, when it comes and what to do', () => {
    for (const { code, parts } of documented()) expect([code, parts]).toEqual([code, ['What', 'When', 'Do']]);
  });
});

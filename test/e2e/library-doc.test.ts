/** The examples of docs/library.md print what they say they print. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { library } from '../fixtures/library.ts';
import { makeWorld, people, repository, type World } from '../fixtures/world.ts';

const page = readFileSync(join(repository, 'docs/library.md'), 'utf8');
const runnable = page
  .split(/^## /m)
  .slice(1)
  .flatMap((section) =>
    [...section.matchAll(/^```ts run\n(.*?)^```$/gms)].map(
      ([, code]) => [section.slice(0, section.indexOf('\n')), code!] as const,
    ),
  );

describe('docs/library.md', () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(people.at(-1)!);
  });
  afterAll(() => world.dispose());

  test('has examples', () => expect(runnable.length).toBeGreaterThan(5));

  test.each(runnable)('the example of “%s” prints what it says', async (_title, code) => {
    const expected = [...code.matchAll(/^\/\/ prints: (.*)$/gm)].map(([, line]) => line);
    expect(expected).not.toEqual([]);
    const printed = await library<string[]>(
      world,
      `const printed = [];
       console.log = (...words) => printed.push(words.join(' '));
       { ${code} }
       report(printed);`,
    );
    expect(printed).toEqual(expected);
  });
});

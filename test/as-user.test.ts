import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { spawnAs, testUsers } from './fixtures/as-user.ts';

describe.each(testUsers())('the fixture as $label', (user) => {
  const output = async (argv: readonly string[]) => {
    const child = spawnAs(user, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [stdout, [code]] = await Promise.all([text(child.stdout!), once(child, 'close')]);
    expect(code).toBe(0);
    return stdout;
  };

  test('runs with exactly the groups of that user', async () => {
    expect(await output(['id', '-u'])).toBe(`${user.uid}\n`);
    const groups = (await output(['id', '-G'])).trim().split(' ').map(Number);
    // Not being root, a person runs as themselves, with what groups they have.
    const expected = process.getuid?.() === 0 ? [user.gid] : process.getgroups!();
    expect(new Set(groups)).toEqual(new Set(expected));
  });

  test('passes none of the test’s own environment', async () => {
    process.env.LEAKED = 'yes';
    expect(await output(['env'])).not.toContain('LEAKED');
    delete process.env.LEAKED;
  });
});

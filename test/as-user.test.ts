import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { makeDirectoryFor, runAs, testUsers } from './fixtures/as-user.ts';

describe.each(testUsers())('the fixture as $label', (user) => {
  test('runs with exactly the groups of that user', async () => {
    const { stdout, exitCode } = await runAs(user, ['id', '-u']);
    expect({ stdout, exitCode }).toEqual({ stdout: `${user.uid}\n`, exitCode: 0 });
    expect((await runAs(user, ['id', '-G'])).stdout).toBe(`${user.gid}\n`);
  });

  test('passes input, arguments and the working directory on, and reports signals', async () => {
    const directory = makeDirectoryFor(user);
    try {
      const script = 'cat; pwd; printf "%s|" "$@"; kill -TERM $$';
      const result = await runAs(user, ['sh', '-c', script, 'sh', 'a b', '$HOME', ''], {
        cwd: directory,
        input: 'in\n',
      });
      expect(result).toEqual({
        exitCode: null,
        signal: 'SIGTERM',
        stdout: `in\n${directory}\na b|$HOME||`,
        stderr: '',
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

import { expect, test } from 'vitest';
import type { Context } from './command.ts';
import { startKeeper } from './keeper-start.ts';

const quiet = { isTerminal: false, colour: false, columns: 80, write() {} };

function context(node: string): Context {
  const entry = { node, script: 'none.cjs' };
  return { entry, words: [], environment: {}, cwd: '/', out: quiet, err: quiet } as unknown as Context;
}

test.each(['/nonexistent/node', '/bin/true'])(
  'a process that hears of no errand (%s) is an error of the start, whatever tells of it first',
  async (node) => {
    const started = startKeeper(context(node), 'none');
    const code = process.platform === 'linux' ? 'ERR_SETUP_FAILED' : 'ERR_PLATFORM_UNSUPPORTED';
    await expect(started).rejects.toMatchObject({ code });
  },
);

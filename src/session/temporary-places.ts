/** Temporary directories inside that are one command's own: made some at a time, under names that nobody can guess. */
import { randomBytes } from 'node:crypto';
import { SandboxError } from '../errors.ts';
import type { CommandPlan } from '../platform/linux/plan.ts';
import type { CommandEvents } from './commands.ts';

/** Made with one command, so that few narrower commands wait for one. */
const BATCH = 16;

type Start = (plan: CommandPlan, events: CommandEvents) => void;

export class TemporaryPlaces {
  readonly #start: Start;
  readonly #spare: string[] = [];
  #making: Promise<void> | undefined;

  constructor(start: Start) {
    this.#start = start;
  }

  /** A directory (mode 0700, empty) that no other command was given. Rejects with ERR_SETUP_FAILED. */
  async take(): Promise<string> {
    for (;;) {
      const spare = this.#spare.pop();
      if (spare !== undefined) return spare;
      this.#making ??= this.#make().finally(() => {
        this.#making = undefined;
      });
      await this.#making;
    }
  }

  #make(): Promise<void> {
    const names = Array.from({ length: BATCH }, () => `/tmp/command-${randomBytes(12).toString('hex')}`);
    // One that was there already would be somebody else's: mkdir fails then, and so does the command.
    const plan: CommandPlan = {
      argv: ['mkdir', '-m', '700', '--', ...names],
      cwd: '/',
      streams: ['ignore', 'ignore', 'ignore'],
      leftovers: 'keep',
    };
    return new Promise((resolve, reject) => {
      const onRecord: CommandEvents['onRecord'] = ({ event, value }) => {
        if (event === 'started') return;
        if (event === 'exited' && value === 0) {
          this.#spare.push(...names);
          resolve();
        } else reject(notMade(`mkdir: ${event} ${value}`));
      };
      this.#start(plan, { onRecord, onHandle: () => {} });
    });
  }
}

function notMade(why: string): SandboxError {
  return new SandboxError('ERR_SETUP_FAILED', {
    what: 'Cannot make a temporary directory for a narrower command',
    why,
    fix: 'Check that mkdir is on PATH inside, and that /tmp inside has room',
  });
}

/**
 * Carries the command of `pinfold run --ask`. SECURITY: it does not get the person's terminal. On a whole one it has a terminal of its
 * own inside, else pipes stand for each of its streams that is one; so questions are between the person and us.
 */
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { SandboxError } from '../errors.ts';
import type { CommandPlan } from '../platform/linux/plan.ts';
import { CommandProcess } from '../sandbox/command-process.ts';
import type { Commands } from '../session/commands.ts';
import type { Planned, RunOptions } from '../session/plan-run.ts';
import type { RunControl } from '../session/run-events.ts';
import { onTerminal } from '../session/terminal-command.ts';
import type { Ending, Target } from '../session/types.ts';
import type { Context, Output } from './command.ts';
import { Dialog } from './dialog.ts';
import type { Carrier } from './enclosed-run.ts';
import { type PersonsTerminal, personsTerminal } from './exec-terminal.ts';
import { usageError } from './parse.ts';
import { escapeText } from './render/escape.ts';

const ENOENT = 'ENOENT';

export class AskedRun implements Carrier {
  /** Of the session: it lasts until the command in it has ended. */
  readonly target: Target;
  ending: Ending | undefined;
  readonly options: Pick<RunOptions, 'ask'> = { ask: (question, gone) => this.#dialog.ask(question, gone) };
  readonly #argv: readonly string[];
  readonly #terminal: PersonsTerminal | undefined;
  readonly #dialog: Dialog;
  readonly #err: Output;
  /** What flows between the person and the command. */
  readonly #flows: [from: Readable, to: Writable][] = [];
  #held = false;
  #planned: Planned | undefined;
  #child: CommandProcess | undefined;
  #start: (plan: CommandPlan) => CommandProcess = () => {
    throw new RangeError('the session is not there yet');
  };

  /** Throws ERR_USAGE where there is no terminal to ask on. */
  constructor({ argv, cwd }: Target, context: Context, homeDir: string) {
    if (!context.err.isTerminal) {
      throw usageError(
        'Cannot ask',
        'standard error is no terminal',
        'Leave --ask out; what is refused can be opened from another terminal with pinfold allow',
      );
    }
    this.#argv = argv;
    this.#err = context.err;
    this.target = { argv: [], cwd };
    this.#terminal = personsTerminal(context);
    this.#dialog = new Dialog({
      err: context.err,
      homeDir,
      input: process.stdin.isTTY ? process.stdin : undefined,
      raw: this.#terminal !== undefined,
      hold: () => this.#hold(),
    });
  }

  /** Throws ERR_NAMESPACES_UNAVAILABLE where nothing can be opened while it runs. */
  planned(planned: Planned): void {
    const { weaker, blind } = planned;
    if (weaker !== undefined) {
      throw new SandboxError('ERR_NAMESPACES_UNAVAILABLE', {
        what: 'Cannot ask',
        why: `nothing can be opened in a session that runs: ${weaker.why}`,
        fix: 'Leave --ask out',
      });
    }
    this.#planned = planned;
    if (blind !== undefined)
      this.#err.write(`pinfold: what is read is not asked about: ${escapeText(blind)}\n`);
  }

  live(control: RunControl, commands: Commands): void {
    this.#start = (plan) => {
      const child = new CommandProcess(plan, { terminal: this.#terminal !== undefined });
      const session = {
        start: commands.start.bind(commands),
        hostPid: () => undefined,
        takeOutput: (chunk: Buffer) => commands.takeOutput(chunk),
      };
      child.on('close', () => {
        this.ending ??= endingOf(child);
        // Nobody is left to hear it but init, which ends the session.
        control.signal('SIGTERM');
      });
      child.on('error', ({ code, errno = 0 }: NodeJS.ErrnoException) => {
        const [command = ''] = this.#argv;
        this.ending =
          code === ENOENT
            ? { kind: 'not-found', command }
            : { kind: 'not-executable', command, errno: -errno };
      });
      child.begin(session, plan, {});
      return child;
    };
  }

  /** The boundary is in force. */
  begin(): void {
    const child = this.#start(this.#plan());
    this.#child = child;
    const streams: readonly [Readable | Writable | null, Readable | Writable][] = [
      [child.stdin, process.stdin],
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ];
    for (const [inner, outer] of streams) {
      if (inner === null) continue;
      // It may end without reading all that is typed.
      inner.on('error', () => {});
      this.#flows.push(
        inner === child.stdin
          ? [outer as Readable, inner as Writable]
          : [inner as Readable, outer as Writable],
      );
    }
    this.#flow();
    this.#terminal?.take((size) => child.resize(size));
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(constants.signals[name]);
  }

  /** Call when the session is over, whether or not the command was started. */
  restore(): void {
    this.#stopFlow();
    if (this.#child !== undefined) this.#terminal?.restore();
    // It would keep this process until somebody types.
    process.stdin.destroy();
  }

  #plan(): CommandPlan {
    const { plan, capabilities, weaker } = this.#planned!;
    const counted = this.#planned!.policy.limits.output !== undefined;
    const isPipe = (index: 0 | 1 | 2) =>
      (counted && index > 0) || [process.stdin, process.stdout, process.stderr][index]!.isTTY;
    const stream = (index: 0 | 1 | 2) => (isPipe(index) ? 'pipe' : index);
    const streams = [stream(0), stream(1), stream(2)] as const;
    const command: CommandPlan = { argv: this.#argv, cwd: this.target.cwd, streams, leftovers: 'keep' };
    if (this.#terminal === undefined) return command;
    const { size, name } = this.#terminal;
    return onTerminal(command, {
      arch: capabilities.arch,
      size,
      ...(name !== undefined && { name }),
      sessionEnvironment: plan.environment,
      weaker,
    });
  }

  #flow(): void {
    if (this.#held) return;
    for (const [from, to] of this.#flows) from.pipe(to, { end: to === this.#child?.stdin });
  }

  #stopFlow(): void {
    for (const [from, to] of this.#flows) from.unpipe(to);
  }

  #hold(): () => void {
    this.#held = true;
    this.#stopFlow();
    return () => {
      this.#held = false;
      this.#flow();
      this.#redraw();
    };
  }

  /** A program that keeps the whole screen draws it anew when its size changes. */
  #redraw(): void {
    if (this.#terminal === undefined || this.#child === undefined) return;
    const { columns = 80, rows = 24 } = process.stdout;
    this.#child.resize({ columns, rows: Math.max(1, rows - 1) });
    this.#child.resize({ columns, rows });
  }
}

function endingOf({ exitCode, signalCode }: CommandProcess): Ending {
  return signalCode === null
    ? { kind: 'exited', code: exitCode ?? 0 }
    : { kind: 'killed', signal: constants.signals[signalCode] };
}

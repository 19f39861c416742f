/** Carries the command of `pinfold run --detach`: it runs whether or not anybody is attached, and the session ends with it. */
import { constants } from 'node:os';
import { SandboxError } from '../errors.ts';
import type { CommandPlan } from '../platform/linux/plan.ts';
import type { CommandNews, Commands } from '../session/commands.ts';
import type { HeldSession } from '../session/control-server.ts';
import { HeldCommand } from '../session/held-command.ts';
import type { Planned } from '../session/plan-run.ts';
import type { RunControl } from '../session/run-events.ts';
import type { DetachedInput, OpenSession } from '../session/store.ts';
import { onTerminal } from '../session/terminal-command.ts';
import type { Ending, Target } from '../session/types.ts';
import type { Carrier } from './enclosed-run.ts';
import type { Keeper } from './keeper.ts';

const ENOENT = 2;

export class DetachedRun implements Carrier {
  /** Of the session: it lasts until the command in it has ended. */
  readonly target: Target;
  readonly detached: { readonly input: DetachedInput };
  readonly options: { readonly held: HeldSession };
  readonly #argv: readonly string[];
  readonly #keeper: Keeper;
  readonly #onReady: (session: OpenSession) => void;
  #planned: Planned | undefined;
  #control: RunControl | undefined;
  #commands: Commands | undefined;
  #command: HeldCommand | undefined;
  #ending: Ending | undefined;
  #closed = false;

  /** `onReady`: its command runs. */
  constructor({ argv, cwd }: Target, keeper: Keeper, onReady: (session: OpenSession) => void) {
    this.#argv = argv;
    this.#keeper = keeper;
    this.#onReady = onReady;
    this.target = { argv: [], cwd };
    this.detached = { input: keeper.input };
    this.options = {
      held: {
        attach: (request) => this.#command!.attach(request),
        terminate: () => this.signal('SIGTERM'),
        close: () => {
          this.#closed = true;
        },
      },
    };
  }

  /** Undefined while its command was not started. What the end of the session took with it was killed. */
  get ending(): Ending | undefined {
    return this.#ending ?? (this.#command && { kind: 'killed', signal: constants.signals.SIGKILL });
  }

  /** Throws ERR_NAMESPACES_UNAVAILABLE where no terminal can be made inside. */
  planned(planned: Planned): void {
    const { weaker } = planned;
    if (weaker !== undefined && this.#keeper.input === 'terminal') {
      throw new SandboxError('ERR_NAMESPACES_UNAVAILABLE', {
        what: 'Cannot give a detached command a terminal of its own',
        why: weaker.why,
        fix: 'Give --stdin none or --stdin pipe',
      });
    }
    this.#planned = planned;
  }

  live(control: RunControl, commands: Commands): void {
    this.#control = control;
    this.#commands = commands;
  }

  begin(session: OpenSession): void {
    const { input } = this.#keeper;
    this.#command = new HeldCommand(
      this.#commands!,
      { plan: this.#plan(), terminal: input === 'terminal', input: input !== 'none' },
      {
        directory: session.directory,
        append: (event) => {
          if (!this.#closed) session.append(event);
        },
        onStarted: () => this.#onReady(session),
        onEnded: (news) => this.#end(news),
      },
    );
  }

  signal(name: NodeJS.Signals): void {
    if (this.#command) this.#command.signal(constants.signals[name]);
    // Nothing runs yet that could hear it.
    else this.#control?.signal(name);
  }

  restore(): void {}

  #plan(): CommandPlan {
    const { plan, capabilities, weaker } = this.#planned!;
    const { input, terminal } = this.#keeper;
    const stdin = input === 'none' ? 'ignore' : 'pipe';
    const command: CommandPlan = {
      argv: this.#argv,
      cwd: this.target.cwd,
      streams: [stdin, 'pipe', 'pipe'],
      leftovers: 'keep',
    };
    if (input !== 'terminal') return command;
    const { columns, rows, name } = terminal;
    return onTerminal(command, {
      arch: capabilities.arch,
      size: { columns, rows },
      ...(name !== undefined && { name }),
      sessionEnvironment: plan.environment,
      weaker,
    });
  }

  #end({ event, value }: CommandNews): void {
    const [command = ''] = this.#argv;
    if (event === 'exited') this.#ending = { kind: 'exited', code: value };
    else if (event !== 'failed') this.#ending = { kind: 'killed', signal: value };
    else if (value === ENOENT) this.#ending = { kind: 'not-found', command };
    else this.#ending = { kind: 'not-executable', command, errno: value };
    // Nobody is left to hear it but init, which ends the session.
    this.#control?.signal('SIGTERM');
  }
}

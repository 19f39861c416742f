/** What a running session can be told on Linux alone: to show further paths, and to run further commands. */
import type { Socket } from 'node:net';
import type { Commands } from './commands.ts';
import type { SessionAbilities } from './control-server.ts';
import { ExecRelay } from './exec-relay.ts';
import { commandFrom } from './exec-request.ts';
import { LivePaths, type LivePathsOptions } from './live-paths.ts';
import { Narrower } from './narrower.ts';
import type { Planned } from './plan-run.ts';
import { TemporaryPlaces } from './temporary-places.ts';
import { onTerminal } from './terminal-command.ts';
import type { LoadedPolicy } from './types.ts';

export interface LinuxAbilitiesOptions extends LivePathsOptions {
  readonly commands: Commands;
  readonly loaded: Pick<LoadedPolicy, 'layers' | 'facts'>;
  readonly planned: Planned;
}

export class LinuxAbilities implements SessionAbilities {
  readonly paths: LivePaths;
  readonly #options: LinuxAbilitiesOptions;
  readonly #narrower: Narrower;

  constructor(options: LinuxAbilitiesOptions) {
    const { loaded, planned, commands } = options;
    this.#options = options;
    this.paths = new LivePaths(options);
    const places = new TemporaryPlaces((plan, events) => commands.start(plan, events));
    this.#narrower = new Narrower(loaded, planned, places);
  }

  /** Throws SandboxError for a request that is wrong, or for more than the session has; then nothing has been started. */
  command(request: Readonly<Record<string, unknown>>): (socket: Socket, rest: Buffer) => void {
    const { commands, planned, append } = this.#options;
    const { capabilities, plan: session, weaker } = planned;
    const asked = commandFrom(request, session.cwd);
    const { terminal, narrowing, detach } = asked;
    const { arch } = capabilities;
    const sessionEnvironment = session.environment;
    const wide =
      terminal === undefined
        ? asked.plan
        : onTerminal(asked.plan, { arch, size: terminal, sessionEnvironment, weaker, ...terminal });
    const { plan } = this.#narrower.narrow(wide, narrowing);
    const { argv, cwd } = wide;
    const narrower = Object.keys(narrowing).length > 0;
    append({ kind: 'exec', argv, cwd, ...(narrower && { narrowing }), ...(detach && { detach }) });
    const relayed = { plan, terminal: terminal !== undefined, silent: detach };
    return (socket, rest) => new ExecRelay(socket, commands, relayed).take(rest);
  }

  close(): void {
    this.paths.close();
  }
}

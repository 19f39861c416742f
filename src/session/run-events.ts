/** What a run tells whoever started it, and what may be done with it while it lasts. */
import type { Traffic } from '../network/traffic-ledger.ts';
import type { Enforcement, Weaker } from '../platform/backend.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import type { LauncherRecord } from '../platform/linux/plan.ts';
import type { AccessRequest } from '../violations/requests.ts';
import type { Denial } from '../violations/types.ts';
import type { Commands } from './commands.ts';
import type { ControlServer } from './control-server.ts';
import type { SessionEvent } from './event-log.ts';
import type { Exceeded } from './limits.ts';
import type { Planned } from './plan-run.ts';

/** What a person may do with a run while it lasts. */
export type RunControl = Pick<Launcher, 'signal'>;

/** What may be done with a live session. */
export type LiveControl = Pick<
  Launcher,
  'pid' | 'signal' | 'command' | 'signalCommand' | 'onHandle' | 'hold'
>;

export type CommandRecord = Extract<LauncherRecord, { kind: 'command' }>;

/** What was opened while a session runs, and may be. */
export type OpenGrants = Pick<ControlServer, 'grants' | 'paths'>;

export interface SessionPlace {
  readonly id: string;
  /** The session's own directory; the quarantine is made beneath it when needed. */
  readonly directory: string;
}

export interface RunEvents {
  onPlanned?(planned: Planned): SessionPlace;
  /** The host gives no namespaces, and what is missing without them was accepted: this is what is run. */
  onWeaker?(planned: Planned, weaker: Weaker): void;
  onStarted?(control: RunControl, launcherPid: number | undefined): void;
  /** Every mechanism is in force and the command has been started. */
  onEnforced?(enforcement: readonly Enforcement[]): void;
  /** A mechanism was lost while it runs. */
  onWeakened?(enforcement: readonly Enforcement[]): void;
  /** What belongs in the session's log: violations and their counts, bounded. */
  onEvent?(event: SessionEvent): void;
  /** Each refusal as it is seen; `onEvent` has them counted. */
  onDenial?(denial: Denial): void;
  /** Something inside asks for a grant. */
  onRequest?(request: AccessRequest): void;
  /** Comes with `onStarted`, where the session is live. */
  onLive?(control: LiveControl, commands: Commands): void;
  /** Before anything of it runs: how hosts and paths are opened and closed in it. */
  onGrants?(grants: () => Promise<OpenGrants>): void;
  /** A connection between the inside and another place has ended. */
  onTraffic?(traffic: Traffic): void;
  /** A limit was exceeded for the first time. */
  onExceeded?(exceeded: Exceeded): void;
}

/** Runs a command inside, step by step: plan, launch, watch, sweep. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxError } from '../errors.ts';
import type { Traffic } from '../network/traffic-ledger.ts';
import type { Enforcement, Weaker } from '../platform/backend.ts';
import { enforcementOf, setupError } from '../platform/linux/enforcement.ts';
import { Launcher } from '../platform/linux/launcher.ts';
import { startLauncher } from '../platform/linux/launcher-process.ts';
import type { LauncherRecord, Plan } from '../platform/linux/plan.ts';
import { relayedSockets } from '../platform/linux/socket-relays.ts';
import type { AccessRequest } from '../violations/requests.ts';
import type { Denial } from '../violations/types.ts';
import { Commands } from './commands.ts';
import type { ControlledSession, ControlServer } from './control-server.ts';
import { ControlSocket } from './control-socket.ts';
import { Denials } from './denials.ts';
import type { SessionEvent } from './event-log.ts';
import { GrantUse } from './grant-use.ts';
import { prepareWatch, WatchFailed, watchFailure, watchHidden } from './hidden-watch.ts';
import { showInside } from './inside-directory.ts';
import { type Exceeded, openLimits, type SessionLimits } from './limits.ts';
import { NameSupervisor } from './name-supervisor.ts';
import { caughtDenial } from './observed.ts';
import { openQuestions } from './open-questions.ts';
import { makePlan, type Planned, type RunOptions } from './plan-run.ts';
import { endingOf, Progress } from './progress.ts';
import { RunNetwork } from './run-network.ts';
import type { RunSockets, RunSocketsOptions } from './run-sockets.ts';
import { nameGuard, sweep } from './scan.ts';
import {
  giveTemporary,
  NamespacesRefused,
  namespaceRefusal,
  refuseLiveHosts,
  refuseUnaccepted,
} from './second-tier.ts';
import type { LoadedPolicy, RunOutcome, Target } from './types.ts';

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

/**
 * Runs `target` inside and resolves when nothing of it is left. Throws SandboxError when the boundary could not be made
 * or the launcher died; then the command was not started, or has been ended.
 */
export async function runInside(
  loaded: LoadedPolicy,
  target: Target,
  options: RunOptions,
  events: RunEvents = {},
): Promise<RunOutcome> {
  if (process.platform === 'darwin') {
    const { runOnMac } = await import('./macos-run.ts');
    return await runOnMac(loaded, target, options, events);
  }
  // Before the scan: made after it, in an open home, it would look like a name that slipped past the refusal.
  mkdirSync(join(loaded.facts.pinfold.stateDir, 'sessions'), { recursive: true, mode: 0o700 });
  let tripwire = prepareWatch(loaded.policy);
  let place: SessionPlace | undefined;
  let refusal: SandboxError | undefined;
  for (;;) {
    const { launcherPath: path, streams } = options;
    const launcher = new Launcher(
      (streams ? undefined : options.started?.take(path)) ??
        startLauncher(path, {
          channel: true,
          tripwire: tripwire.kind === 'ready' && refusal === undefined,
          ...(streams && { streams }),
        }),
    );
    const limits = await openLimits(loaded.policy, launcher);
    try {
      const { rlimits } = limits;
      const given = { ...options, ...(rlimits && { rlimits }) };
      const planned = await makePlan(launcher, loaded, target, given, tripwire, refusal);
      const { weaker } = planned;
      if (weaker) {
        refuseUnaccepted(planned.policy, weaker);
        events.onWeaker?.(planned, weaker);
      }
      place ??= events.onPlanned?.(planned) ?? {
        id: '',
        directory: join(loaded.facts.pinfold.stateDir, 'sessions'),
      };
      return await carryOut({ launcher, loaded, planned, place, limits }, options, events);
    } catch (error) {
      if (error instanceof NamespacesRefused) {
        refusal = error.refusal;
        continue;
      }
      // No guarantee rests on seeing: without it the same boundary is made again, and its status says what is not seen.
      if (!(error instanceof WatchFailed)) throw error;
      tripwire = { kind: 'blind', reason: error.message };
    } finally {
      await launcher.close();
      await limits.close();
    }
  }
}

/** A run that nobody records has no directory of its own, and nobody to reach it. */
function controlSocket(
  { id, directory }: SessionPlace,
  session: ControlledSession,
): ControlSocket | undefined {
  return id === '' ? undefined : new ControlSocket(directory, session);
}

/** Undefined where no socket of the host is opened: nothing is loaded for it. */
async function relays(plan: Plan, options: RunSocketsOptions): Promise<RunSockets | undefined> {
  if (relayedSockets(plan).length === 0) return undefined;
  const { openRelays } = await import('./run-sockets.ts');
  return await openRelays(plan, options);
}

interface ReadyRun {
  readonly launcher: Launcher;
  readonly loaded: LoadedPolicy;
  readonly planned: Planned;
  readonly place: SessionPlace;
  readonly limits: SessionLimits;
}

async function carryOut(
  { launcher, loaded, planned, place, limits }: ReadyRun,
  options: RunOptions,
  events: RunEvents,
): Promise<RunOutcome> {
  const { policy } = planned;
  const progress = new Progress(planned.plan);
  mkdirSync(place.directory, { recursive: true, mode: 0o700 });
  const temporary = giveTemporary(planned.plan, place.directory);
  const { plan, eventsFile } = showInside(temporary.plan, place.directory);
  const denials = new Denials({
    policy,
    eventsFile,
    append: (event) => events.onEvent?.(event),
    launcher: () => launcher.pid,
    onRequest: (request) => {
      events.onRequest?.(request);
      questions?.request(request);
    },
  });
  const take = (denial: Denial) => {
    events.onDenial?.(denial);
    return denials.take(denial);
  };
  const guard = nameGuard(planned, place.directory, (caught) => {
    take(caughtDenial(policy, caught));
    launcher.signal('SIGKILL');
  });
  guard.start();
  limits.start((exceeded) => {
    events.onEvent?.({ kind: 'limit', ...exceeded });
    events.onExceeded?.(exceeded);
  });
  const { applied } = progress;
  let lost: Date | undefined;
  const { capabilities, decider } = planned;
  const questions = await openQuestions(place, options.ask, {
    policy,
    launcher,
    append: (event) => events.onEvent?.(event),
    control: () => control,
  });
  const repositories = async () => {
    const { NewRepositories } = await import('./new-repositories.ts');
    return new NewRepositories({
      launcher,
      directory: place.directory,
      guarded: (entries) => guard.guarded(entries),
      watch: (directory) => guard.watch(directory),
    });
  };
  const enforced = () => [...enforcementOf({ ...planned, plan, applied, lost }), ...limits.status(plan)];
  const names = new NameSupervisor({
    questions,
    policy,
    decider,
    plan,
    arch: capabilities.arch,
    launcher,
    repositories: plan.namespaces === 0 ? undefined : repositories,
    take,
    append: (event) => events.onEvent?.(event),
  });
  const tripwire = await watchHidden(launcher, planned, {
    questions,
    take,
    ready: () => denials.ready(),
    isTold: (pid, path) => names.isTold(pid, path),
    onLost: () => {
      if (progress.over) return;
      lost = new Date();
      events.onWeakened?.(enforced());
    },
  });
  const network = new RunNetwork({
    policy,
    launcher,
    environment: options.environment,
    denials,
    take,
    onConnected: (connected) => control?.connected(connected),
    events,
    questions,
  });
  const grantUse = new GrantUse({
    policy,
    decider,
    launcher: () => launcher.pid,
    append: (event) => events.onEvent?.(event),
  });
  const commands = new Commands(launcher);
  const control: ControlSocket | undefined = controlSocket(place, {
    policy,
    // Without namespaces there is no network to open a host in.
    network: () => (planned.weaker ? refuseLiveHosts(planned.weaker) : network.get()),
    append: (event) => events.onEvent?.(event),
    signal: (name) => launcher.signal(name),
    abilities: async () => {
      const { LinuxAbilities } = await import('./linux-abilities.ts');
      const append = (event: SessionEvent) => events.onEvent?.(event);
      const { facts } = planned;
      return new LinuxAbilities({
        policy,
        facts,
        plan,
        launcher,
        tripwire,
        append,
        commands,
        loaded,
        planned,
      });
    },
  });
  if (control) events.onGrants?.(() => control.answering());
  const sockets = await relays(plan, {
    policy,
    directory: place.directory,
    take,
    onTraffic: (traffic) => network.account(traffic),
  });
  const run = launcher.run(sockets?.plan ?? plan, (record) => {
    progress.take(record);
    if (record.kind === 'started') sockets?.relay.hide();
    if (record.kind === 'asked' || record.kind === 'listening') network.take(record);
    if (record.kind === 'started') events.onEnforced?.(enforced());
    if (record.kind === 'making') names.answer(record);
    if (record.kind === 'command') {
      limits.hear(record);
      commands.hear(record);
    }
  });
  events.onStarted?.(launcher, launcher.pid);
  events.onLive?.(launcher, commands);
  grantUse.start();
  try {
    await run;
  } catch (error) {
    // However it ended, what slipped past the refusal must not stay for the host to run.
    await sweep(planned, guard);
    names.end();
    // Its counts are to be in the log, and its socket gone, whoever ended the session.
    await denials.end();
    throw error;
  } finally {
    questions?.close();
    grantUse.end();
    commands.end();
    await control?.close();
    sockets?.relay.close();
    await network.close();
    temporary.remove();
  }
  network.tell();
  if (progress.failure && !progress.started) {
    const { failure } = progress;
    guard.close();
    throw watchFailure(plan, failure) ?? namespaceRefusal(plan, failure) ?? setupError(failure);
  }
  await sweep(planned, guard);
  names.end();
  const history = await denials.end();
  const ending = endingOf(progress);
  return {
    sessionId: place.id,
    ending,
    enforcement: enforced(),
    ...history,
    traffic: network.traffic,
    published: network.published,
    breached: guard.caught > 0,
    ...(planned.weaker && { weaker: planned.weaker }),
    exceeded: limits.finish(ending.kind === 'killed' ? ending.signal : undefined),
  };
}

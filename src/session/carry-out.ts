/** Carries one plan out with all that stands around it, until nothing of it runs: observers, guards, network, control. */

import { mkdirSync } from 'node:fs';
import { enforcementOf, setupError } from '../platform/linux/enforcement.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import type { Plan } from '../platform/linux/plan.ts';
import { relayedSockets } from '../platform/linux/socket-relays.ts';
import type { ViolationHistory } from '../violations/history.ts';
import type { Denial } from '../violations/types.ts';
import { Commands } from './commands.ts';
import type { ControlledSession } from './control-server.ts';
import { ControlSocket } from './control-socket.ts';
import { Denials } from './denials.ts';
import type { SessionEvent } from './event-log.ts';
import { GrantUse } from './grant-use.ts';
import { watchFailure, watchHidden } from './hidden-watch.ts';
import { showInside } from './inside-directory.ts';
import type { SessionLimits } from './limits.ts';
import { NameSupervisor } from './name-supervisor.ts';
import { caughtDenial } from './observed.ts';
import { openQuestions } from './open-questions.ts';
import { relayOutput } from './output-relay.ts';
import type { Planned, RunOptions } from './plan-run.ts';
import { endingOf, Progress } from './progress.ts';
import { refusedCall } from './refused-call.ts';
import type { RunEvents, SessionPlace } from './run-events.ts';
import { RunNetwork } from './run-network.ts';
import type { RunSockets, RunSocketsOptions } from './run-sockets.ts';
import { nameGuard, sweep } from './scan.ts';
import { giveTemporary, namespaceRefusal, refuseLiveHosts } from './second-tier.ts';
import type { LoadedPolicy, RunOutcome } from './types.ts';
import { WritablePlaces } from './writable-places.ts';

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

export interface ReadyRun {
  readonly launcher: Launcher;
  readonly loaded: LoadedPolicy;
  readonly planned: Planned;
  readonly place: SessionPlace;
  readonly limits: SessionLimits;
}

/**
 * Throws SandboxError where the boundary could not be made or the launcher died; NamespacesRefused and WatchFailed where it may
 * be made in another way.
 */
export async function carryOut(
  { launcher, loaded, planned, place, limits }: ReadyRun,
  options: RunOptions,
  events: RunEvents,
): Promise<RunOutcome> {
  const { policy } = planned;
  const progress = new Progress(planned.plan, () => launcher.signalled);
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
  const newGit = async () => {
    const { NewGit } = await import('./new-git.ts');
    return new NewGit({
      launcher,
      directory: place.directory,
      guarded: (entries) => guard.guarded(entries),
      watch: (directory) => guard.watch(directory),
      spare: (socket) => guard.spare(socket),
    });
  };
  const enforced = () => [...enforcementOf({ ...planned, plan, applied, lost }), ...limits.status(plan)];
  const writable = new WritablePlaces();
  const names = new NameSupervisor({
    writable,
    questions,
    policy,
    decider,
    plan,
    arch: capabilities.arch,
    launcher,
    newGit: plan.namespaces === 0 ? undefined : newGit,
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
    arch: capabilities.arch,
    tier: plan.namespaces === 0,
  });
  const grantUse = new GrantUse({
    policy,
    decider,
    launcher: () => launcher.pid,
    append: (event) => events.onEvent?.(event),
  });
  /** The counts are to be in the log, and the session's socket gone, also where the last look does not see all, and throws. */
  const finish = async () => {
    let history: ViolationHistory;
    try {
      planned.memory.keep(await sweep(planned, guard), planned.scanned.read);
    } finally {
      names.end();
      history = await denials.end();
    }
    return history;
  };
  const takeOutput = (chunk: Buffer) => limits.takeOutput(chunk);
  const commands = new Commands(launcher, takeOutput);
  const control: ControlSocket | undefined = controlSocket(place, {
    policy,
    // Without namespaces there may be no network to open a host in.
    network: () => (planned.weaker && !plan.asks.remote ? refuseLiveHosts(planned.weaker) : network.get()),
    deafLoopback: !plan.asks.loopback,
    append: (event) => events.onEvent?.(event),
    signal: (name) => launcher.signal(name),
    held: options.held,
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
        writable,
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
  const isShown = decider.accessOf(process.execPath, { directory: false }) !== 'none';
  const wired = await network.wired(sockets?.plan ?? plan, isShown ? process.execPath : undefined, policy);
  const relayed = options.outputs && relayOutput(launcher.outputs, options.outputs, takeOutput);
  const run = launcher.run(wired, (record) => {
    progress.take(record);
    if (record.kind === 'started') {
      sockets?.relay.hide();
      limits.begin(temporary.directory);
      grantUse.start();
    }
    if (record.kind === 'asked' || record.kind === 'listening') network.take(record);
    if (record.kind === 'started') events.onEnforced?.(enforced());
    if (record.kind === 'making') names.answer(record);
    else if (record.kind === 'refused-call') denials.take(refusedCall(record, capabilities.arch));
    if (record.kind === 'command') {
      limits.hear(record);
      commands.hear(record);
    }
  });
  events.onStarted?.(launcher, launcher.pid);
  events.onLive?.(launcher, commands);
  try {
    await run;
  } catch (error) {
    // However it ended, what slipped past the refusal must not stay for the host to run.
    await finish();
    throw error;
  } finally {
    // All that could write has gone; what it wrote is on its way.
    await relayed;
    questions?.close();
    grantUse.end();
    commands.end();
    options.held?.close();
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
  const history = await finish();
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

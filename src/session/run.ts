/** Runs a command inside: scan, plan, launch, watch, sweep. Joins the pure parts with the launcher. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxError } from '../errors.ts';
import { findExisting, followMatches, kindOf, type PathKind } from '../host/existing.ts';
import { scanTrees } from '../host/tree-scan.ts';
import { type Traffic, TrafficLedger } from '../network/traffic-ledger.ts';
import type { Enforcement } from '../platform/backend.ts';
import { type Capabilities, probeCapabilities } from '../platform/linux/capabilities.ts';
import { enforcementOf, setupError } from '../platform/linux/enforcement.ts';
import { Launcher, type StandardStreams } from '../platform/linux/launcher.ts';
import type { FailureRecord, LauncherRecord, Plan } from '../platform/linux/plan.ts';
import { buildPlan, type ScanRequest, scanMatches, scanRequest } from '../platform/linux/plan-builder.ts';
import { compileSeccomp } from '../platform/linux/seccomp/compile.ts';
import type { TripwireReadiness } from '../platform/linux/tripwire/device.ts';
import { Decider } from '../policy/decide.ts';
import { type DroppedVariable, scrubEnvironment } from '../policy/environment.ts';
import type { Notice, Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import { programInside } from './actor.ts';
import { Commands } from './commands.ts';
import type { ControlledSession } from './control-server.ts';
import { ControlSocket } from './control-socket.ts';
import { Denials } from './denials.ts';
import type { SessionEvent } from './event-log.ts';
import { GrantUse } from './grant-use.ts';
import { prepareWatch, WatchFailed, watchFailure, watchHidden } from './hidden-watch.ts';
import { showInside } from './inside-directory.ts';
import { LazyNetwork } from './lazy-network.ts';
import type { LiveGrants } from './live-grants.ts';
import { type GuardedEntry, NameGuard } from './name-guard.ts';
import { NameSupervisor } from './name-supervisor.ts';
import { caughtDenial } from './observed.ts';
import { refuseUnseen, sweep, unmatched } from './scan.ts';
import type { Ending, LoadedPolicy, PublishedPort, RunOutcome, Target } from './types.ts';
import { closeUnseen, isAmong } from './unseen.ts';

export interface RunOptions {
  /** Absolute path of `pinfold-launcher`. */
  readonly launcherPath: string;
  /** The person's environment, before scrubbing. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the command's standard streams lead; default: to those of this process. */
  readonly streams?: StandardStreams;
  /** A session that lasts until it is closed and runs commands; the target's argv may be empty then. */
  readonly live?: boolean;
}

export interface Planned {
  readonly plan: Plan;
  readonly capabilities: Capabilities;
  readonly dropped: readonly DroppedVariable[];
  /** Guarded and rule-named entries that exist in writable trees. */
  readonly matches: readonly GuardedEntry[];
  /** Where and for what the trees are scanned, before and after. */
  readonly scan: ScanRequest;
  /** Directories that could not be looked into, shown read-only. */
  readonly unseen: readonly string[];
  /** Why looks at hidden names are not seen. */
  readonly blind: string | undefined;
  /** The policy as enforced: with what the scan added. Records of guarded names index its rules. */
  readonly policy: Policy;
  readonly decider: Decider;
  /** A person's globs that match nothing now. */
  readonly notices: readonly Notice[];
}

/** What a person may do with a run while it lasts. */
export type RunControl = Pick<Launcher, 'signal'>;

/** What may be done with a live session. */
export type LiveControl = Pick<
  Launcher,
  'pid' | 'signal' | 'command' | 'signalCommand' | 'onHandle' | 'hold'
>;

export type CommandRecord = Extract<LauncherRecord, { kind: 'command' }>;

export interface SessionPlace {
  readonly id: string;
  /** The session's own directory; the quarantine is made beneath it when needed. */
  readonly directory: string;
}

export interface RunEvents {
  onPlanned?(planned: Planned): SessionPlace;
  onStarted?(control: RunControl, launcherPid: number | undefined): void;
  /** Every mechanism is in force and the command has been started. */
  onEnforced?(enforcement: readonly Enforcement[]): void;
  /** What belongs in the session's log: violations and their counts, bounded. */
  onEvent?(event: SessionEvent): void;
  /** Each refusal as it is seen; `onEvent` has them counted. */
  onDenial?(denial: Denial): void;
  /** Comes with `onStarted`, where the session is live. */
  onLive?(control: LiveControl, commands: Commands): void;
  /** Before anything of it runs: how hosts are opened and closed in it. */
  onGrants?(grants: () => Promise<LiveGrants>): void;
  /** A connection between the inside and another place has ended. */
  onTraffic?(traffic: Traffic): void;
}

const EACCES = 13;
const ENOENT = 2;

async function makePlan(
  launcher: Launcher,
  loaded: LoadedPolicy,
  target: Target,
  options: RunOptions,
  tripwire: TripwireReadiness,
): Promise<Planned> {
  const { facts } = loaded;
  const atFirst = new Decider(loaded.policy);
  // Looked up before the scan: a tree that is there now and gone for the scan makes it incomplete, and the run is refused.
  const existing = findExisting(loaded.policy);
  const { roots, patterns } = scanRequest(loaded.policy, atFirst);
  const request = { roots: roots.filter((root) => isTree(root, existing)), patterns };
  const scan = scanTrees(request);
  const hello = await launcher.hello();
  const capabilities = probeCapabilities(hello.landlockAbi);
  if (hello.landlockAbi === 0) throw noLandlock();
  if (capabilities.uid === 0 && loaded.policy.limits.processes) throw noProcessLimit();
  refuseUnseen(loaded.policy, scan);
  const policy = closeUnseen(loaded.policy, scan.unseen);
  const decider = policy === loaded.policy ? atFirst : new Decider(policy);
  for (const path of scan.unseen) existing.set(path, 'directory');
  const matches = followMatches(scanMatches(policy, scan.hits, decider));
  const { environment, dropped } = scrubEnvironment(options.environment, policy, facts.toolchains, decider);
  const plan = buildPlan({
    policy,
    facts,
    matches,
    existing,
    decider,
    scanned: scan.walked,
    ...(tripwire.kind === 'ready' ? { watched: tripwire.watched } : {}),
    capabilities,
    target: {
      argv: target.argv,
      cwd: target.cwd,
      environment: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    },
    seccomp: compileSeccomp({ arch: capabilities.arch, notify: true }),
  });
  const notices = unmatched(policy, matches);
  const { unseen } = scan;
  const blind = tripwire.kind === 'blind' ? tripwire.reason : undefined;
  return { plan, policy, decider, capabilities, dropped, matches, notices, scan: request, unseen, blind };
}

/** What is allowed though absent, or is a file, has nothing beneath it. A glob's own directory is in no rule: it is asked. */
function isTree(path: string, existing: ReadonlyMap<string, PathKind>): boolean {
  return (existing.get(path) ?? kindOf(path)) === 'directory';
}

/** RLIMIT_NPROC does not hold for the user with id 0 (setrlimit(2)). */
function noProcessLimit(): SandboxError {
  return new SandboxError('ERR_SETUP_FAILED', {
    what: 'Cannot limit the processes of root',
    why: 'the kernel exempts root from this limit',
    fix: 'Run as an ordinary user, or without the limit',
  });
}

function noLandlock(): SandboxError {
  return new SandboxError('ERR_LANDLOCK_UNAVAILABLE', {
    what: 'Cannot set the second lock',
    why: 'this kernel has no Landlock, or it is not among the active security modules',
    fix: 'Boot a kernel from 5.13 on with "landlock" in its lsm= list',
  });
}

/** The plan of a run, without running anything. */
export async function planFor(loaded: LoadedPolicy, target: Target, options: RunOptions): Promise<Planned> {
  if (process.platform === 'darwin') {
    throw new SandboxError('ERR_PLATFORM_UNSUPPORTED', {
      what: 'Cannot show the plan of a run',
      why: 'on macOS there is none: the boundary is one sandbox profile',
      fix: 'See the profile with pinfold export sbpl, and the rules with pinfold policy',
    });
  }
  const launcher = new Launcher(options.launcherPath, '/');
  try {
    return await makePlan(launcher, loaded, target, options, prepareWatch(loaded.policy));
  } finally {
    await launcher.close();
  }
}

/** Records of a run, folded into what became of it. */
class Progress {
  readonly applied = new Set<string>();
  started = false;
  failure: FailureRecord | undefined;
  ending: Ending | undefined;
  readonly #plan: Plan;

  constructor(plan: Plan) {
    this.#plan = plan;
    // Without a target the session ends because it is closed.
    if (plan.argv.length === 0) this.ending = { kind: 'closed' };
  }

  take(record: LauncherRecord): void {
    if (record.kind === 'applied') this.applied.add(record.step);
    if (record.kind === 'started') this.started = true;
    if (record.kind === 'failure') this.failure ??= record;
    if (record.kind === 'exited') this.ending ??= { kind: 'exited', code: record.code };
    if (record.kind === 'killed') this.ending ??= { kind: 'killed', signal: record.signal };
    if (record.kind === 'not-started') this.#notStarted(record);
  }

  #notStarted({ step, errno }: Extract<LauncherRecord, { kind: 'not-started' }>): void {
    const { argv, cwd } = this.#plan;
    const command = argv[0] ?? '';
    if (step !== 'exec') {
      const detail = step === 'directory' ? cwd : 'the command';
      this.failure ??= { kind: 'failure', step, errno, detail };
    } else if (errno === ENOENT) {
      this.ending ??= { kind: 'not-found', command };
    } else {
      this.ending ??= { kind: 'not-executable', command, errno: errno || EACCES };
    }
  }
}

/** `reached`: a first connection has ended; `traffic`: the sum at the end of the session. */
function trafficEvent(kind: 'reached' | 'traffic', { kind: way, ...rest }: Traffic): SessionEvent {
  return { kind, way, ...rest };
}

/** Ends a run that takes longer than `limits.wallTime`: SIGTERM, and five seconds later all of it. */
function startWatchdog(launcher: Launcher, seconds: number | undefined, onExceeded: () => void): () => void {
  if (seconds === undefined) return () => {};
  let kill: NodeJS.Timeout | undefined;
  const term = setTimeout(() => {
    onExceeded();
    launcher.signal('SIGTERM');
    kill = setTimeout(() => void launcher.close(), 5000);
  }, seconds * 1000);
  return () => {
    clearTimeout(term);
    clearTimeout(kill);
  };
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
  const { streams } = options;
  // Before the scan: made after it, in an open home, it would look like a name that slipped past the refusal.
  mkdirSync(join(loaded.facts.pinfold.stateDir, 'sessions'), { recursive: true, mode: 0o700 });
  let tripwire = prepareWatch(loaded.policy);
  let place: SessionPlace | undefined;
  for (;;) {
    const launcher = new Launcher(options.launcherPath, '/', {
      channel: true,
      tripwire: tripwire.kind === 'ready',
      ...(streams && { streams }),
    });
    try {
      const planned = await makePlan(launcher, loaded, target, options, tripwire);
      place ??= events.onPlanned?.(planned) ?? {
        id: '',
        directory: join(loaded.facts.pinfold.stateDir, 'sessions'),
      };
      return await carryOut(launcher, planned, place, options, events);
    } catch (error) {
      // No guarantee rests on seeing: without it the same boundary is made again, and its status says what is not seen.
      if (!(error instanceof WatchFailed)) throw error;
      tripwire = { kind: 'blind', reason: error.message };
    } finally {
      await launcher.close();
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

async function carryOut(
  launcher: Launcher,
  planned: Planned,
  place: SessionPlace,
  options: RunOptions,
  events: RunEvents,
): Promise<RunOutcome> {
  const { policy } = planned;
  const progress = new Progress(planned.plan);
  mkdirSync(place.directory, { recursive: true, mode: 0o700 });
  const { plan, eventsFile } = showInside(planned.plan, place.directory);
  const denials = new Denials({
    policy,
    eventsFile,
    append: (event) => events.onEvent?.(event),
    launcher: () => launcher.pid,
  });
  const take = (denial: Denial) => {
    events.onDenial?.(denial);
    return denials.take(denial);
  };
  const { scan } = planned;
  const guard = new NameGuard({
    roots: scan.roots,
    before: planned.matches,
    guarded: (entries) =>
      scanMatches(policy, entries, planned.decider).filter(({ path }) => !isAmong(path, planned.unseen)),
    quarantineDir: join(place.directory, 'quarantine'),
    onCaught: (caught) => {
      take(caughtDenial(policy, caught));
      launcher.signal('SIGKILL');
    },
  });
  guard.start();
  let timedOut = false as boolean;
  const stopWatchdog = startWatchdog(launcher, policy.limits.wallTime?.value, () => {
    timedOut = true;
  });
  const { applied } = progress;
  const enforced = () =>
    enforcementOf({ plan, applied, abi: planned.capabilities.landlockAbi, blind: planned.blind });
  await watchHidden(launcher, planned, denials);
  const ledger = new TrafficLedger();
  const published = new Map<string, PublishedPort>();
  const network = new LazyNetwork({
    policy,
    sockets: launcher,
    environment: options.environment,
    whenRecorded: () => denials.ready(),
    programOf: (pid) => programInside(pid, launcher.pid),
    events: {
      onDenial: take,
      onConnected: (connected) => control?.connected(connected),
      onTraffic: (traffic) => {
        events.onTraffic?.(traffic);
        if (ledger.add(traffic)) events.onEvent?.(trafficEvent('reached', traffic));
      },
      onPublished: (at) => {
        published.set(`${at.address} ${at.port}`, at);
        events.onEvent?.({ kind: 'published', ...at });
      },
      onUnpublished: (at, why) => {
        published.set(`${at.address} ${at.port}`, { ...at, why });
        events.onEvent?.({ kind: 'unpublished', ...at, why });
      },
    },
  });
  const names = new NameSupervisor({ policy, plan, arch: planned.capabilities.arch, launcher, take });
  const grantUse = new GrantUse({
    policy,
    decider: planned.decider,
    launcher: () => launcher.pid,
    append: (event) => events.onEvent?.(event),
  });
  const commands = new Commands(launcher);
  const control = controlSocket(place, {
    policy,
    network: () => network.get(),
    append: (event) => events.onEvent?.(event),
    signal: (name) => launcher.signal(name),
    commands,
    cwd: plan.cwd,
  });
  if (control) events.onGrants?.(async () => (await control.answering()).grants);
  const run = launcher.run(plan, (record) => {
    progress.take(record as LauncherRecord);
    if (record.kind === 'asked' || record.kind === 'listening') network.take(record);
    if (record.kind === 'started') events.onEnforced?.(enforced());
    if (record.kind === 'making') names.answer(record);
    if (record.kind === 'command') commands.hear(record);
  });
  events.onStarted?.(launcher, launcher.pid);
  events.onLive?.(launcher, commands);
  grantUse.start();
  try {
    await run;
  } finally {
    stopWatchdog();
    grantUse.end();
    commands.end();
    await control?.close();
    await network.close();
  }
  for (const total of ledger.totals) events.onEvent?.(trafficEvent('traffic', total));
  if (progress.failure && !progress.started) {
    throw watchFailure(plan, progress.failure) ?? setupError(progress.failure);
  }
  await sweep(planned, guard);
  if (progress.failure) throw setupError(progress.failure);
  if (!progress.ending) {
    throw new SandboxError('ERR_LAUNCHER_DIED', { what: 'The sandbox ended', why: 'it did not say how' });
  }
  return {
    sessionId: place.id,
    ending: progress.ending,
    enforcement: enforced(),
    ...(await denials.end()),
    traffic: ledger.totals,
    published: [...published.values()],
    breached: guard.caught > 0,
    ...(timedOut ? { timedOut: true as const } : {}),
  };
}

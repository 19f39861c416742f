/** Runs a command inside on macOS: scan, gate, profile, sandbox-exec, log, sweep. Loaded there only. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { SandboxError } from '../errors.ts';
import { MACOS_RUNTIME } from '../host/macos-runtime.ts';
import { scanTrees } from '../host/tree-scan.ts';
import type { Enforcement } from '../platform/backend.ts';
import {
  type Confined,
  type ConfinedProcess,
  type MacSystem,
  macSystem,
  userTempDir,
} from '../platform/macos/sandbox-exec.ts';
import { scanMeant, scanWanted } from '../platform/macos/scan.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import { mayReach } from '../policy/reach.ts';
import type { Policy } from '../policy/types.ts';
import type { Denial } from '../violations/types.ts';
import type { ControlledSession } from './control-server.ts';
import { ControlSocket } from './control-socket.ts';
import { Denials } from './denials.ts';
import type { SessionEvent } from './event-log.ts';
import type { Exceeded } from './limits.ts';
import { confinedCommand, limitsOf, linkHomeFiles } from './macos-command.ts';
import { denialsOf } from './macos-denials.ts';
import { macFacts } from './macos-profile.ts';
import { refuseDoubt, sweepUp } from './macos-sweep.ts';
import { NameGuard } from './name-guard.ts';
import type { Planned, RunOptions } from './plan-run.ts';
import { ProxiedNetwork } from './proxied-network.ts';
import type { RunEvents, SessionPlace } from './run-events.ts';
import { TrafficBook } from './traffic-book.ts';
import type { Ending, LoadedPolicy, RunOutcome, Target } from './types.ts';
import { closeUnseen, isAmong } from './unseen.ts';
import { startWatchdog } from './watchdog.ts';

/** Where what PATH names may lie: not in homes, on other volumes or in temporary places. */
const SYSTEM_PLACES =
  /^\/(usr|bin|sbin|opt|nix|Applications|Library\/(Frameworks|Java|Developer)|private\/etc)\//;

/** The facts of this Mac for one session: its temporary directory is made when the command starts. */
export function ofThisMac(facts: HostFacts): HostFacts {
  const found = facts.runtime.filter(({ path }) => SYSTEM_PLACES.test(`${path}/`));
  const system = MACOS_RUNTIME.filter(({ path }) => existsSync(path));
  return {
    ...facts,
    runtime: [...system, ...found],
    macos: macFacts(join(userTempDir(), `pinfold-${randomBytes(8).toString('hex')}`)),
  };
}

/** A run has no plan here, so of one only its notices are told. Whoever needs more asked for a live session, which is refused. */
type MacEvents = Omit<RunEvents, 'onPlanned'> & {
  onPlanned?(planned: Pick<Planned, 'notices'>): SessionPlace;
};

/** Throws SandboxError when the boundary could not be made; then the command was not started. */
export async function runOnMac(
  loaded: LoadedPolicy,
  target: Target,
  options: RunOptions,
  events: MacEvents,
  system: MacSystem = macSystem,
): Promise<RunOutcome> {
  if (options.live) {
    throw new SandboxError('ERR_PLATFORM_UNSUPPORTED', {
      what: 'Cannot keep a session open for further commands',
      why: 'live sessions are not built for macOS',
      fix: 'Start each command with pinfold run',
    });
  }
  const { facts } = loaded;
  const tempDir = facts.macos?.tempDir;
  if (tempDir === undefined)
    throw new SandboxError('ERR_INTERNAL', { what: 'No macOS', why: 'facts lack it' });
  const limits = limitsOf(loaded.policy);
  const wanted = scanWanted(loaded.policy);
  const scan = scanTrees(wanted);
  refuseDoubt(loaded.policy, scan);
  const policy = closeUnseen(loaded.policy, scan.unseen);
  const matches = scanMeant(policy, scan.hits);
  const place = events.onPlanned?.({ notices: [] }) ?? {
    id: '',
    directory: join(facts.pinfold.stateDir, 'sessions'),
  };
  mkdirSync(place.directory, { recursive: true, mode: 0o700 });
  mkdirSync(tempDir, { recursive: true, mode: 0o700 });
  try {
    linkHomeFiles(facts, policy);
    return await carryOut(
      { policy, facts, tempDir, limits, matches, wanted, unseen: scan.unseen, place },
      { target, options, events, system },
    );
  } finally {
    rmSync(tempDir, { recursive: true, force: true });
  }
}

interface Session {
  /** As enforced: with what the scan added. */
  readonly policy: Policy;
  readonly facts: HostFacts;
  readonly tempDir: string;
  readonly limits: Confined['limits'];
  readonly matches: readonly { readonly path: string; readonly directory: boolean }[];
  readonly wanted: { readonly roots: readonly string[]; readonly patterns: readonly string[] };
  readonly unseen: readonly string[];
  readonly place: SessionPlace;
}

interface Around {
  readonly target: Target;
  readonly options: RunOptions;
  readonly events: MacEvents;
  readonly system: MacSystem;
}

async function carryOut(session: Session, around: Around): Promise<RunOutcome> {
  const { policy, place } = session;
  const { events, system, options, target } = around;
  let child = undefined as ConfinedProcess | undefined;
  const append = (event: SessionEvent) => events.onEvent?.(event);
  const denials = new Denials({ policy, eventsFile: undefined, append, launcher: () => child?.pid });
  const take = (denial: Denial) => {
    events.onDenial?.(denial);
    return denials.take(denial);
  };
  const guard = nameGuard(session, (denial) => {
    take(denial);
    child?.kill('SIGKILL');
  });
  const traffic = new TrafficBook(events);
  const network = mayReach(policy)
    ? await ProxiedNetwork.start({
        policy,
        environment: options.environment,
        whenRecorded: () => denials.ready(),
        isOurs: ({ remotePort: port }) =>
          child?.pid !== undefined && port !== undefined && system.holds(child.pid, port),
        events: {
          onDenial: take,
          onConnected: (connected) => control?.connected(connected),
          onTraffic: (each) => traffic.take(each),
        },
      })
    : undefined;
  const control = controlSocket(place, {
    policy,
    network: async () => network ?? noNetwork(),
    append,
    signal: (name) => child?.kill(name),
  });
  if (control) events.onGrants?.(() => control.answering());
  const tag = `pinfold-${randomBytes(8).toString('hex')}`;
  const confined = confinedCommand({ ...session, target, options, system, network, tag });
  const stopLog = await system.followLog(tag, (report) => {
    for (const denial of denialsOf(report, policy)) take(denial);
  });
  guard.start();
  const exceeded: Exceeded[] = [];
  try {
    child = system.start(confined);
    const running = child;
    events.onStarted?.({ signal: (name) => running.kill(name) }, child.pid);
    const { wallTime } = policy.limits;
    const stopWatchdog = startWatchdog(
      { signal: (name) => running.kill(name), close: async () => running.kill('SIGKILL') },
      wallTime?.value,
      () => {
        if (wallTime === undefined) return;
        exceeded.push({ limit: 'wallTime', ...wallTime, by: 'watchdog', consequence: 'ended', count: 1 });
      },
    );
    const ending = await endingOf(child, () => events.onEnforced?.(ENFORCED)).finally(stopWatchdog);
    await stopLog();
    await network?.close();
    traffic.tell();
    await sweepUp(session, guard);
    return {
      sessionId: place.id,
      ending,
      enforcement: ENFORCED,
      ...(await denials.end()),
      traffic: traffic.totals,
      // A server inside listens on the host's loopback itself.
      published: [],
      breached: guard.caught > 0,
      exceeded,
    };
  } finally {
    child?.kill('SIGKILL');
    await stopLog();
    await control?.close();
    await network?.close();
  }
}

function nameGuard(session: Session, onCaught: (denial: Denial) => void): NameGuard {
  const { policy, wanted, matches, unseen, place } = session;
  return new NameGuard({
    roots: wanted.roots,
    before: matches,
    guarded: (entries) => scanMeant(policy, entries).filter(({ path }) => !isAmong(path, unseen)),
    quarantineDir: join(place.directory, 'quarantine'),
    onCaught: ({ path, movedTo }) =>
      onCaught({
        act: 'create',
        subject: { kind: 'path', path },
        observer: 'watch',
        outcome: 'quarantined',
        movedTo,
      }),
  });
}

/** A run that nobody records has no directory of its own, and nobody to reach it. */
function controlSocket(
  { id, directory }: SessionPlace,
  session: ControlledSession,
): ControlSocket | undefined {
  return id === '' ? undefined : new ControlSocket(directory, session);
}

/** Not reached: where no host may be named, every grant is refused before. */
function noNetwork(): never {
  throw new SandboxError('ERR_GRANT_REFUSED', {
    what: 'Cannot open a host in this session',
    why: "this machine's administrator lets no other hosts be named",
  });
}

/** Said once the profile is in force; there is nothing in between. */
const ENFORCED: readonly Enforcement[] = [
  { mechanism: 'sandbox-profile', state: 'full', note: 'sandbox-exec' },
  { mechanism: 'name-guard', state: 'full' },
];

async function endingOf(child: ConfinedProcess, onConfirmed: () => void): Promise<Ending> {
  const ended = child.ended;
  // Looked at below; a rejection meanwhile is not unhandled.
  ended.catch(() => {});
  if (await child.confirmed) onConfirmed();
  else {
    const { code, signal } = await ended;
    throw new SandboxError('ERR_SETUP_FAILED', {
      what: 'Cannot make the boundary',
      why: `sandbox-exec ended ${signal === null ? `with ${String(code)}` : `by ${signal}`} before the command was started`,
      fix: 'Pinfold cannot run inside another sandbox; else see what sandbox-exec said',
    });
  }
  const { code, signal } = await ended;
  if (signal !== null) return { kind: 'killed', signal: constants.signals[signal] };
  return { kind: 'exited', code: code ?? 0 };
}

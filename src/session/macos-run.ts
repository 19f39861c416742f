/** Runs a command inside on macOS: scan, profile, sandbox-exec, log, sweep. Loaded there only. */
import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { SandboxError } from '../errors.ts';
import { MACOS_RUNTIME } from '../host/macos-runtime.ts';
import { scanTrees, type TreeScan } from '../host/tree-scan.ts';
import type { Enforcement } from '../platform/backend.ts';
import type { SandboxReport } from '../platform/macos/log-records.ts';
import {
  type ConfinedProcess,
  type MacSystem,
  macSystem,
  userTempDir,
} from '../platform/macos/sandbox-exec.ts';
import { scanMeant, scanWanted } from '../platform/macos/scan.ts';
import { decide } from '../policy/decide.ts';
import { scrubEnvironment } from '../policy/environment.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import type { Policy } from '../policy/types.ts';
import type { Act, Denial } from '../violations/types.ts';
import { Denials } from './denials.ts';
import { macFacts, sessionProfile } from './macos-profile.ts';
import { NameGuard } from './name-guard.ts';
import type { Planned, RunOptions } from './plan-run.ts';
import type { RunEvents, SessionPlace } from './run.ts';
import type { Ending, LoadedPolicy, RunOutcome, Target } from './types.ts';
import { closeUnseen, isAmong } from './unseen.ts';

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
  refuseDoubt(scan);
  const policy = closeUnseen(loaded.policy, scan.unseen);
  const matches = scanMeant(policy, scan.hits);
  const tag = `pinfold-${randomBytes(8).toString('hex')}`;
  const terminal = system.terminal();
  const profile = sessionProfile({
    policy,
    tempDir,
    matches,
    tag,
    spelling: system.spellingOf(policy.projectDir),
    ...(terminal === undefined ? {} : { terminal }),
  });
  const { environment } = scrubEnvironment(options.environment, policy, facts.toolchains);
  const place = events.onPlanned?.({ notices: [] }) ?? {
    id: '',
    directory: join(facts.pinfold.stateDir, 'sessions'),
  };
  mkdirSync(place.directory, { recursive: true, mode: 0o700 });
  mkdirSync(tempDir, { recursive: true, mode: 0o700 });
  try {
    linkHomeFiles(facts, policy);
    const session = { policy, matches, wanted, scan, tag, place, events, system };
    return await carryOut(session, () =>
      system.start({
        profile,
        argv: target.argv,
        cwd: target.cwd,
        environment: { ...environment, TMPDIR: `${tempDir}/`, TMPPREFIX: join(tempDir, 'zsh') },
        limits,
        ...(options.streams && { streams: options.streams }),
      }),
    );
  } finally {
    rmSync(tempDir, { recursive: true, force: true });
  }
}

interface Session {
  readonly policy: Policy;
  readonly matches: readonly { readonly path: string; readonly directory: boolean }[];
  readonly wanted: { readonly roots: readonly string[]; readonly patterns: readonly string[] };
  readonly scan: TreeScan;
  readonly tag: string;
  readonly place: { readonly id: string; readonly directory: string };
  readonly events: MacEvents;
  readonly system: MacSystem;
}

async function carryOut(session: Session, start: () => ConfinedProcess): Promise<RunOutcome> {
  const { policy, events, system, place } = session;
  let child = undefined as ConfinedProcess | undefined;
  const denials = new Denials({
    policy,
    eventsFile: undefined,
    append: (event) => events.onEvent?.(event),
    launcher: () => child?.pid,
  });
  const guard = new NameGuard({
    roots: session.wanted.roots,
    before: session.matches,
    guarded: (entries) =>
      scanMeant(policy, entries).filter(({ path }) => !isAmong(path, session.scan.unseen)),
    quarantineDir: join(place.directory, 'quarantine'),
    onCaught: ({ path, movedTo }) => {
      denials.take({
        act: 'create',
        subject: { kind: 'path', path },
        observer: 'watch',
        outcome: 'quarantined',
        movedTo,
      });
      child?.kill('SIGKILL');
    },
  });
  const stopLog = await system.followLog(session.tag, (report) => {
    for (const denial of denialsOf(report, policy)) denials.take(denial);
  });
  guard.start();
  try {
    child = start();
    const running = child;
    events.onStarted?.({ signal: (name) => running.kill(name) }, child.pid);
    const watchdog = startWatchdog(child, policy.limits.wallTime?.value);
    const ending = await endingOf(child, () => events.onEnforced?.(ENFORCED)).finally(watchdog.stop);
    await stopLog();
    await sweepUp(session, guard);
    return {
      sessionId: place.id,
      ending,
      enforcement: ENFORCED,
      ...(await denials.end()),
      // Nothing of the network is carried by Pinfold here.
      traffic: [],
      published: [],
      breached: guard.caught > 0,
      ...(watchdog.exceeded() ? { timedOut: true as const } : {}),
    };
  } finally {
    child?.kill('SIGKILL');
    await stopLog();
  }
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

function startWatchdog(
  child: ConfinedProcess,
  seconds: number | undefined,
): { stop: () => void; exceeded: () => boolean } {
  let exceeded = false;
  let kill: NodeJS.Timeout | undefined;
  const term =
    seconds === undefined
      ? undefined
      : setTimeout(() => {
          exceeded = true;
          child.kill('SIGTERM');
          kill = setTimeout(() => child.kill('SIGKILL'), 5000);
        }, seconds * 1000);
  return {
    stop: () => {
      clearTimeout(term);
      clearTimeout(kill);
    },
    exceeded: () => exceeded,
  };
}

function refuseDoubt({ missing, unseen, roots, cutShort, unnameable }: TreeScan): void {
  const unread = unseen.find((path) => roots.includes(path));
  const why = cutShort
    ? 'they hold too many entries'
    : unnameable.length > 0
      ? `the path ${JSON.stringify(unnameable[0]!.path)} is not valid UTF-8`
      : unread !== undefined
        ? `${unread} cannot be read`
        : missing.length > 0
          ? `${missing[0]} has just gone`
          : undefined;
  if (why === undefined) return;
  throw new SandboxError('ERR_SETUP_FAILED', {
    what: 'Cannot look through the writable directories',
    why,
    fix: 'Make the project directory readable, or name a smaller one with --project',
  });
}

/** The last look: a directory moved in from elsewhere may hold names that could not have been made in place. */
async function sweepUp({ wanted }: Session, guard: NameGuard): Promise<void> {
  const after = scanTrees(wanted);
  await guard.sweep(after.hits);
}

/** ulimit(1) of sh. There is none for memory that macOS keeps. */
function limitsOf({ limits }: Policy): (readonly [string, string])[] {
  if (limits.memory !== undefined) {
    throw new SandboxError('ERR_SETUP_FAILED', {
      what: 'Cannot limit memory',
      why: 'macOS has no limit that its kernel keeps for memory',
      fix: 'Run without limits.memory',
    });
  }
  const { cpuTime, fileSize, processes, openFiles } = limits;
  return [
    ['-c', '0'],
    ...(cpuTime ? [['-t', String(cpuTime.value)] as const] : []),
    // In blocks of 512 bytes; a part of one would round up to more than was asked.
    ...(fileSize ? [['-f', String(Math.floor(fileSize.value / 512))] as const] : []),
    ...(processes ? [['-u', String(processes.value)] as const] : []),
    ...(openFiles ? [['-n', String(openFiles.value)] as const] : []),
  ];
}

/** Nothing can be mounted, so the private home holds links to the person's git settings, which are shown where they are. */
function linkHomeFiles({ homeFiles = [] }: HostFacts, policy: Policy): void {
  if (policy.sandboxHome === policy.homeDir) return;
  for (const { source, target } of homeFiles) {
    // SECURITY: a session before may have left a link on the way; only the home's own directory is sure.
    if (dirname(target) !== policy.sandboxHome) continue;
    const present = lstatSync(target, { throwIfNoEntry: false });
    if (present?.isSymbolicLink() && readlinkSync(target) === source) continue;
    if (present !== undefined) rmSync(target, { recursive: true, force: true });
    symlinkSync(source, target);
  }
}

const ACTS: readonly (readonly [RegExp, Act])[] = [
  [/^file-(read-metadata|test-existence)/, 'look-up'],
  [/^file-(read|map-executable)/, 'read'],
  [/^file-write-create/, 'create'],
  [/^file-write-unlink/, 'remove'],
  [/^file-write-(mode|owner|flags|times|xattr|setugid|acl)/, 'metadata'],
  [/^file-write/, 'write'],
  [/^file-(link|clone)/, 'link'],
  [/^process-exec/, 'execute'],
  [/^network-outbound/, 'connect'],
  [/^network-(bind|inbound)/, 'bind'],
];

/** EPERM of errno(3), which is what sandbox refusals answer. */
const EPERM = 1;

/** In the words of a denial; nothing for what they have no word for (services, facts of the kernel). */
export function denialsOf({ operation, target, program, pid }: SandboxReport, policy: Policy): Denial[] {
  const act = ACTS.find(([pattern]) => pattern.test(operation))?.[1];
  if (act === undefined || target === undefined) return [];
  const common = { act, observer: 'log', outcome: 'refused', errno: EPERM, actor: { pid, program } } as const;
  if (operation.startsWith('network-')) {
    if (target.startsWith('/')) return [{ ...common, subject: { kind: 'socket', path: target } }];
    const [, host, port] = /^(?:remote:|local:)?(.*?)(?::(\d{1,5}))?$/s.exec(target)!;
    return [{ ...common, subject: { kind: 'host', host: host!, ...(port && { port: Number(port) }) } }];
  }
  if (!target.startsWith('/')) return [];
  const { rule } = decide(
    policy,
    target,
    act === 'read' || act === 'look-up' || act === 'execute' ? 'read' : 'write',
  );
  return [{ ...common, subject: { kind: 'path', path: target }, ...(rule && { rule }) }];
}

/** A narrower boundary for one command of a session: a Landlock domain within the session's, and one more filter. Pure. */
import type { Enforcement } from '../backend.ts';
import { restrictPaths } from './boundary-calls.ts';
import { CallList } from './call-list.ts';
import {
  ACCESS_FS,
  DEVICE_NODE,
  DEVICE_RIGHTS,
  grants,
  handledRights,
  READ,
  rightsFor,
  SCOPE,
} from './landlock-plan.ts';
import type { Place } from './places.ts';
import type { LandlockRule, Plan } from './plan.ts';
import { compileNarrower } from './seccomp/narrower.ts';
import type { Arch } from './seccomp/tables.ts';

/** LANDLOCK_ACCESS_NET_BIND_TCP and CONNECT_TCP, ABI 4. */
const ALL_TCP = 3n;
const EACCES = 13;
const ENOTDIR = 20;
/** Instructions are of 8 bytes (struct sock_filter). */
const INSTRUCTION = 8;
/** The command's streams are 0 to 2; limits on open files are in force when the calls are made, so the numbers stay low. */
const SCRATCH = 4;

export interface NarrowerInput {
  readonly arch: Arch;
  /** What its process is to call before: a terminal is opened by what the narrower boundary does not show. */
  readonly first?: CallList | undefined;
  readonly landlockAbi: number;
  readonly network: 'session' | 'none';
  readonly readOnly: boolean;
  /** What the narrower mode shows; absent: files are as the session shows them, by its own `rules`. */
  readonly places?: readonly Place[];
  readonly rules: readonly LandlockRule[];
  /** The command's own temporary directory, the one place that it may always write. */
  readonly temporary: string;
}

const OWN: readonly LandlockRule[] = [
  { path: '/proc', access: ACCESS_FS.READ_FILE | ACCESS_FS.READ_DIR },
  ...['null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => ({
    path: `/dev/${name}`,
    access: DEVICE_NODE,
  })),
  { path: '/etc/hosts', access: ACCESS_FS.READ_FILE },
  { path: '/etc/resolv.conf', access: ACCESS_FS.READ_FILE },
];

/** Terminals of other commands and of the person; the command's own comes with its streams. */
function isTerminal(path: string): boolean {
  return path === '/dev/console' || path === '/dev/pts' || path.startsWith('/dev/pts/');
}

function isOwnDevice(path: string): boolean {
  return OWN.some((rule) => rule.path === path && path.startsWith('/dev/'));
}

function rulesOf({ places, rules, readOnly, temporary, landlockAbi }: NarrowerInput): LandlockRule[] {
  const write = handledRights(landlockAbi) & ~DEVICE_RIGHTS;
  const shown =
    places === undefined
      ? rules
      : [
          ...OWN,
          ...grants(places).map(({ path, kind, access }) => ({
            path,
            access: rightsFor(kind, access === 'write' ? write : READ, path.startsWith('/dev/')),
          })),
        ];
  // SECURITY: the session may read whatever the root holds, for what a live grant mounts later; that covers the terminals of other
  // commands, so a narrower one has names only. Test: "terminal of another" of narrower-commands.
  const kept = shown
    .filter(({ path }) => !isTerminal(path))
    .map((rule) => (rule.path === '/' ? { ...rule, access: ACCESS_FS.READ_DIR } : rule));
  const given = readOnly
    ? kept.map((rule) => (isOwnDevice(rule.path) ? rule : { ...rule, access: rule.access & READ }))
    : kept;
  return [...given, { path: temporary, access: write }];
}

/** What the command's process is to call before it becomes the command. */
export function narrowerCalls(input: NarrowerInput): CallList {
  const { arch, landlockAbi: abi, network } = input;
  const calls = input.first ?? new CallList(arch);
  calls.step = 'narrower';
  const landlock: NonNullable<Plan['landlock']> = {
    handledFs: handledRights(abi),
    handledNet: network === 'none' && abi >= 4 ? ALL_TCP : 0n,
    scoped: abi >= 6 ? SCOPE.ABSTRACT_UNIX_SOCKET | SCOPE.SIGNAL : 0n,
    rules: rulesOf(input),
  };
  // What cannot be reached is not given, and giving less than planned is safe.
  restrictPaths(calls, landlock, { ruleset: SCRATCH, absent: [EACCES, ENOTDIR] });
  const { program } = compileNarrower(arch, network);
  calls.label = 'install filter';
  calls.add('filter', [program, program.length / INSTRUCTION]);
  return calls;
}

/** What holds for a command that was started after these calls. */
export function narrowerEnforcement({
  landlockAbi: abi,
  network,
}: Pick<NarrowerInput, 'landlockAbi' | 'network'>): Enforcement[] {
  const apart = abi >= 6 ? [] : ['signals to the session’s other commands (Landlock ABI 6)'];
  if (network === 'none') {
    return [
      apart.length === 0
        ? { mechanism: 'landlock', state: 'full' }
        : { mechanism: 'landlock', state: 'partial', missing: apart },
      { mechanism: 'seccomp', state: 'full' },
    ];
  }
  const abstract = abi >= 6 ? [] : ['abstract sockets of the session’s other commands (Landlock ABI 6)'];
  const asked = 'what other commands of the session serve on the loopback or a Unix socket can be asked';
  return [
    { mechanism: 'landlock', state: 'partial', missing: [...apart, ...abstract, asked] },
    { mechanism: 'seccomp', state: 'full' },
  ];
}

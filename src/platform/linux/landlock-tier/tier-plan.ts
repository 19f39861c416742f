/** The plan of a run where there are no namespaces: the same policy on Landlock and seccomp alone. Pure. */
import { SandboxError } from '../../../errors.ts';
import { Decider } from '../../../policy/decide.ts';
import { isWithin } from '../../../policy/paths.ts';
import { ACCESS_FS, ACCESS_NET, DEVICE_NODE, handledRights, SCOPE } from '../landlock-plan.ts';
import { refuseUnmountable } from '../mount-plan.ts';
import { findPlaces } from '../places.ts';
import { type LandlockRule, type Plan, withVariables } from '../plan.ts';
import { type PlanInput, planInside } from '../plan-builder.ts';
import { type EntriesOf, tierGrants } from './grants.ts';
import { shortfallsOf, type TierShortfalls } from './shortfalls.ts';

/** Signals and abstract sockets stay within the domain from this ABI on (Linux 6.12); nothing else could hold them here. */
export const LEAST_ABI = 6;

export interface TierInput extends PlanInput {
  readonly entriesOf: EntriesOf;
  /** The session's gate can be reached; the filter is the one for that. */
  readonly gated: boolean;
  /** The host's file of names, `localhost` among them; absent where it has none. */
  readonly hostNames?: string;
}

export interface TierPlan {
  readonly plan: Plan;
  readonly shortfalls: TierShortfalls;
}

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
/** What tells of the machine and of no process. */
const PROC = [
  'cpuinfo',
  'filesystems',
  'loadavg',
  'meminfo',
  'stat',
  'sys/kernel/osrelease',
  'sys/vm',
  'uptime',
  'version',
];
/** As with mounts: programs speak with them, and a person who allows one has the host's own. */
const OWN: readonly LandlockRule[] = [
  ...DEVICES.map((name) => ({ path: `/dev/${name}`, access: DEVICE_NODE })),
  ...PROC.map((name) => ({ path: `/proc/${name}`, access: ACCESS_FS.READ_FILE | ACCESS_FS.READ_DIR })),
];

/** Of a kernel with `LEAST_ABI`. Throws ERR_PATH_INVALID for a working directory that is hidden, ERR_PATH_TOO_BROAD. */
export function planTier(input: TierInput): TierPlan {
  const { policy, facts, matches, existing, scanned, capabilities, seccomp, target, entriesOf } = input;
  const { gated, hostNames } = input;
  const { decider = new Decider(policy) } = input;
  refuseHidden(target.cwd, decider);
  const places = findPlaces({ policy, facts, matches, existing, decider });
  for (const place of places) refuseUnmountable(place);
  const handledFs = handledRights(capabilities.landlockAbi);
  const grants = tierGrants(places, handledFs, entriesOf);
  const shown = facts.homeFiles ?? [];
  const gitConfig = shown.find(({ target: file }) => file.endsWith('/.gitconfig'))?.source;
  const rules = [
    ...OWN,
    ...grants.rules,
    ...(gitConfig === undefined ? [] : [{ path: gitConfig, access: ACCESS_FS.READ_FILE }]),
    // There is no mount to put another in its place, and without it nobody finds the loopback by its name.
    ...(gated && hostNames !== undefined ? [{ path: hostNames, access: ACCESS_FS.READ_FILE }] : []),
  ];
  const plan: Plan = {
    namespaces: 0,
    uidMap: '',
    gidMap: '',
    denySetgroups: false,
    hostname: '',
    mounts: [],
    landlock: {
      handledFs,
      // SECURITY: no rule allows any. Without a gate the filter makes no such sockets; with one the supervisor connects its own.
      handledNet: ACCESS_NET.BIND_TCP | ACCESS_NET.CONNECT_TCP,
      scoped: SCOPE.ABSTRACT_UNIX_SOCKET | SCOPE.SIGNAL,
      rules: rules.map(({ path, access }) => {
        const identity = scanned?.get(path);
        return { path, access: access & handledFs, ...(identity && { identity }) };
      }),
    },
    ...(seccomp ? { seccomp } : {}),
    asks: { remote: gated, loopback: gated },
    // What a mount would refuse is refused by Landlock, before anybody is asked.
    seen: false,
    ...planInside(input, places, decider),
  };
  return {
    plan: gitConfig === undefined ? plan : withVariables(plan, { GIT_CONFIG_GLOBAL: gitConfig }),
    shortfalls: shortfallsOf(
      { policy, grants, gated },
      shown.map(({ target: file }) => file).filter((file) => !file.endsWith('/.gitconfig')),
    ),
  };
}

/** The plan with one more directory that may be written, and in which temporary files are made. */
export function withTemporary(plan: Plan, directory: string): Plan {
  const { landlock } = plan;
  if (landlock === undefined) return plan;
  const write = landlock.handledFs & ~(ACCESS_FS.MAKE_CHAR | ACCESS_FS.MAKE_BLOCK | ACCESS_FS.IOCTL_DEV);
  return withVariables(
    { ...plan, landlock: { ...landlock, rules: [...landlock.rules, { path: directory, access: write }] } },
    { TMPDIR: directory, TMPPREFIX: `${directory}/zsh` },
  );
}

/** chdir(2) asks no one; a hidden directory would be one to stand in. */
function refuseHidden(cwd: string, decider: Decider): void {
  if (decider.accessOf(cwd) !== 'none' && !isWithin(cwd, '/proc')) return;
  throw new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot start in ${cwd}`,
    why: 'it is not visible inside the sandbox',
    fix: 'Start in the project directory, or allow this one with --allow',
  });
}

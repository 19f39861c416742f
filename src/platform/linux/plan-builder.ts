/** Joins the parts of a plan: what the launcher is told to do for one run. Pure. */
import { Decider } from '../../policy/decide.ts';
import type { HostFacts } from '../../policy/host-facts.ts';
import { reachesLoopback } from '../../policy/loopback-reach.ts';
import type { LimitName, Policy } from '../../policy/types.ts';
import type { Capabilities, IdRange } from './capabilities.ts';
import { guardNames, openedPaths } from './guarded-names.ts';
import { planLandlock } from './landlock-plan.ts';
import { planMounts } from './mount-plan.ts';
import { findPlaces, type Match, type PathKind, type Place } from './places.ts';
import { type Identity, NAMESPACE, type Plan } from './plan.ts';

export { type ScanRequest, scanMatches, scanRequest } from './guarded-names.ts';
export type { Match, PathKind } from './places.ts';

export interface PlanInput {
  readonly policy: Policy;
  readonly facts: HostFacts;
  /** What the scan found, after `scanMatches` (and `followMatches`, so that links say where they lead). */
  readonly matches: readonly Match[];
  /** What is at each literal rule's path. */
  readonly existing: ReadonlyMap<string, PathKind>;
  /** Directories that were scanned: what is mounted must be the same ones. */
  readonly scanned?: ReadonlyMap<string, Identity>;
  /** Names of the host's directories in `/`; absent: what is hidden is not watched, and is not there. */
  readonly watched?: readonly string[];
  readonly capabilities: Capabilities;
  readonly target: {
    readonly argv: readonly string[];
    /** Absolute, inside. */
    readonly cwd: string;
    /** `NAME=value`. */
    readonly environment: readonly string[];
  };
  readonly seccomp?: NonNullable<Plan['seccomp']>;
  /** Of `policy`; default: a new one. */
  readonly decider?: Decider;
  /** Default: those of the policy's limits. */
  readonly rlimits?: Plan['rlimits'];
}

/** RLIMIT_* of asm-generic/resource.h, the same on x86-64 and arm64. */
const RLIMIT = { CPU: 0, FSIZE: 1, CORE: 4, NPROC: 6, NOFILE: 7, DATA: 2 } as const;

const LIMITED: Readonly<Partial<Record<LimitName, number>>> = {
  cpuTime: RLIMIT.CPU,
  fileSize: RLIMIT.FSIZE,
  processes: RLIMIT.NPROC,
  openFiles: RLIMIT.NOFILE,
  memory: RLIMIT.DATA,
};

export function buildPlan(input: PlanInput): Plan {
  const { policy, facts, matches, existing, scanned, watched, capabilities, seccomp } = input;
  const { decider = new Decider(policy) } = input;
  const places = findPlaces({ policy, facts, matches, existing, decider });
  const landlock = planLandlock(places, capabilities);
  return {
    namespaces: Object.values(NAMESPACE).reduce((all, each) => all | each, 0),
    ...identity(capabilities),
    hostname: 'pinfold',
    ...planMounts({
      policy,
      facts,
      places,
      existing,
      decider,
      ...(scanned ? { scanned } : {}),
      ...(watched ? { watched } : {}),
    }),
    ...(landlock ? { landlock } : {}),
    ...(seccomp ? { seccomp } : {}),
    asks: { remote: true, loopback: reachesLoopback(policy.network) },
    seen: policy.monitor.value !== 'off',
    ...planInside(input, places, decider),
  };
}

/** The part of a plan that is the same in either tier. */
export function planInside(
  { policy, existing, target, rlimits = limitsOf(policy) }: PlanInput,
  places: readonly Place[],
  decider: Decider,
): Pick<Plan, 'guarded' | 'opened' | 'rlimits' | 'environment' | 'argv' | 'cwd'> {
  return {
    guarded: guardNames({ policy, places, existing, decider }),
    opened: openedPaths(policy, decider),
    rlimits,
    environment: target.environment,
    argv: target.argv,
    cwd: target.cwd,
  };
}

/**
 * Every id stays what it is, so that files keep their owners. Root maps all ids there are (user_namespaces(7)), for
 * files of other users in the project; anyone else may map only themselves, and must give up setgroups first.
 */
function identity({ uid, gid, uids, gids }: Capabilities): Pick<Plan, 'uidMap' | 'gidMap' | 'denySetgroups'> {
  if (uid === 0) return { uidMap: mapOf(uids), gidMap: mapOf(gids), denySetgroups: false };
  return { uidMap: `${uid} ${uid} 1`, gidMap: `${gid} ${gid} 1`, denySetgroups: true };
}

function mapOf(ranges: readonly IdRange[]): string {
  return ranges.map(({ first, count }) => `${first} ${first} ${count}`).join('\n');
}

/** Seconds from SIGXCPU, which says what was exceeded, to SIGKILL, which does not. */
const CPU_GRACE = 2;

/** Which rlimit a controller of a control group stands in for. */
const CONTROLLED = { memory: 'memory', pids: 'processes' } as const;

/** The limits that the kernel has an rlimit for; the session keeps the others, and the egress gate `upload`. */
export function limitsOf(
  policy: Pick<Policy, 'limits'>,
  { inGroup = new Set() }: { readonly inGroup?: ReadonlySet<keyof typeof CONTROLLED> } = {},
): Plan['rlimits'] {
  const elsewhere = new Set<string>([...inGroup].map((controller) => CONTROLLED[controller]));
  const limits = Object.entries(LIMITED).flatMap(([name, resource]) => {
    const limit = policy.limits[name as LimitName];
    if (limit === undefined || elsewhere.has(name)) return [];
    const hard = limit.value + (resource === RLIMIT.CPU ? CPU_GRACE : 0);
    return [{ resource, soft: BigInt(limit.value), hard: BigInt(hard) }];
  });
  // A core file would carry the memory of the target, secrets included, into the project.
  return [...limits, { resource: RLIMIT.CORE, soft: 0n, hard: 0n }];
}

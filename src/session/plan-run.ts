/** Makes the plan of one run: looks at the host, scans the writable trees, and asks the launcher what the kernel has. */
import { SandboxError } from '../errors.ts';
import { directoryEntries } from '../host/directory-entries.ts';
import { findExisting, followMatches, kindOf, type PathKind } from '../host/existing.ts';
import type { TreeScan } from '../host/scan-findings.ts';
import { ScanMemory } from '../host/scan-memory.ts';
import { withoutShared } from '../host/shared-caches.ts';
import { scanTrees } from '../host/tree-scan.ts';
import type { Weaker } from '../platform/backend.ts';
import { type Capabilities, probeCapabilities } from '../platform/linux/capabilities.ts';
import { planTier } from '../platform/linux/landlock-tier/tier-plan.ts';
import { Launcher } from '../platform/linux/launcher.ts';
import {
  type EarlyLauncher,
  type StandardStreams,
  startLauncher,
} from '../platform/linux/launcher-process.ts';
import type { Plan } from '../platform/linux/plan.ts';
import {
  buildPlan,
  type PlanInput,
  type ScanRequest,
  scanMatches,
  scanRequest,
} from '../platform/linux/plan-builder.ts';
import { compileSeccomp } from '../platform/linux/seccomp/compile.ts';
import type { TripwireReadiness } from '../platform/linux/tripwire/device.ts';
import { Decider } from '../policy/decide.ts';
import { type DroppedVariable, scrubEnvironment } from '../policy/environment.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import { mayReach } from '../policy/reach.ts';
import type { Notice, Policy } from '../policy/types.ts';
import type { HeldSession } from './control-server.ts';
import { prepareWatch } from './hidden-watch.ts';
import type { GuardedEntry } from './name-guard.ts';
import type { OutputWays } from './output-relay.ts';
import type { Ask } from './questions.ts';
import { refuseUnseen, unmatched } from './scan.ts';
import { refuseOldLandlock, tryNamespaces } from './second-tier.ts';
import type { LoadedPolicy, Target } from './types.ts';
import { closeUnseen } from './unseen.ts';

export interface RunOptions {
  /** Absolute path of `pinfold-launcher`. */
  readonly launcherPath: string;
  /** The person's environment, before scrubbing. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the command's standard streams lead; default: to those of this process. */
  readonly streams?: StandardStreams;
  /** One that was started before there were options; it has a channel, a tripwire, and this process's standard streams. */
  readonly started?: EarlyLauncher | undefined;
  /** A session that lasts until it is closed and runs commands; the target's argv may be empty then. */
  readonly live?: boolean;
  /** Asked about what is refused and could be opened while it runs. Default: nobody is. */
  readonly ask?: Ask | undefined;
  /** What whoever attaches is joined to, once it runs. Default: nobody can. */
  readonly held?: HeldSession | undefined;
  /** Where what a command writes goes on to, where it is counted. Default: of a live session its pipes are counted. */
  readonly outputs?: OutputWays | undefined;
  /** Default: those of the policy's limits. */
  readonly rlimits?: Plan['rlimits'];
}

export interface Planned {
  readonly plan: Plan;
  readonly facts: HostFacts;
  readonly capabilities: Capabilities;
  readonly dropped: readonly DroppedVariable[];
  /** Guarded and rule-named entries that exist in writable trees. */
  readonly matches: readonly GuardedEntry[];
  /** Where and for what the trees are scanned, before and after. */
  readonly scan: ScanRequest;
  /** What the scan before it found. */
  readonly scanned: Pick<TreeScan, 'seen' | 'read'>;
  /** Where the last look at the trees is kept for the next run. */
  readonly memory: ScanMemory;
  /** Directories that could not be looked into, shown read-only. */
  readonly unseen: readonly string[];
  /** Why looks at hidden names are not seen. */
  readonly blind: string | undefined;
  /** Set where there are no namespaces: the plan does without them. */
  readonly weaker: Weaker | undefined;
  /** The policy as enforced: with what the scan added. Records of guarded names index its rules. */
  readonly policy: Policy;
  readonly decider: Decider;
  /** A person's globs that match nothing now, and what is not seen of what is refused. */
  readonly notices: readonly Notice[];
}

/**
 * Throws SandboxError for what keeps the boundary from being made; nothing has been started then. `refusal`: why this host
 * gives no namespaces, once that is known.
 */
export async function makePlan(
  launcher: Launcher,
  loaded: LoadedPolicy,
  target: Target,
  options: RunOptions,
  tripwire: TripwireReadiness,
  refusal?: SandboxError,
): Promise<Planned> {
  const { facts } = loaded;
  const atFirst = new Decider(loaded.policy);
  // Looked up before the scan: a tree that is there now and gone for the scan makes it incomplete, and the run is refused.
  const existing = findExisting(loaded.policy);
  const { roots, patterns } = scanRequest(loaded.policy, atFirst);
  const request = { roots: roots.filter((root) => isTree(root, existing)), patterns };
  const memory = new ScanMemory(facts.pinfold.stateDir, request);
  const scan = scanTrees({ ...request, since: memory.since });
  const hello = await launcher.hello();
  const capabilities = probeCapabilities(hello.landlockAbi);
  if (hello.landlockAbi === 0) throw noLandlock();
  refuseUnseen(loaded.policy, scan);
  const policy = closeUnseen(loaded.policy, scan.unseen);
  const decider = policy === loaded.policy ? atFirst : new Decider(policy);
  for (const path of scan.unseen) existing.set(path, 'directory');
  const matches = followMatches(scanMatches(policy, scan.hits, decider));
  const { toolchains, losses } = refusal === undefined ? { ...facts, losses: [] } : withoutShared(facts);
  const { environment, dropped } = scrubEnvironment(options.environment, policy, toolchains, decider);
  const monitor = policy.monitor.value;
  const gated = mayReach(policy);
  const input: PlanInput = {
    policy,
    facts,
    matches,
    existing,
    decider,
    scanned: scan.walked,
    ...(tripwire.kind === 'ready' ? { watched: tripwire.watched } : {}),
    capabilities,
    ...(options.rlimits && { rlimits: options.rlimits }),
    target: {
      argv: target.argv,
      cwd: target.cwd,
      environment: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    },
    seccomp: compileSeccomp({
      arch: capabilities.arch,
      // Without mounts there is no act that one refuses.
      notify: monitor === 'off' ? 'guarded' : refusal === undefined ? 'all' : 'refused',
      tier: refusal === undefined ? 'namespaces' : gated ? 'landlock-network' : 'landlock',
    }),
  };
  const { plan, weaker } =
    refusal === undefined
      ? { plan: buildPlan(input), weaker: undefined }
      : planWeaker(input, refusal, { gated, losses });
  const { unseen } = scan;
  const blind = plan.namespaces === 0 ? NO_MOUNTS : tripwire.kind === 'blind' ? tripwire.reason : undefined;
  const notices = [...unmatched(policy, matches), ...unwatched(policy, plan, blind)];
  return {
    plan,
    facts,
    policy,
    decider,
    capabilities,
    dropped,
    matches,
    notices,
    scan: request,
    scanned: scan,
    memory,
    unseen,
    blind,
    weaker,
  };
}

/** Without namespaces it is among what is missing there, and with another `monitor` it is what was asked for. */
function unwatched({ monitor }: Policy, { namespaces }: Plan, blind: string | undefined): readonly Notice[] {
  if (blind === undefined || namespaces === 0 || monitor.value !== 'full') return [];
  const message = `looks at hidden names are refused and not seen: ${blind}`;
  return [{ kind: 'unwatched', message, origin: monitor.origin }];
}

const NO_MOUNTS = 'nothing can be mounted here';
const HOST_NAMES = '/etc/hosts';

function planWeaker(
  input: PlanInput,
  refusal: SandboxError,
  { gated, losses }: { readonly gated: boolean; readonly losses: readonly string[] },
): { readonly plan: Plan; readonly weaker: Weaker } {
  refuseOldLandlock(input.capabilities.landlockAbi, refusal);
  const { why, fix } = refusal;
  const hostNames = kindOf(HOST_NAMES) === 'file' ? { hostNames: HOST_NAMES } : {};
  const { plan, shortfalls } = planTier({ ...input, entriesOf: directoryEntries, gated, ...hostNames });
  const lost = [...losses, ...shortfalls.losses];
  return { plan, weaker: { why, ...(fix !== undefined && { fix }), ...shortfalls, losses: lost } };
}

/** What is allowed though absent, or is a file, has nothing beneath it. A glob's own directory is in no rule: it is asked. */
function isTree(path: string, existing: ReadonlyMap<string, PathKind>): boolean {
  return (existing.get(path) ?? kindOf(path)) === 'directory';
}

function noLandlock(): SandboxError {
  return new SandboxError('ERR_LANDLOCK_UNAVAILABLE', {
    what: 'Cannot set the second lock',
    why: 'this kernel has no Landlock, or it is not among the active security modules',
    fix: 'Boot a kernel from 5.13 on with "landlock" in its lsm= list',
  });
}

/** The plan that a run would have on this host, without running anything. */
export async function planFor(loaded: LoadedPolicy, target: Target, options: RunOptions): Promise<Planned> {
  if (process.platform === 'darwin') {
    throw new SandboxError('ERR_PLATFORM_UNSUPPORTED', {
      what: 'Cannot show the plan of a run',
      why: 'on macOS there is none: the boundary is one sandbox profile',
      fix: 'See the profile with pinfold export sbpl, and the rules with pinfold policy',
    });
  }
  const plan = async (refusal?: SandboxError): Promise<Planned> => {
    const launcher = new Launcher(
      options.started?.take(options.launcherPath) ?? startLauncher(options.launcherPath),
    );
    try {
      return await makePlan(launcher, loaded, target, options, prepareWatch(loaded.policy), refusal);
    } finally {
      await launcher.close();
    }
  };
  const planned = await plan();
  const refusal = await tryNamespaces(planned.plan, options.launcherPath);
  return refusal === undefined ? planned : await plan(refusal);
}

/** Going on where a host gives no namespaces: only with what that cannot give accepted by the person, and named. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxError } from '../errors.ts';
import type { Weaker } from '../platform/backend.ts';
import { NO_NAMESPACES, refusesNamespaces, setupError } from '../platform/linux/enforcement.ts';
import { LEAST_ABI, withTemporary } from '../platform/linux/landlock-tier/tier-plan.ts';
import { Launcher } from '../platform/linux/launcher.ts';
import { startLauncher } from '../platform/linux/launcher-process.ts';
import type { FailureRecord, Plan } from '../platform/linux/plan.ts';
import type { Policy } from '../policy/types.ts';

/** The host gave no namespaces. Nothing was started; `refusal` is what a person is told where it ends with that. */
export class NamespacesRefused extends Error {
  readonly refusal: SandboxError;

  constructor(refusal: SandboxError) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** undefined when something else failed, or there were none to begin with. */
export function namespaceRefusal(
  { namespaces }: Plan,
  failure: FailureRecord,
): NamespacesRefused | undefined {
  if (namespaces === 0 || !refusesNamespaces(failure)) return undefined;
  return new NamespacesRefused(setupError(failure));
}

/** Throws the refusal where Landlock cannot hold the boundary alone: the flag would not help. */
export function refuseOldLandlock(abi: number, { code, what, why, fix }: SandboxError): void {
  if (abi >= LEAST_ABI) return;
  throw new SandboxError(code, {
    what,
    why,
    ...(fix !== undefined && { fix }),
    details: [
      `Landlock and seccomp alone cannot do without them here: this kernel has Landlock ABI ${abi}, and keeping signals in needs`,
      `ABI ${LEAST_ABI} (Linux 6.12)`,
    ],
  });
}

/** Throws ERR_NAMESPACES_UNAVAILABLE, with what would be missing, unless the person accepts that. */
export function refuseUnaccepted({ acceptWeaker }: Policy, { guarantees, why, fix }: Weaker): void {
  if (guarantees.length === 0 || acceptWeaker.value) return;
  const forbidden = acceptWeaker.origin.scope === 'managed';
  const accept = forbidden
    ? ''
    : `${fix === undefined ? 'Accept' : ', or accept'} what is missing with --accept-weaker`;
  throw new SandboxError('ERR_NAMESPACES_UNAVAILABLE', {
    what: NO_NAMESPACES,
    why,
    fix: `${fix ?? ''}${accept}`,
    details: [
      forbidden
        ? 'Landlock and seccomp alone would not do: the administrator does not let these be missing'
        : 'Landlock and seccomp alone would hold the rest, without these guarantees:',
      ...guarantees.map(({ claim }) => `- ${claim}`),
    ],
  });
}

/**
 * Makes the boundary of `plan` around nothing and takes it away again: how a plan that is only shown learns what a run would
 * meet. undefined where the host gives namespaces, or refuses something else, which the run itself will tell.
 */
export async function tryNamespaces(plan: Plan, launcherPath: string): Promise<SandboxError | undefined> {
  const { tripwire, ...unwatched } = plan;
  const mounts = plan.mounts.filter(({ op }) => op !== 'tripwire' && op !== 'relay');
  const launcher = new Launcher(startLauncher(launcherPath, { streams: ['ignore', 'ignore', 'ignore'] }));
  let failure: FailureRecord | undefined;
  try {
    await launcher.run({ ...unwatched, mounts, argv: [] }, (record) => {
      if (record.kind === 'failure') failure ??= record;
      // Without a target to hear it, the signal ends the session.
      if (record.kind === 'started') launcher.signal('SIGTERM');
    });
    return failure && namespaceRefusal(plan, failure)?.refusal;
  } finally {
    await launcher.close();
  }
}

/** A host that is opened while a session runs would be reached through its network, which it has not. */
export async function refuseLiveHosts({ why, fix }: Weaker): Promise<never> {
  throw new SandboxError('ERR_GRANT_REFUSED', {
    what: 'Cannot open a host in this session',
    why: `it has no network: ${why}`,
    ...(fix !== undefined && { fix }),
  });
}

/** Where the session's own /tmp cannot be mounted: a directory of its own, gone when it ends. */
export function giveTemporary(
  plan: Plan,
  directory: string,
): { readonly plan: Plan; readonly directory: string | undefined; readonly remove: () => void } {
  if (plan.namespaces !== 0) return { plan, directory: undefined, remove: () => {} };
  const temporary = mkdtempSync(join(realpathSync(directory), 'tmp-'));
  return {
    plan: withTemporary(plan, temporary),
    directory: temporary,
    remove() {
      try {
        // Does not follow links: all of it was made inside.
        rmSync(temporary, { recursive: true, force: true });
      } catch {
        // A directory made unreadable inside stays until the session is forgotten; nobody looks there.
      }
    },
  };
}

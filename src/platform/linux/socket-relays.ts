/** Puts the sockets of relays in the places that a plan keeps for them. Pure. */
import type { Plan } from './plan.ts';

/** Paths of the host's sockets that the plan shows a relay to; each is shown at the same path. */
export function relayedSockets({ mounts }: Plan): string[] {
  return mounts.flatMap((step) => (step.op === 'relay' ? [step.target] : []));
}

/**
 * The plan with the socket of each relay shown. `sourceOf`: its path on the host, without symbolic links. Read-only, so that
 * nothing inside can change the mode of what this process listens on; connect(2) asks no more of it.
 */
export function withRelays(plan: Plan, sourceOf: (path: string) => string): Plan {
  const mounts = plan.mounts.map((step) =>
    step.op === 'relay'
      ? ({
          op: 'bind',
          source: sourceOf(step.target),
          target: step.target,
          writable: false,
          noexec: true,
        } as const)
      : step,
  );
  return { ...plan, mounts };
}

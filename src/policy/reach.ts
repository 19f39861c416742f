/** Whether a session may ever reach a host, settled at its start: what must be made ready for that cannot be added later. */
import type { Policy } from './types.ts';

/** Whether any host can be reached, now or by a grant while the session runs. */
export function mayReach({ network }: Pick<Policy, 'network'>): boolean {
  return network.closed === undefined || network.domains.some(({ access }) => access === 'allow');
}

/** Decides whether a place of the sandbox's loopback stands for the host's: by the rules for hosts, `networkAccess` and the port. */
import { portRefusal } from '../../policy/service-ports.ts';
import type { Policy } from '../../policy/types.ts';
import type { SocketAddress } from '../sandbox-sockets.ts';
import type { Gate } from '../types.ts';

/** `private`: the sandbox's own and nothing else. `refused`: the host's must not be used; `why` is a clause. */
export type HostUse =
  | { readonly kind: 'private' }
  | { readonly kind: 'host' }
  | { readonly kind: 'refused'; readonly why: string };

/** `at` is a loopback address; judged by the rules as they are now. */
export function hostUse(at: SocketAddress, gate: Pick<Gate, 'judge'>, policy: Policy['network']): HostUse {
  const { address, port } = at;
  const isUsual = address === '127.0.0.1' || address === '::1';
  const verdicts = [address, ...(isUsual ? ['localhost'] : [])].map((host) => gate.judge({ host, port }));
  for (const verdict of verdicts)
    if (verdict.kind === 'refused' && verdict.reason === 'denied')
      return { kind: 'refused', why: verdict.detail };
  // What is listed as such is reached whatever `networkAccess` says.
  if (verdicts.some(({ kind }) => kind === 'allowed')) return { kind: 'host' };
  // Of the loopback's other addresses the host may use each for something else: 127.0.0.53 is its way to all names.
  if (policy.access.value !== 'local' || !isUsual) return { kind: 'private' };
  const why = portRefusal(
    port,
    policy.localPorts?.map(({ value }) => value),
  );
  return why === undefined ? { kind: 'host' } : { kind: 'refused', why };
}

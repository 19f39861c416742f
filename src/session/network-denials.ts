/** What the network side refused, as denials. */
import type { AskedCall } from '../network/sandbox-sockets.ts';
import type { Refusal } from '../network/types.ts';
import type { Denial } from '../violations/types.ts';

/** connect(2): what a local firewall rule answers; ENETUNREACH would send people looking for a broken network. */
export const EACCES = 13;

/** An allowance of the host itself opens what no rule allows, and nothing else. */
function remedyOf({ reason, address }: Refusal): Pick<Denial, 'remedy'> {
  if (reason === 'not-allowed' || reason === 'literal' || reason === 'denied') return {};
  return { remedy: address === undefined ? { kind: 'none' } : { kind: 'host', host: address } };
}

/** A call that was answered with EACCES. */
export function callDenial({ act, address, port, pid }: AskedCall, detail: string): Denial {
  return {
    act,
    subject: { kind: 'host', host: address, port },
    observer: 'supervisor',
    outcome: 'refused',
    actor: { pid },
    errno: EACCES,
    detail,
  };
}

/** `observer`: the supervisor answers with EACCES, the others in the protocol that was spoken. */
export function refusalDenial(
  refusal: Refusal,
  pid: number,
  observer: 'supervisor' | 'gate' | 'resolver',
): Denial {
  const { destination, detail, rule } = refusal;
  const { host, port } = destination;
  return {
    act: observer === 'resolver' ? 'resolve' : 'connect',
    subject: { kind: 'host', host, ...(port !== 0 && { port }) },
    observer,
    outcome: 'refused',
    actor: { pid },
    detail,
    ...remedyOf(refusal),
    ...(rule && { rule }),
    ...(observer === 'supervisor' && { errno: EACCES }),
  };
}

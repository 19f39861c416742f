/** What of the host's loopback a Mac's profile opens: there is no loopback of the sandbox's own, and nobody to ask at a connect. */
import { EgressRules } from '../network/egress-rules.ts';
import type { NetworkReach } from '../platform/macos/network-rules.ts';
import { parseHostPattern } from '../policy/host-pattern.ts';
import { portRefusal, SERVICE_PORTS } from '../policy/service-ports.ts';
import type { Policy } from '../policy/types.ts';

/** A profile knows them by one name. */
const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '::1'];
/** Stands for every port that no rule mentions. */
const ANY_PORT = 0;

/**
 * As on Linux: what is listed as such is reached whatever `networkAccess` says, and a denial beats all. Where a rule speaks of
 * `localhost` and another of 127.0.0.1, the denial of one holds for both.
 */
export function loopbackReach({
  access,
  domains,
  localPorts,
}: Policy['network']): Pick<NetworkReach, 'loopback' | 'ports' | 'refusedPorts'> {
  const rules = new EgressRules(domains);
  const isLocal = access.value === 'local';
  const listed = localPorts?.map(({ value }) => value);
  const isOpen = (port: number): boolean => {
    const said = LOOPBACK.map((host) => rules.decide({ host, port })?.access);
    if (said.includes('deny')) return false;
    if (said.includes('allow')) return true;
    return isLocal && (port === ANY_PORT ? listed === undefined : portRefusal(port, listed) === undefined);
  };
  const named = domains.flatMap(({ pattern }) => {
    const host = parseHostPattern(pattern);
    return host?.port !== undefined && LOOPBACK.includes(host.host) ? [host.port] : [];
  });
  const mentioned = [...new Set([...named, ...(listed ?? []), ...SERVICE_PORTS.keys()])];
  return isOpen(ANY_PORT)
    ? { loopback: isLocal, ports: 'any', refusedPorts: mentioned.filter((port) => !isOpen(port)) }
    : { loopback: isLocal, ports: mentioned.filter(isOpen), refusedPorts: [] };
}

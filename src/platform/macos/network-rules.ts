/** What may be reached over the network, and through which sockets. */
import { UNIX_SOCKETS } from './base-rules.ts';
import { allow, deny, type Filter, literal, quote, type Rule, subpath } from './sbpl.ts';

export interface NetworkReach {
  /** Listening on the host's loopback. */
  readonly loopback: boolean;
  /** Ports of the host's loopback that may be reached. Default: all where it may be listened on, else none. */
  readonly ports?: 'any' | readonly number[];
  /** Ports that stay closed although `ports` is `any`. */
  readonly refusedPorts?: readonly number[];
  /** Ports on which Pinfold's egress gate listens for HTTP and SOCKS clients. */
  readonly proxyPorts?: readonly number[];
  /** Directories whose Unix sockets may be bound and connected to. */
  readonly socketDirectories: readonly string[];
  /** Unix sockets that a person has opened. */
  readonly sockets: readonly string[];
}

/** `kind` is `remote` or `local`. A host can only be written as `localhost` or `*`. */
function end(kind: 'remote' | 'local', protocol: 'ip' | 'tcp', port: number | '*'): Filter {
  return `(${kind} ${protocol} ${quote(`localhost:${port}`)})` as Filter;
}

function socket(kind: 'remote' | 'local', where: Filter): Filter {
  return `(${kind} unix-socket ${where})` as Filter;
}

/**
 * Names are never resolved: mDNSResponder, by socket or by service, would carry them to any server. The egress gate takes
 * names. SECURITY: of outgoing connections only the far end is looked at; the near end of an unbound socket matches
 * `localhost` always.
 */
export function networkRules(reach: NetworkReach): Rule[] {
  const places = [...reach.socketDirectories.map(subpath), ...reach.sockets.map(literal)];
  return [...socketRules(places), ...loopbackRules(reach), ...proxyRules(reach.proxyPorts ?? [])];
}

function socketRules(places: readonly Filter[]): Rule[] {
  if (places.length === 0) return [];
  return [
    allow(['system-socket'], [UNIX_SOCKETS]),
    allow(
      ['network-bind', 'network-inbound'],
      places.map((place) => socket('local', place)),
    ),
    allow(
      ['network-outbound'],
      places.map((place) => socket('remote', place)),
    ),
  ];
}

function loopbackRules(reach: NetworkReach): Rule[] {
  const { loopback, ports = loopback ? 'any' : [], refusedPorts = [] } = reach;
  const bind = loopback ? [allow(['network-bind', 'network-inbound'], [end('local', 'ip', '*')])] : [];
  const remote = (numbers: readonly number[]) =>
    [...numbers].sort((a, b) => a - b).map((port) => end('remote', 'ip', port));
  if (ports !== 'any') {
    return ports.length === 0 ? bind : [...bind, allow(['network-outbound'], remote(ports))];
  }
  return [
    ...bind,
    allow(['network-outbound'], [end('remote', 'ip', '*')]),
    ...(refusedPorts.length === 0 ? [] : [deny(['network-outbound'], remote(refusedPorts))]),
  ];
}

function proxyRules(ports: readonly number[]): Rule[] {
  if (ports.length === 0) return [];
  return [
    allow(
      ['network-outbound'],
      ports.map((port) => end('remote', 'tcp', port)),
    ),
  ];
}

/**
 * Whether a name can be resolved inside. The question is put to the name servers that the inside itself names, and only
 * where no interface but a loopback was seen there: so no question of doctor's leaves the host, even from a broken sandbox.
 */
import { isIPv4 } from 'node:net';
import { readCalls } from './acts.ts';
import type { Enclosure } from './enclosure.ts';
import { type Attempt, type Guarantee, judge } from './guarantee.ts';
import { interfacesCalls, interfacesIn, resolveCalls } from './guarantees/network.ts';
import { dnsQuery, dnsResolved, type Listener } from './listeners.ts';
import { type Answer, type Call, probeWords, readReport } from './system-call.ts';
import { type GuaranteeReport, reportOf } from './verdict.ts';

/** What `prove` asks in the first run, before this guarantee may be attempted. */
export function surveyCalls(): readonly (readonly Call[])[] {
  return [interfacesCalls(), readCalls('/etc/resolv.conf')];
}

const MAX_SERVERS = 3;
const PORT = 53;
const NOBODY: ReadonlySet<string> = new Set();

/** resolv.conf(5): without a `nameserver` the one on this host is asked. */
function nameServers(text: string): string[] {
  const named = [...text.matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1]!).filter(isIPv4);
  return named.length === 0 ? ['127.0.0.1'] : named.slice(0, MAX_SERVERS);
}

function attempts(servers: readonly string[], control: Listener, token: string): Attempt[] {
  // The top-level domain that nobody has (RFC 6761).
  const query = dnsQuery(`${token}.invalid`);
  return servers.map((address) => ({
    act: `resolve a name by the name server ${address}`,
    calls: (side) =>
      resolveCalls(
        side === 'inside' ? { address, port: PORT } : { address: '127.0.0.1', port: control.port },
        query,
      ),
    evidence: { kind: 'content', shows: dnsResolved },
  }));
}

const GUARANTEE: Omit<Guarantee, 'attempts'> = {
  id: 'resolution',
  group: 'network',
  claim: 'Names that the policy does not allow cannot be resolved',
  short: 'no names resolved',
};

function unproven(reason: string): GuaranteeReport {
  return { ...GUARANTEE, state: 'unproven', reasons: [reason], notes: [], trials: [] };
}

export async function proveResolution(
  enclosure: Enclosure,
  survey: readonly Answer[],
  control: Listener,
  token: string,
  numbers: Readonly<Record<string, number>>,
  /** It was seen that no datagram socket can be made inside: then no question can leave either. */
  closed: boolean,
): Promise<GuaranteeReport> {
  const [seen, resolver] = survey.map((answer) =>
    answer.kind === 'answered' && answer.errno === undefined ? answer.bytes.toString('latin1') : undefined,
  );
  if (seen === undefined && !closed)
    return unproven('the interfaces inside could not be listed, so no question was asked');
  if (!closed && interfacesIn(seen ?? '').length > 0) {
    return unproven(
      'an interface of the host is seen inside, so no question was asked: it would leave the host',
    );
  }
  const all = attempts(nameServers(resolver ?? ''), control, token);
  const ask = (side: 'inside' | 'outside') =>
    probeWords(
      all.map(({ calls }) => calls(side)),
      numbers,
    );
  const inside = readReport((await enclosure.inside(ask('inside'))).report, all.length);
  const outside = readReport(await enclosure.outside(ask('outside')), all.length);
  const trials = all.map((attempt, index) => ({
    attempt,
    inside: judge(attempt, { answer: inside[index]!, side: 'inside', visited: NOBODY }),
    outside: judge(attempt, { answer: outside[index]!, side: 'outside', visited: NOBODY }),
  }));
  return reportOf(GUARANTEE, trials);
}

/** What the acts that a session recorded would have met under another policy. Decides as a run would, and runs nothing. */
import { Decider } from '../policy/decide.ts';
import { portRefusal } from '../policy/service-ports.ts';
import type { Access, DomainRule, PathRule, Policy } from '../policy/types.ts';
import { accessFor } from '../violations/acts.ts';
import { historyOf } from '../violations/history.ts';
import { causeOf } from '../violations/rules.ts';
import type { Act, Denial, Subject } from '../violations/types.ts';
import { type Connections, connectionsOf } from './connections.ts';
import type { HostRules, LoggedEvent, MakeHostRules, RecordedSession } from './types.ts';

export interface ReplayedAct {
  /** `serve`: a server inside was reached from the host's loopback. */
  readonly act: Act | 'serve';
  readonly subject: Subject;
  readonly count: number;
  readonly before: 'passed' | 'refused';
  /** `unknown`: what was recorded does not tell. */
  readonly after: 'passes' | 'refused' | 'unknown';
  readonly rule?: PathRule | DomainRule;
  /** One clause. May quote what came from inside: escape it. */
  readonly why: string;
}

/** A place that was open in the session and would be less so. What was done there was not recorded. */
export interface Narrowed {
  readonly path: string;
  readonly was: Access;
  readonly becomes: Access;
  /** Something of it was seen open, or it changed meanwhile. */
  readonly seen?: readonly ('open' | 'changed')[];
}

export interface Replay {
  readonly acts: readonly ReplayedAct[];
  readonly narrowed: readonly Narrowed[];
  /** Refusals that were too many to be recorded one by one. */
  readonly dropped: number;
  /** Hosts that a person opened while it ran; only the other policy's own rules count here. */
  readonly grantedLive: readonly string[];
}

type Outcome = Pick<ReplayedAct, 'after' | 'rule' | 'why'>;

const RANK: Readonly<Record<Access, number>> = { none: 0, read: 1, write: 2 };
/** Places that a policy opens by its mode or a person's word; the system and tool chains are the same in each. */
const COMPARED: readonly PathRule['category'][] = ['setting', 'project', 'home'];

function isLoopback(host: string): boolean {
  return host === '::1' || host === 'localhost' || /^127\./.test(host);
}

class Judge {
  readonly #policy: Policy;
  readonly #decider: Decider;
  readonly #hosts: HostRules;

  constructor(policy: Policy, hosts: HostRules) {
    this.#policy = policy;
    this.#decider = new Decider(policy);
    this.#hosts = hosts;
  }

  accessOf(path: string): Access {
    return this.#decider.accessOf(path);
  }

  ofDenial(denial: Denial): Outcome {
    const { subject, act } = denial;
    if (denial.remedy?.kind === 'none' || act === 'send' || subject.kind === 'syscall')
      return { after: 'refused', why: `${causeOf(denial)}, whatever the settings say` };
    if (act === 'bind') return { after: 'unknown', why: 'no rule speaks of it' };
    if (subject.kind === 'host') return this.#ofHostDenial(denial, subject.host, subject.port);
    if (!subject.path.startsWith('/')) return { after: 'refused', why: causeOf(denial) };
    const decision = this.#decider.decide(subject.path, accessFor(denial));
    const { rule } = decision;
    const allowed = subject.kind === 'socket' ? rule?.socket === true : decision.allowed;
    const why =
      rule === undefined
        ? 'no rule mentions it'
        : rule.category === 'private'
          ? 'in a private place'
          : rule.why;
    return { after: allowed ? 'passes' : 'refused', why, ...(rule && { rule }) };
  }

  ofConnection({ way, host, port }: Connections): Outcome {
    const local = this.#policy.network.access.value === 'local';
    if (way === 'published')
      return local
        ? { after: 'passes', why: 'networkAccess is local' }
        : { after: 'refused', why: 'servers inside are reached only with networkAccess local' };
    if (way === 'socket') {
      const { rule } = this.#decider.decide(host, 'read');
      return rule?.socket
        ? { after: 'passes', why: 'it is allowed', rule }
        : { after: 'refused', why: 'no service of the host can be asked', ...(rule && { rule }) };
    }
    if (way !== 'host') return this.#ofHosts([host], port);
    const outcome = this.#ofLoopback(host, port);
    return outcome.after === 'unknown' ? { ...outcome, after: 'refused' } : outcome;
  }

  #ofHosts(hosts: readonly string[], port: number): Outcome {
    const rules = hosts.map((host) => this.#hosts.decide({ host, port }));
    const rule = rules.find((each) => each?.access === 'allow') ?? rules.find((each) => each !== undefined);
    const why =
      rule === undefined
        ? 'no rule allows this host'
        : rule.access === 'allow'
          ? 'it is allowed'
          : 'it is denied';
    return { after: rule?.access === 'allow' ? 'passes' : 'refused', why, ...(rule && { rule }) };
  }

  #ofHostDenial(denial: Denial, host: string, port: number | undefined): Outcome {
    if (port === undefined) {
      return this.#hosts.reaches(host)
        ? { after: 'passes', why: 'some port of it is allowed' }
        : { after: 'refused', why: 'no rule allows this host' };
    }
    if (isLoopback(host)) return this.#ofLoopback(host, port);
    const named = this.#ofHosts([host], port);
    if (named.after !== 'passes') return named;
    if (denial.rule?.access === 'allow' && denial.remedy === undefined)
      return { after: 'unknown', why: `it was allowed by name before, and refused: ${causeOf(denial)}` };
    // Where the name leads is judged too, and that has to be listed itself.
    return denial.remedy?.kind === 'host' ? this.#ofHosts([denial.remedy.host], port) : named;
  }

  /** As a run answers calls to the loopback (session/loopback-network.ts). */
  #ofLoopback(host: string, port: number): Outcome {
    const { access, localPorts } = this.#policy.network;
    const isUsual = host === '127.0.0.1' || host === '::1';
    const names = isUsual ? [host, 'localhost'] : [host];
    const rules = names.flatMap((name) => this.#hosts.decide({ host: name, port }) ?? []);
    const deciding = rules.find((rule) => rule.access === 'deny') ?? rules[0];
    if (deciding !== undefined) {
      const passes = deciding.access === 'allow';
      const why = passes ? 'it is allowed' : 'it is denied';
      return { after: passes ? 'passes' : 'refused', why, rule: deciding };
    }
    if (access.value !== 'local' || !isUsual)
      return { after: 'unknown', why: "it would meet the sandbox's own loopback, and whoever listens there" };
    const listed = localPorts?.map(({ value }) => value);
    const refusal = portRefusal(port, listed);
    return refusal === undefined
      ? { after: 'passes', why: 'networkAccess is local' }
      : { after: 'refused', why: refusal };
  }
}

function narrowedBy(session: RecordedSession, judge: Judge): Narrowed[] {
  const seen = new Map<string, Narrowed['seen']>();
  for (const event of session.events) {
    if (event.kind !== 'grant-use') continue;
    const { paths } = event as unknown as {
      paths: readonly { pattern: string; open?: true; changed?: true }[];
    };
    for (const { pattern, open, changed } of paths) {
      seen.set(pattern, [...(open ? (['open'] as const) : []), ...(changed ? (['changed'] as const) : [])]);
    }
  }
  const before = new Decider(session.policy);
  const places = session.policy.rules.flatMap(({ category, glob, access, pattern, resolved = pattern }) =>
    !glob && access !== 'none' && COMPARED.includes(category) ? [{ pattern, resolved }] : [],
  );
  return [...new Map(places.map((place) => [place.resolved, place])).values()].flatMap(
    ({ pattern, resolved }) => {
      const [was, becomes] = [before.accessOf(resolved), judge.accessOf(resolved)];
      if (RANK[becomes] >= RANK[was]) return [];
      const how = seen.get(pattern);
      return [{ path: resolved, was, becomes, ...(how && { seen: how }) }];
    },
  );
}

function grantedLive(events: readonly LoggedEvent[]): string[] {
  const hosts = events.flatMap((event) => {
    const { host } = event as { host?: unknown };
    return event.kind === 'grant' && typeof host === 'string' ? [host] : [];
  });
  return [...new Set(hosts)];
}

/** `policy`: the other one, for the same project. */
export function replaySession(session: RecordedSession, policy: Policy, makeRules: MakeHostRules): Replay {
  const judge = new Judge(policy, makeRules(policy.network.domains));
  const history = historyOf(session.events);
  const refused = history.violations.map(
    ({ denial, count }): ReplayedAct => ({
      act: denial.act,
      subject: denial.subject,
      count,
      before: 'refused',
      ...judge.ofDenial(denial),
    }),
  );
  const passed = connectionsOf(session.events).all.map((each): ReplayedAct => {
    const { way, host, port, connections: count } = each;
    const act = way === 'published' ? 'serve' : 'connect';
    return {
      act,
      subject: way === 'socket' ? { kind: 'socket', path: host } : { kind: 'host', host, port },
      count,
      before: 'passed',
      ...judge.ofConnection(each),
    };
  });
  return {
    acts: [...passed, ...refused],
    narrowed: narrowedBy(session, judge),
    dropped: history.dropped,
    grantedLive: grantedLive(session.events),
  };
}

/** From findings on both sides to what a person is told of a guarantee. Pure. */
import type { Enforcement, Weaker } from '../platform/backend.ts';
import type { Mode, NetworkAccess } from '../policy/types.ts';
import type { Attempt, Finding, Group, Guarantee } from './guarantee.ts';

/** Best first. `unproven`: the act or its control went wrong, so nothing is known; never taken for a success. */
export const STATES = ['proven', 'weaker', 'unproven', 'not enforced'] as const;
export type State = (typeof STATES)[number];

export interface Trial {
  readonly attempt: Pick<Attempt, 'act' | 'hostRefuses'>;
  readonly inside: Finding;
  readonly outside: Finding;
}

export interface GuaranteeReport {
  readonly id: string;
  readonly group: Group;
  readonly claim: string;
  readonly short: string;
  readonly state: State;
  /** Each with what was attempted; empty for a proven guarantee. */
  readonly reasons: readonly string[];
  /** What a proof does not show, although it stands. */
  readonly notes: readonly string[];
  readonly trials: readonly { readonly act: string; readonly inside: string; readonly outside: string }[];
}

export interface ModeReport {
  /** As asked for. */
  readonly mode: Mode;
  /** As the host's managed settings let it be. */
  readonly enforcedMode: Mode;
  readonly network: NetworkAccess;
  readonly guarantees: readonly GuaranteeReport[];
  readonly enforcement: readonly Enforcement[];
  /** Set where this host gives no namespaces. */
  readonly weaker?: Weaker;
}

export function worst(states: readonly State[]): State {
  return STATES[Math.max(0, ...states.map((state) => STATES.indexOf(state)))]!;
}

interface Verdict {
  readonly state: State;
  readonly reason?: string;
  readonly note?: string;
}

function words(finding: Finding): string {
  return finding.kind === 'refused' || finding.kind === 'unclear' ? finding.how : finding.kind;
}

function verdictOf({ attempt, inside, outside }: Trial): Verdict {
  const { act, hostRefuses = [] } = attempt;
  if (inside.kind === 'reached') return { state: 'not enforced', reason: `${act}: it was done` };
  if (inside.kind === 'undone')
    return { state: 'weaker', reason: `${act}: it was done, and undone after it` };
  if (inside.kind === 'unclear') {
    return { state: 'unproven', reason: `${act}: the attempt itself failed (${inside.how})` };
  }
  if (outside.kind === 'reached') return { state: 'proven' };
  const how = words(outside);
  if (hostRefuses.includes(how)) {
    return { state: 'proven', note: `${act}: this host refuses it outside too (${how})` };
  }
  return { state: 'unproven', reason: `${act}: it does not work outside either (${how})` };
}

export function reportOf(
  guarantee: Pick<Guarantee, 'id' | 'group' | 'claim' | 'short'>,
  trials: readonly Trial[],
): GuaranteeReport {
  const { id, group, claim, short } = guarantee;
  const verdicts = trials.map(verdictOf);
  // A guarantee that nothing was tried for is none.
  const state = trials.length === 0 ? 'unproven' : worst(verdicts.map((verdict) => verdict.state));
  return {
    id,
    group,
    claim,
    short,
    state,
    reasons:
      trials.length === 0
        ? ['nothing could be attempted']
        : verdicts.flatMap(({ reason }) => (reason === undefined ? [] : [reason])),
    notes: verdicts.flatMap(({ note }) => (note === undefined ? [] : [note])),
    trials: trials.map(({ attempt, inside, outside }) => ({
      act: attempt.act,
      inside: words(inside),
      outside: words(outside),
    })),
  };
}

/** Reports of all guarantees, from what became of all their attempts, in their order. */
export function reportsOf<C>(
  guarantees: readonly Guarantee<C>[],
  inside: readonly Finding[],
  outside: readonly Finding[],
): GuaranteeReport[] {
  let next = 0;
  return guarantees.map((guarantee) => {
    const first = next;
    next += guarantee.attempts.length;
    return reportOf(
      guarantee,
      guarantee.attempts.map((attempt, index) => ({
        attempt,
        inside: inside[first + index]!,
        outside: outside[first + index]!,
      })),
    );
  });
}

/**
 * Whether each mechanism is in full force, as the launcher confirmed it. The name guard is `partial` on every kernel, by
 * its nature; what it holds is attempted.
 */
export function layersReport(enforcement: readonly Enforcement[], weaker?: Weaker): GuaranteeReport {
  // An observer, on which no guarantee rests: what it would see is refused all the same.
  const unseen = enforcement.flatMap((status) =>
    status.mechanism === 'tripwire' && status.state === 'none' ? [status.reason] : [],
  );
  // What holds in place of namespaces was attempted, and what does not is told by name.
  const none =
    weaker === undefined ? [] : [{ state: 'weaker' as State, reason: `no namespaces: ${weaker.why}` }];
  const held = enforcement.filter(
    ({ mechanism }) => weaker === undefined || !mechanism.endsWith('-namespace'),
  );
  const gaps = held.flatMap((status): { state: State; reason: string }[] => {
    if (status.state === 'full' || ['name-guard', 'tripwire'].includes(status.mechanism)) return [];
    return status.state === 'partial'
      ? [{ state: 'weaker', reason: `${status.mechanism} without ${status.missing.join(', ')}` }]
      : [
          {
            // What holds in its place was attempted, and what does not is told by name.
            state:
              weaker !== undefined && status.mechanism.endsWith('-namespace') ? 'weaker' : 'not enforced',
            reason: `${status.mechanism}: ${status.reason}`,
          },
        ];
  });
  return {
    id: 'layers',
    group: 'kernel',
    claim: 'Every layer of the boundary is in full force',
    short: 'all layers',
    state: enforcement.length === 0 ? 'unproven' : worst([...none, ...gaps].map(({ state }) => state)),
    reasons:
      enforcement.length === 0
        ? ['the launcher confirmed nothing']
        : [...none, ...gaps].map(({ reason }) => reason),
    notes: unseen,
    trials: [],
  };
}

const GROUP_OF: Readonly<Record<string, Group>> = {
  'process-numbers': 'processes',
  'process-limit': 'processes',
};

/** What the boundary does not give on this host, by its own word. */
export function missingReports({ guarantees }: Pick<Weaker, 'guarantees'>): GuaranteeReport[] {
  return guarantees.map(({ id, claim }) => ({
    id: `missing-${id}`,
    group: GROUP_OF[id] ?? 'files',
    claim,
    short: id,
    state: 'weaker',
    reasons: ['what would keep it from happening needs namespaces'],
    notes: [],
    trials: [],
  }));
}

/** The variables of a process are read where Landlock alone shows nothing of any process. */
export function unseenEnvironment({ id, group, claim, short }: Guarantee): GuaranteeReport {
  const reason = 'without namespaces /proc/self is closed, so the variables cannot be looked at from inside';
  return { id, group, claim, short, state: 'unproven', reasons: [reason], notes: [], trials: [] };
}

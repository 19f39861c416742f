/** Whether a path may be opened in a session that runs, by the rules and by what its start has settled. */
import { existsSync } from 'node:fs';
import { kindOf } from '../host/existing.ts';
import { followLinks } from '../host/symlinks.ts';
import { mountsBeneath, standingOf, writableBeneath } from '../platform/linux/live-mounts.ts';
import type { Plan } from '../platform/linux/plan.ts';
import { Decider } from '../policy/decide.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import { guardsOf } from '../policy/merge-paths.ts';
import { isWithin } from '../policy/paths.ts';
import { quoteWord } from '../policy/printable.ts';
import type { PathRule, Policy } from '../policy/types.ts';
import { grantFor } from '../violations/grant.ts';
import { riskOf } from '../violations/risk.ts';
import type { Denial, Risk } from '../violations/types.ts';
import type { HeldPath, PathAccess } from './held-paths.ts';
import { nextRun, refused } from './path-refusals.ts';
import type { ShownPath } from './path-showing.ts';

export interface Judgement {
  readonly shown: ShownPath;
  /** It is open already. */
  readonly allowed: boolean;
  readonly risk: Risk;
}

export interface Surroundings {
  /** As enforced, with a rule for each path that was opened since. */
  readonly policy: Policy;
  readonly plan: Plan;
  /** What was opened since. */
  readonly open: readonly Pick<HeldPath, 'path' | 'access'>[];
}

/** Throws ERR_GRANT_REFUSED for what is not to be opened, or cannot be while the session runs. */
export function judgeLivePath(text: string, access: PathAccess, surroundings: Surroundings): Judgement {
  const { policy, plan, open } = surroundings;
  const { path, kind: found } = followLinks(text);
  const kind = found === 'found' ? kindOf(path) : undefined;
  if (kind === undefined) throw refused(text, 'nothing is there', 'Name a file or directory that exists');
  const standing = open.some((each) => isWithin(path, each.path) && each.path !== path)
    ? ({ kind: 'shown' } as const)
    : standingOf(plan, path);
  if (standing.kind === 'closed') {
    throw nextRun(path, access, `the session has a ${standing.by} of its own, or nothing at all there`);
  }
  const { rule, allowed } = new Decider(policy).decide(path, access);
  const denial: Denial = {
    act: access,
    subject: { kind: 'path', path },
    observer: 'supervisor',
    outcome: 'refused',
    ...(rule && { rule }),
  };
  const risk = riskOf(denial, policy);
  const shown: ShownPath = { path, kind, standing };
  if (allowed) return { shown, allowed, risk };
  const grant = grantFor(denial, policy, existsSync);
  if (grant.kind === 'none') {
    const where = rule === undefined ? '' : ` (${rule.pattern}, ${rule.origin.file ?? rule.origin.text})`;
    throw refused(path, `${grant.why}${where}`, `pinfold explain ${quoteWord(path)} says which rule decides`);
  }
  if (access === 'write' && rule?.category === 'host-run')
    throw nextRun(path, access, `${rule.why}; what is protected so stays so while a session runs`);
  refuseFixed(shown, access, surroundings);
  return { shown, allowed, risk };
}

/** What the start has settled. */
function refuseFixed({ path, standing }: ShownPath, access: PathAccess, { plan, open }: Surroundings): void {
  // The newer word counts for all beneath, but where it would take writing away unsaid.
  const opened = open.find(
    (each) => access === 'read' && each.access === 'write' && each.path !== path && isWithin(each.path, path),
  );
  const inner = mountsBeneath(plan, path);
  if (access === 'write') {
    if (!plan.seen) throw nextRun(path, access, 'with monitor "off" nobody hears of what would be written');
  } else if (standing.kind === 'shown') {
    throw nextRun(path, access, 'its surroundings are shown, and it is covered');
  }
  // What is shown to be read is shown once more, with all that lies in it; what may be written there must stay what it is.
  const kept = access === 'write' && standing.kind === 'shown' ? writableBeneath(plan, path) : inner;
  const shown = opened?.path ?? kept[0];
  if (shown !== undefined) throw nextRun(path, access, `${shown} beneath it is shown already`);
}

/** The rules that stand for a grant in every later decision: its own, and of what may be written those that protect names in it. */
export function rulesFor(text: string, path: string, access: PathAccess, facts: HostFacts): PathRule[] {
  const own: PathRule = {
    pattern: path,
    resolved: path,
    glob: false,
    access,
    category: 'setting',
    why: 'it was opened while the session runs',
    origin: { scope: 'flag', text: `pinfold allow ${quoteWord(text)}` },
  };
  return access === 'write' ? [own, ...guardsOf(path, facts)] : [own];
}

/** The smallest settings that would let what was refused pass, as entries for a person to accept one by one. */
import { Hazards, isMetadataService } from '../policy/hazards.ts';
import { depthOf, isWithin, parentOf } from '../policy/paths.ts';
import type { Policy } from '../policy/types.ts';
import { accessFor } from '../violations/acts.ts';
import { alternativesTo } from '../violations/alternatives.ts';
import { grantFor } from '../violations/grant.ts';
import { riskOf } from '../violations/risk.ts';
import { isPathRule } from '../violations/rules.ts';
import type { Denial, Risk, Violation } from '../violations/types.ts';

export interface Proposal {
  readonly key: 'allowedPaths' | 'allowedDomains';
  /** The path or host. May hold text from inside: escape it. */
  readonly text: string;
  /** Of a path. */
  readonly mode?: 'read' | 'write';
  readonly risk: Risk;
  /** Ids of the violations that it answers. */
  readonly answers: readonly string[];
  /** Stands for so many refused paths in one directory, and so for whatever else is in it. */
  readonly merged?: number;
  /** A way that needs no grant. */
  readonly instead?: string;
}

export interface Withheld {
  readonly id: string;
  readonly denial: Denial;
  /** One clause. */
  readonly why: string;
}

/** The host, as far as it is asked. */
export interface HostView {
  exists(path: string): boolean;
  /** Where a path leads once symbolic links are followed; the path itself where it leads nowhere. */
  resolve(path: string): string;
  isDirectory(path: string): boolean;
}

export interface ProposalInput {
  readonly violations: readonly Violation[];
  /** Under which they came. */
  readonly policy: Policy;
  readonly host: HostView;
  /** Whether several siblings may become their directory. */
  readonly merge: boolean;
}

export interface Proposals {
  readonly proposals: readonly Proposal[];
  readonly withheld: readonly Withheld[];
}

/** So many refused siblings are taken for a directory that is worked in. */
const SIBLINGS = 3;

function isAnswerable(denial: Denial): string | undefined {
  const { rule, subject } = denial;
  if (subject.kind === 'socket') return 'a service of the host is never proposed';
  if (
    subject.kind === 'host' &&
    isMetadataService(denial.remedy?.kind === 'host' ? denial.remedy.host : subject.host)
  )
    return 'it hands out credentials of this machine';
  if (!rule || !isPathRule(rule)) return undefined;
  const closed =
    rule.category === 'host-run' || rule.category === 'credential' || rule.category === 'pinfold';
  return closed ? `it is never proposed: ${rule.why}` : undefined;
}

/** SECURITY: asked of the path as written and of where it leads: an innocent name may be a link to a credential store. */
function hazardOf(place: string, mode: 'read' | 'write', input: ProposalInput): string | undefined {
  const hazards = new Hazards(input.policy);
  for (const path of new Set([place, input.host.resolve(place)])) {
    if (path === '/' || isWithin(input.policy.homeDir, path)) return 'it would open the whole home directory';
    const hazard = hazards.ofReading(path) ?? (mode === 'write' ? hazards.ofWriting(path) : undefined);
    if (hazard) return `it is never proposed: ${hazard.why}`;
  }
  return undefined;
}

function propose({ id, denial, risk }: Violation, input: ProposalInput): Proposal | string {
  const unanswerable = isAnswerable(denial);
  if (unanswerable !== undefined) return unanswerable;
  const grant = grantFor(denial, input.policy, input.host.exists);
  if (grant.kind === 'none') return grant.why;
  const { key, value } = grant.setting;
  const [alternative] = alternativesTo(denial, input.policy);
  const common = { answers: [id], ...(alternative && { instead: alternative.text }) };
  if (key === 'allowedDomains') return { key, ...common, text: String(value), risk };
  const mode = accessFor(denial);
  const text = typeof value === 'string' ? value : (value as { path: string }).path;
  const hazard = hazardOf(text, mode, input);
  if (hazard !== undefined) return hazard;
  const wider = { ...denial, subject: { kind: 'path', path: text } } as const;
  const own = text === input.host.resolve(text) ? riskOf(wider, input.policy) : risk;
  const isShared = input.host.isDirectory(text) && !isMergeable(text, mode, input);
  return {
    key: 'allowedPaths',
    ...common,
    text,
    mode,
    risk: isShared ? atLeastMedium(own, 'it opens all of a directory that many things share') : own,
  };
}

const LEVELS: readonly Risk['level'][] = ['low', 'medium', 'high'];

function atLeastMedium({ level, reasons }: Risk, why: string): Risk {
  return { level: level === 'low' ? 'medium' : level, reasons: [why, ...reasons] };
}

function graver(a: Risk, b: Risk): Risk {
  return LEVELS.indexOf(b.level) > LEVELS.indexOf(a.level) ? b : a;
}

function joined(a: Proposal, b: Proposal): Proposal {
  const writes = a.mode === 'write' || b.mode === 'write';
  return {
    ...a,
    ...(a.mode && { mode: writes ? 'write' : 'read' }),
    risk: graver(a.risk, b.risk),
    answers: [...a.answers, ...b.answers],
  };
}

/** One for each path and host; a path beneath another that gives as much goes with it. */
function joinSame(proposals: readonly Proposal[]): Proposal[] {
  const known = new Map<string, Proposal>();
  for (const each of proposals) {
    const key = `${each.key} ${each.text}`;
    const same = known.get(key);
    known.set(key, same === undefined ? each : joined(same, each));
  }
  const all = [...known.values()];
  const above = (each: Proposal) =>
    all.find(
      (other) =>
        other !== each &&
        each.mode !== undefined &&
        (other.mode === 'write' || other.mode === each.mode) &&
        isWithin(each.text, other.text),
    );
  const kept = all.filter((each) => above(each) === undefined);
  return kept.map((each) => ({
    ...each,
    answers: [each, ...all.filter((other) => above(other) === each)].flatMap(({ answers }) => answers),
  }));
}

/** Neither a directory that holds other people's things as well (one level beneath the home or the root) nor a hazard. */
function isMergeable(directory: string, mode: 'read' | 'write', input: ProposalInput): boolean {
  const { homeDir } = input.policy;
  const least = isWithin(directory, homeDir) ? depthOf(homeDir) + 2 : 2;
  return (
    depthOf(directory) >= least &&
    input.host.isDirectory(directory) &&
    input.host.resolve(directory) === directory &&
    hazardOf(directory, mode, input) === undefined
  );
}

function mergeSiblings(proposals: readonly Proposal[], input: ProposalInput): Proposal[] {
  const groups = new Map<string, Proposal[]>();
  for (const each of proposals) {
    const key = each.mode === undefined ? `host ${each.text}` : `${each.mode} ${parentOf(each.text)}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group as [Proposal, ...Proposal[]];
    const { mode } = first;
    const directory = parentOf(first.text);
    if (mode === undefined || group.length < SIBLINGS || !isMergeable(directory, mode, input)) return group;
    const risk = group.map((each) => each.risk).reduce(graver);
    const why = `it opens all of the directory, not only the ${group.length} that were asked for`;
    const answers = group.flatMap((each) => each.answers);
    return [{ ...first, text: directory, merged: group.length, risk: atLeastMedium(risk, why), answers }];
  });
}

/** In the order of first sight. What is withheld is never a person's oversight away: it needs their own hand in the settings. */
export function proposeGrants(input: ProposalInput): Proposals {
  const proposals: Proposal[] = [];
  const withheld: Withheld[] = [];
  for (const violation of input.violations) {
    const proposal = propose(violation, input);
    if (typeof proposal !== 'string') proposals.push(proposal);
    else withheld.push({ id: violation.id, denial: violation.denial, why: proposal });
  }
  const once = joinSame(proposals);
  return { proposals: input.merge ? joinSame(mergeSiblings(once, input)) : once, withheld };
}

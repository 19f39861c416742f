/** Says in words why a path is open or closed, and what the smallest change would be; pure, printed by others. */
import { type Candidate, Decider, type PathFacts } from './decide.ts';
import { isWithin, normalizePath } from './paths.ts';
import type { Access, Mode, Origin, PathRule, Policy } from './types.ts';

export interface ExplainedRule {
  /** As it was written; for a built-in rule its name. */
  readonly text: string;
  readonly access: Access;
  readonly pattern: string;
  /** `file:line:column`, `command line`, or `built in (standard)`. */
  readonly origin: string;
  readonly why: string;
}

/** What would open the path. */
export type Remedy =
  | {
      readonly kind: 'grant';
      /** To be put before the command: `pinfold run --allow PATH:ro`. */
      readonly command: string;
      /** The entry of `allowedPaths` that does the same for good. */
      readonly setting: { readonly path: string; readonly mode: 'read' | 'write' };
    }
  /** A denial that a grant cannot outweigh: it has to go. */
  | { readonly kind: 'remove'; readonly rule: ExplainedRule }
  | { readonly kind: 'none'; readonly why: string };

export interface Risk {
  readonly level: 'low' | 'medium' | 'high';
  readonly why: string;
}

export interface Explanation {
  readonly path: string;
  readonly want: 'read' | 'write';
  readonly verdict: 'allowed' | 'denied';
  /** What the path has, whatever was wanted. */
  readonly access: Access;
  /** The rule that decides; absent when nothing mentions the path, and it is hidden for that. */
  readonly rule?: ExplainedRule;
  /** The other rules that cover the path, the next in line first. */
  readonly runnersUp: readonly ExplainedRule[];
  /** Of a denial only. */
  readonly remedy?: Remedy;
  /** What opening it would mean. Of a denial only. */
  readonly risk?: Risk;
}

/** Throws ERR_PATH_INVALID for a path that is not absolute. */
export function explainPath(
  policy: Policy,
  path: string,
  want: 'read' | 'write',
  facts?: PathFacts,
): Explanation {
  const at = normalizePath(path);
  const decider = new Decider(policy);
  const { allowed, access } = decider.decide(at, want, facts);
  const [first, ...others] = decider.candidates(at, facts);
  const explained = first && explainRule(first.rule, policy.mode.value);
  return {
    path: at,
    want,
    verdict: allowed ? 'allowed' : 'denied',
    access,
    ...(explained && { rule: explained }),
    runnersUp: others.map(({ rule }) => explainRule(rule, policy.mode.value)),
    ...(!allowed && {
      remedy: remedyFor({ policy, path: at, want, deciding: first, ...(facts && { facts }) }),
      risk: riskOf(first?.rule, want),
    }),
  };
}

export function explainRule(rule: PathRule, mode: Mode): ExplainedRule {
  const { access, pattern, why, origin } = rule;
  return { text: origin.text, access, pattern, origin: describeOrigin(origin, mode), why };
}

/** Where a rule was said: `file:line:column`, the command line, or the mode that brings it. */
export function describeOrigin(origin: Origin, mode: Mode): string {
  const profile = origin.profile === undefined ? '' : `, profile ${origin.profile}`;
  if (origin.file !== undefined) {
    const place = [origin.file, origin.line, origin.column].filter((part) => part !== undefined).join(':');
    return `${place}${profile}`;
  }
  if (origin.scope === 'builtin') return `built in (${mode})`;
  return origin.scope === 'flag' ? `command line${profile}` : `${origin.scope} settings${profile}`;
}

const VERBS: Readonly<Record<Access, string>> = {
  none: 'hides',
  read: 'shows read-only',
  write: 'makes writable',
};

/** One line for people: `"secrets" hides /project/secrets: denied (settings.json:4:5)`. */
export function describeRule(rule: PathRule, mode: Mode): string {
  const { text, access, pattern, why, origin } = explainRule(rule, mode);
  const subject = rule.origin.scope === 'builtin' ? text : JSON.stringify(text);
  return `${subject} ${VERBS[access]} ${pattern}: ${why} (${origin})`;
}

interface Denial {
  readonly policy: Policy;
  readonly path: string;
  readonly want: 'read' | 'write';
  readonly deciding: Candidate | undefined;
  readonly facts?: PathFacts;
}

/** The grant of this one path if it would work, which is tried rather than reasoned about. */
function remedyFor({ policy, path, want, deciding, facts }: Denial): Remedy {
  const rule = deciding?.rule;
  if (rule?.category === 'pinfold') {
    return { kind: 'none', why: "Pinfold's own files are not opened to what it encloses" };
  }
  if (rule?.ceiling)
    return { kind: 'none', why: `the administrator of this machine decides: ${rule.origin.text}` };
  if (want === 'write' && isWithin(policy.homeDir, path)) {
    return { kind: 'none', why: 'it holds the whole home directory; name the directories that are needed' };
  }
  const grant: PathRule = {
    pattern: path,
    glob: false,
    access: want,
    category: 'setting',
    why: 'allowed',
    origin: { scope: 'flag', text: '--allow' },
  };
  const granted = new Decider({ rules: [...policy.rules, grant] });
  if (granted.decide(path, want, facts).allowed) {
    const suffix = want === 'write' ? 'rw' : 'ro';
    return {
      kind: 'grant',
      command: `pinfold run --allow ${quoteWord(`${path}:${suffix}`)}`,
      setting: { path, mode: want },
    };
  }
  const obstacle = granted.candidates(path, facts)[0]?.rule ?? grant;
  return { kind: 'remove', rule: explainRule(obstacle, policy.mode.value) };
}

/** For a person to paste into a shell; shown, never run. */
function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function riskOf(rule: PathRule | undefined, want: 'read' | 'write'): Risk {
  switch (rule?.category) {
    case 'credential':
      return { level: 'high', why: `it ${rule.why}; what runs inside could use or pass on what it reads` };
    case 'host-run':
      return { level: 'high', why: `${rule.why}, outside the sandbox: what is written there can break out` };
    case 'pinfold':
      return { level: 'high', why: 'what runs inside could change what decides about it' };
    case 'runtime':
    case 'toolchain':
      return { level: 'high', why: 'programs that run outside the sandbox are kept there' };
    case 'setting':
      return { level: 'medium', why: 'somebody closed it on purpose' };
    default:
      return want === 'write'
        ? { level: 'medium', why: 'what runs inside could change or remove everything beneath it' }
        : { level: 'low', why: 'what runs inside could read everything beneath it' };
  }
}

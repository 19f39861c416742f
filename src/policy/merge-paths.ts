/** The path rules of the layers: what is granted, what is denied, and what of it falls away. */
import { SandboxError } from '../errors.ts';
import { homeHostRunRules, isSessionPlace, modeRules, programRules, protectedRules } from './builtin.ts';
import { Decider } from './decide.ts';
import { expandGlob, isGlob } from './glob.ts';
import type { HostFacts } from './host-facts.ts';
import { expandPath, isWithin } from './paths.ts';
import type { Access, AllowedPath, Mode, Notice, PathRule, Policy, SettingsLayer, Sourced } from './types.ts';

const RANK: Readonly<Record<Access, number>> = { none: 0, read: 1, write: 2 };

export interface PathInput {
  readonly layers: readonly SettingsLayer[];
  readonly facts: HostFacts;
  readonly mode: Mode;
  readonly now: Date;
}

interface Ruled {
  readonly rules: readonly PathRule[];
  readonly notices: readonly Notice[];
}

/** Built-in rules first, then those of the layers, with a notice for each entry that does not count. */
export function mergePaths(input: PathInput): Ruled {
  const { layers, facts, mode } = input;
  const builtin = modeRules(mode, facts);
  const { rules: granted, notices } = grants(input, new Decider({ rules: builtin }));
  const denied = layers.flatMap((layer) =>
    (layer.deniedPaths ?? []).flatMap((entry) => denials(entry, layer, facts)),
  );
  const guards = granted
    .filter((rule) => rule.access === 'write' && !rule.untrusted)
    .flatMap((rule) => guardsOf(rule.pattern, facts));
  const kept = dropWidening([...dedupe([...builtin, ...guards]), ...granted, ...denied]);
  return { rules: kept.rules, notices: [...notices, ...kept.notices] };
}

/**
 * A policy without the grants of untrusted files that widen it. Done by `mergePolicy`, and to be done again once links
 * are followed: a denial of a link moves with it, and may only then turn out to cover what a project asks for.
 */
export function withoutWidening(policy: Policy): Policy {
  const { rules, notices } = dropWidening(policy.rules);
  return { ...policy, rules, notices: [...policy.notices, ...notices] };
}

/**
 * SECURITY: an untrusted grant stays only where the rest of the policy gives as much already. Then it can only narrow:
 * whatever decides at its own depth or above gives its path that much, and whatever is deeper outweighs it still.
 * Covered by "an untrusted file never widens".
 */
function dropWidening(rules: readonly PathRule[]): Ruled {
  const suspects = rules.some((rule) => rule.untrusted && rule.access !== 'none');
  if (!suspects) return { rules, notices: [] };
  const base = new Decider({ rules: rules.filter((rule) => !rule.untrusted) });
  const notices: Notice[] = [];
  const kept = rules.filter((rule) => {
    if (!rule.untrusted || isCovered(rule, base)) return true;
    notices.push(untrustedNotice(rule.origin, `${rule.pattern} (${rule.access})`));
    return false;
  });
  return { rules: kept, notices };
}

export function untrustedNotice(origin: Sourced<unknown>['origin'], what: string): Notice {
  const message = `${what} is not granted: the file came with the project; read it, then run \`pinfold trust\``;
  return { kind: 'untrusted', message, origin };
}

export function ceilingNotice(origin: Sourced<unknown>['origin'], what: string): Notice {
  return { kind: 'ceiling', message: `${what} is above what this machine's administrator allows`, origin };
}

function grants(input: PathInput, builtin: Decider): { rules: PathRule[]; notices: Notice[] } {
  const managed = managedBound(input);
  const notices: Notice[] = [];
  const rules: PathRule[] = [];
  for (const layer of input.layers) {
    for (const entry of layer.allowedPaths ?? []) {
      const rule = allowRule(entry, layer, input.facts);
      const refusal = refusalOf(entry, { layer, rule, managed, input });
      if (refusal) {
        notices.push(refusal);
        continue;
      }
      if (layer.trusted && !isCovered(rule, builtin)) refuseBroad(entry, { layer, rule, facts: input.facts });
      rules.push(rule);
    }
  }
  return { rules, notices };
}

interface Judged {
  readonly layer: SettingsLayer;
  readonly rule: PathRule;
  readonly managed: Decider | undefined;
  readonly input: PathInput;
}

function refusalOf(entry: Sourced<AllowedPath>, { layer, rule, managed, input }: Judged): Notice | undefined {
  const { origin, value } = entry;
  const what = `${value.path} (${value.mode})`;
  if (isExpired(value, input.now)) {
    return { kind: 'expired', message: `${what} expired on ${value.expires}`, origin };
  }
  if (isOwn(rule, input.facts)) {
    return {
      kind: 'ceiling',
      message: `${what} is Pinfold's own and is never opened to what it encloses`,
      origin,
    };
  }
  const exceeds = layer.scope !== 'managed' && managed !== undefined && !isCovered(rule, managed);
  return exceeds ? ceilingNotice(origin, what) : undefined;
}

/** What the administrator's mode and paths give; undefined when they set no mode. */
function managedBound({ layers, facts }: PathInput): Decider | undefined {
  const managed = layers.filter((layer) => layer.scope === 'managed');
  const mode = managed.findLast((layer) => layer.mode)?.mode?.value;
  if (mode === undefined) return undefined;
  const granted = managed.flatMap((layer) =>
    (layer.allowedPaths ?? []).map((entry) => allowRule(entry, layer, facts)),
  );
  return new Decider({ rules: [...modeRules(mode, facts), ...granted] });
}

/** SECURITY: what decides about the inside, and what was logged of it, is out of its reach whoever asks. */
export function isOwn({ pattern, access }: PathRule, { pinfold, privateHome }: HostFacts): boolean {
  if (isWithin(pattern, privateHome)) return false;
  const closed = access === 'write' ? [pinfold.configDir, pinfold.installDir] : [];
  return [...closed, pinfold.stateDir, pinfold.dataDir].some((dir) => isWithin(pattern, dir));
}

/** Host-run names beneath a directory that somebody made writable, and those of the home if they lie beneath it. */
export function guardsOf(root: string, facts: HostFacts): PathRule[] {
  const ofHome = homeHostRunRules(facts).filter(({ pattern }) => pattern !== root && isWithin(pattern, root));
  return [...protectedRules(root), ...ofHome, ...programRules([root], facts)];
}

export function isExpired(entry: Pick<AllowedPath, 'expires'>, now: Date): boolean {
  if (entry.expires === undefined) return false;
  // A bare date counts to its end, in the person's own time zone.
  const text = /^\d{4}-\d\d-\d\d$/.test(entry.expires) ? `${entry.expires}T23:59:59.999` : entry.expires;
  const end = Date.parse(text);
  return Number.isNaN(end) || end < now.getTime();
}

function refuseBroad(
  entry: Sourced<AllowedPath>,
  { layer, rule, facts }: { layer: SettingsLayer; rule: PathRule; facts: HostFacts },
): void {
  const path = rule.pattern;
  if (rule.access !== 'write' || !isWithin(facts.homeDir, path)) return;
  if (layer.scope === 'flag' && layer.unsafeAllowBroad) return;
  const { origin } = entry;
  const home = path === facts.homeDir;
  throw new SandboxError('ERR_PATH_TOO_BROAD', {
    what: `Cannot make ${entry.value.path} writable`,
    why: `it is ${home ? 'the whole home directory' : `${path}, which holds the whole home directory`}`,
    fix: 'Name the directories that are needed, or give --unsafe-allow-broad on the command line',
    problems: origin.file
      ? [{ file: origin.file, line: origin.line ?? 1, column: origin.column ?? 1, message: 'too broad' }]
      : [],
  });
}

/** Always literal: `app/[slug]` is a directory, and a wildcard is refused when settings are read. */
function allowRule(entry: Sourced<AllowedPath>, layer: SettingsLayer, facts: HostFacts): PathRule {
  return {
    pattern: expandPath(entry.value.path, facts),
    glob: false,
    access: entry.value.mode,
    category: 'setting',
    why: entry.value.reason ?? (entry.value.mode === 'write' ? 'allowed' : 'allowed, read-only'),
    origin: entry.origin,
    ...(layer.trusted ? {} : { untrusted: true as const }),
  };
}

/**
 * `secrets/**` closes `secrets` itself, since a directory whose content is hidden needs no name. A text with brackets
 * is taken both ways, as a set and as itself: `app/[slug]` must not stay open because it looks like a pattern.
 */
function denials(entry: Sourced<string>, layer: SettingsLayer, facts: HostFacts): PathRule[] {
  const text = withoutTail(entry.value);
  const rule = (pattern: string, glob: boolean): PathRule => ({
    pattern,
    glob,
    access: 'none',
    category: 'setting',
    why: 'denied',
    origin: entry.origin,
    ...(layer.scope === 'managed' ? { ceiling: true as const } : {}),
    ...(layer.trusted ? {} : { untrusted: true as const }),
  });
  if (!isGlob(text)) return [rule(expandPath(text, facts), false)];
  const pattern = expandGlob(text, facts);
  const literal = pattern.replace(/\\.|[[\]]/gs, (found) => (found.length === 1 ? `\\${found}` : found));
  return literal === pattern ? [rule(pattern, true)] : [rule(pattern, true), rule(literal, true)];
}

function withoutTail(text: string): string {
  const shorter = text.replace(/(^|\/)\*\*(\/\*)?\/*$/, '$1');
  if (shorter === text) return text;
  return withoutTail(shorter === '' ? '.' : shorter);
}

/** Whether a grant gives no more than `base` does anyway. */
function isCovered(rule: PathRule, base: Decider): boolean {
  const [deciding] = base.candidates(rule.resolved ?? rule.pattern);
  // SECURITY: a grant in /run or /tmp opens the host's own (docker.sock, tmux), not the session's, which is open anyway.
  // Covered by "an untrusted file cannot open the host's /tmp or /run".
  if (!deciding || isSessionPlace(deciding.rule)) return rule.access === 'none';
  return RANK[deciding.rule.access] >= RANK[rule.access];
}

/** Guards of nested grants repeat each other; the first of equal ones is enough. */
function dedupe(rules: readonly PathRule[]): PathRule[] {
  const seen = new Set<string>();
  return rules.filter((rule) => {
    const key = `${rule.access} ${rule.pattern}`;
    return !seen.has(key) && seen.add(key);
  });
}

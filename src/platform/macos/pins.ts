/**
 * Keeps directories in their place. A profile speaks of paths, so whoever may rename a directory above a closed file opens
 * the file, and whoever may put a directory in place makes what lies in it.
 */
import { Decider } from '../../policy/decide.ts';
import { ancestorsOf, parentOf } from '../../policy/paths.ts';
import type { PathRule } from '../../policy/types.ts';
import { type PathRulesInput, restrictionsOf, spellingFilters } from './path-rules.ts';
import { filtersFor, type Restriction } from './restriction.ts';
import { allow, deny, type Filter, literal, type Rule } from './sbpl.ts';

export interface PinsInput extends PathRulesInput {
  /** Existing entries that glob rules match, from a scan: each keeps its directories in place. */
  readonly matches: readonly { readonly path: string }[];
}

/**
 * Rules to stand after all others. They name parts of `file-write*` only (unlinking is what renaming away is, creating
 * what renaming here is), and a rule for a part holds against any for the whole.
 */
export function pinRules(input: PinsInput): Rule[] {
  const { policy } = input;
  const decider = new Decider(policy);
  const isWritable = (path: string) => decider.accessOf(path, { directory: true }) === 'write';
  const literals = policy.rules.filter(({ glob }) => !glob);
  const closed = literals.filter(({ access }) => access !== 'write').map(pathOf);
  const roots = literals.filter(({ access }) => access === 'write').map(pathOf);
  const above = (paths: readonly string[]) =>
    paths.flatMap((path) => ancestorsOf(parentOf(path))).filter(isWritable);
  const kept = [
    ...above(closed),
    ...above(input.matches.map(({ path }) => path)),
    ...roots.filter(isWritable),
  ];
  const absent = above(literals.filter(isHostRun).map(pathOf));
  const holders = holderFilters(restrictionsOf(input, 'write'));
  const reopened = literals
    .filter((rule) => rule.access === 'write' && rule.origin.scope !== 'builtin')
    .map(pathOf);
  return [
    ...rule(deny, 'file-write-unlink', spelled(kept, input)),
    ...rule(deny, 'file-write-create', [...spelled(absent, input), ...holders]),
    ...(holders.length === 0
      ? []
      : rule(allow, 'file-write-create', unique(reopened.filter(isWritable)).map(literal))),
  ];
}

const pathOf = (rule: PathRule) => rule.resolved ?? rule.pattern;
const isHostRun = (rule: PathRule) => rule.category === 'host-run' && rule.access === 'read';

function unique(paths: readonly string[]): string[] {
  return [...new Set(paths)].sort();
}

function rule(action: typeof deny, operation: string, filters: readonly Filter[]): Rule[] {
  return filters.length === 0 ? [] : [action([operation], [...new Set(filters)])];
}

function spelled(paths: readonly string[], { policy, spelling }: PinsInput): Filter[] {
  const decider = new Decider(policy);
  const exact = unique(paths);
  const outermost = (path: string) =>
    ancestorsOf(path)
      .reverse()
      .find((each) => decider.accessOf(each, { directory: true }) === 'write');
  return [...exact.map(literal), ...spellingFilters(exact, spelling, outermost, '$')];
}

/**
 * Directories that would come with what they hold: with `x/hooks` made first, `mv x .git` makes `.git/hooks`. The kernel
 * tells making a directory from moving one no more than that, so neither is done while the session runs.
 */
function holderFilters(restrictions: readonly Restriction[]): Filter[] {
  const groups = new Map<string, { restriction: Restriction; rests: (readonly string[])[] }[]>();
  for (const restriction of restrictions) {
    if (!isHostRun(restriction.rule) || restriction.rule.kind === 'file') continue;
    const rests = restriction.holders();
    if (rests.length === 0) continue;
    groups.set(restriction.group, [...(groups.get(restriction.group) ?? []), { restriction, rests }]);
  }
  return [...groups.values()].flatMap((group) =>
    [...byContext(group)].flatMap(([context, members]) => filtersFor(members, context, 'itself')),
  );
}

type Member = { readonly restriction: Restriction; readonly rests: (readonly string[])[] };

/** The literal beginning of patterns, so that what follows it can be written once for all that share it. */
function byContext(group: readonly Member[]): Map<string, Member[]> {
  const contexts = new Map<string, Member[]>();
  for (const { restriction, rests } of group) {
    for (const rest of rests) {
      const open = rest.indexOf('**');
      const names = open === -1 ? [] : rest.slice(0, open);
      const isPlain = names.every((name) => !/[*?[\]{}\\]/.test(name));
      const context = isPlain && names.length > 0 ? `/${names.join('/')}` : '/';
      const member = { restriction, rests: [isPlain ? rest.slice(names.length) : rest] };
      contexts.set(context, [...(contexts.get(context) ?? []), member]);
    }
  }
  return contexts;
}

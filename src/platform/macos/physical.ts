/** The names by which the kernel knows a path: rules that use another name match nothing. */
import { isWithin } from '../../policy/paths.ts';
import type { PathRule } from '../../policy/types.ts';

/** Symbolic links that every Mac has at its root. */
const ALIASES: readonly string[] = ['/etc', '/tmp', '/var'];

/** Firmlinks: the kernel leaves this prefix away when it tells a path. */
const DATA_VOLUME = '/System/Volumes/Data';

export function physicalPath(path: string): string {
  const inner = path !== DATA_VOLUME && isWithin(path, DATA_VOLUME) ? path.slice(DATA_VOLUME.length) : path;
  return ALIASES.some((alias) => isWithin(inner, alias)) ? `/private${inner}` : inner;
}

/** Rules by physical path. A link that was passed on the way keeps its place as a link. */
export function physicalRules(rules: readonly PathRule[]): PathRule[] {
  return rules.map((rule) => {
    const path = rule.resolved ?? rule.pattern;
    const physical = physicalPath(path);
    if (physical === path) return rule;
    return { ...rule, resolved: physical };
  });
}

/** Reads a glob as names: its alternatives, its components, and each component in the words of fnmatch(3). */
import { compileComponent } from '../../policy/glob-component.ts';

/** Every pattern that the braces of a glob stand for, split into components. Braces without a comma mean themselves. */
export function alternativesOf(pattern: string): string[][] {
  if (!pattern.includes('{')) return [namesOf(pattern)];
  const pending = [pattern];
  const done = new Set<string>();
  for (let text = pending.pop(); text !== undefined; text = pending.pop()) {
    const parts = expandFirstGroup(text);
    if (parts) pending.push(...parts);
    else done.add(text);
  }
  return [...done].map(namesOf).reverse();
}

function namesOf(pattern: string): string[] {
  return pattern.split('/').filter((name) => name !== '');
}

/** Expands the first group that closes, an innermost one. */
function expandFirstGroup(text: string): string[] | undefined {
  const open: { readonly start: number; readonly cuts: number[] }[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === '{') open.push({ start: at, cuts: [at] });
    else if (char === ',') open.at(-1)?.cuts.push(at);
    else if (char === '}') {
      const group = open.pop();
      if (!group || group.cuts.length < 2) continue;
      const edges = [...group.cuts, at];
      return edges
        .slice(1)
        .map(
          (edge, index) =>
            text.slice(0, group.start) + text.slice(edges[index]! + 1, edge) + text.slice(at + 1),
        );
    }
  }
  return undefined;
}

export function hasWildcard(name: string): boolean {
  return /[*?[]/.test(name) && /[*?[]/.test(name.replace(/\\./g, ''));
}

/** A component as the launcher matches it: by bytes and with FNM_NOESCAPE, so in places it takes in a little more. */
export function fnmatchOf(name: string): string {
  return /[*?[\]\\]/.test(name) ? compileComponent(name, false).fnmatch : name;
}

/** A literal name as a pattern that matches only itself. */
export function escapeName(name: string): string {
  return name.replace(/[*?[]/g, '[$&]');
}

export function componentsOf(path: string): string[] {
  return path.split('/').slice(1);
}

/** What of a login file goes into the private home, and what may come back from it. Pure: texts in, texts out. */

export type Landing =
  | { readonly kind: 'same' }
  /** The host's file with its renewed values; never bytes from inside. */
  | { readonly kind: 'renewed'; readonly text: string }
  | { readonly kind: 'refused'; readonly why: string };

/** Longest token that is taken over, in UTF-16 units; the longest that services give are about 4,000. */
const LONGEST = 16_384;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // Not JSON is an answer here: such a file is copied whole and never comes back.
    return undefined;
  }
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The text to put inside. With `members` only those of the host's file, laid over what is inside; undefined when the host's
 * file is not the JSON object that it should be.
 */
export function loginInside(
  host: string,
  inside: string | undefined,
  members: readonly string[] | undefined,
): string | undefined {
  if (members === undefined) return host;
  const source = parse(host);
  if (!isObject(source)) return undefined;
  const before = inside === undefined ? undefined : parse(inside);
  const merged: [string, Json][] = Object.entries(isObject(before) ? before : {}).filter(
    ([key]) => !members.includes(key),
  );
  for (const key of members) if (Object.hasOwn(source, key)) merged.push([key, source[key]!]);
  return `${JSON.stringify(Object.fromEntries(merged), undefined, 2)}\n`;
}

function mayRotate(path: readonly string[], rotates: readonly string[]): boolean {
  return rotates.some((pattern) => {
    const parts = pattern.split('.');
    return parts.length === path.length && parts.every((part, at) => part === '*' || part === path[at]);
  });
}

function isToken(value: Json, like: Json): boolean {
  if (typeof value !== typeof like) return false;
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'string' && value.length <= LONGEST && /^[\x20-\x7e]*$/.test(value);
}

interface Walk {
  readonly rotates: readonly string[];
  changed: boolean;
}

/** Says what else than a rotating value differs; carries those over into `host`. */
function difference(
  host: { [key: string]: Json },
  inside: { [key: string]: Json },
  walk: Walk,
  above: readonly string[] = [],
): string | undefined {
  const named = (key: string) => [...above, key].join('.');
  for (const key of Object.keys(inside)) if (!Object.hasOwn(host, key)) return `it gained ${named(key)}`;
  for (const [key, before] of Object.entries(host)) {
    if (!Object.hasOwn(inside, key)) return `it lost ${named(key)}`;
    const after = inside[key]!;
    if (JSON.stringify(before) === JSON.stringify(after)) continue;
    if (mayRotate([...above, key], walk.rotates)) {
      if (!isToken(after, before)) return `${named(key)} is no token any more`;
      host[key] = after;
      walk.changed = true;
    } else if (isObject(before) && isObject(after)) {
      const deeper = difference(before, after, walk, [...above, key]);
      if (deeper !== undefined) return deeper;
    } else return `${named(key)} changed`;
  }
  return undefined;
}

/**
 * Whether a file that the agent left inside may renew the host's. SECURITY: whoever took over the agent writes that file, so
 * only values that the service itself replaces may differ, each of the type it had; the account, an address to talk to or
 * a key that the host's agent would obey may not. Covered by "a login that grew anything else is not taken over".
 */
export function judgeLogin(host: string, inside: string, rotates: readonly string[]): Landing {
  if (host === inside) return { kind: 'same' };
  const before = parse(host);
  const after = parse(inside);
  if (!isObject(before)) return { kind: 'refused', why: 'the one of the host is not JSON' };
  if (!isObject(after)) return { kind: 'refused', why: 'it is not JSON any more' };
  const walk: Walk = { rotates, changed: false };
  const why = difference(before, after, walk);
  if (why !== undefined) return { kind: 'refused', why };
  if (!walk.changed) return { kind: 'same' };
  const indent = host.trimEnd().includes('\n') ? 2 : undefined;
  const end = host.endsWith('\n') ? '\n' : '';
  return { kind: 'renewed', text: `${JSON.stringify(before, undefined, indent)}${end}` };
}

/** What `pinfold allow` and `revoke` are told: which thing, and for how long or where it is kept. */
import { resolve } from 'node:path';
import { parseHostPattern } from '../policy/host-pattern.ts';
import type { Lasting } from '../session/live-grants.ts';
import type { OptionTable, OptionValues } from './command.ts';
import { usageError } from './parse.ts';

export type Wanted =
  | { readonly kind: 'host'; readonly host: string }
  /** Absolute. */
  | { readonly kind: 'path'; readonly path: string };

/** Where the change is made. */
export type Place =
  | { readonly kind: 'session'; readonly id: string | undefined }
  | { readonly kind: 'settings'; readonly scope: 'project' | 'user' };

export const PLACE_OPTIONS = {
  session: {
    type: 'value',
    short: 's',
    placeholder: 'ID',
    optional: true,
    completion: 'session',
    summary: 'in a running session; the ID may be its beginning',
    default: 'the latest one of this project that is live',
  },
  project: {
    type: 'flag',
    summary: 'in .pinfold/settings.json, for every session to come, and in the running one',
  },
  user: { type: 'flag', summary: 'in your own settings, and in the running session' },
  json: { type: 'flag', summary: 'for machines, on stdout' },
} as const satisfies OptionTable;

type PlaceOptions = OptionValues<typeof PLACE_OPTIONS>;

/** What is written with a slash (or as `~` or `.`) is a path; everything else names a host. */
export function readWanted(word: string, { cwd, homeDir }: { cwd: string; homeDir: string }): Wanted {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(word)) {
    const { host } = new URL(word);
    throw usageError(`Cannot use ${JSON.stringify(word)}`, 'it is a URL', `Name the host alone: ${host}`);
  }
  if (word === '~' || word.startsWith('~/'))
    return { kind: 'path', path: resolve(homeDir, `.${word.slice(1)}`) };
  if (word.includes('/') || word === '.' || word === '..') {
    if (word.includes('\0'))
      throw usageError('Cannot use this path', 'it holds a NUL character', 'Leave it out');
    return { kind: 'path', path: resolve(cwd, word) };
  }
  if (parseHostPattern(word) !== undefined) return { kind: 'host', host: word };
  throw usageError(
    `Cannot use ${JSON.stringify(word)}`,
    'it is neither a host nor a path',
    'A path has a slash, as in ./data; a host is written as in "api.example.com", "*.example.com:443" or "[2001:db8::1]"',
  );
}

export function readPlace({ session, project, user }: PlaceOptions): Place {
  const given = [session !== undefined && '--session', project && '--project', user && '--user'].filter(
    Boolean,
  );
  if (given.length > 1)
    throw usageError(`${given.join(' and ')} exclude each other`, 'each says where', 'Give one');
  if (project || user) return { kind: 'settings', scope: project ? 'project' : 'user' };
  return { kind: 'session', id: session === '' ? undefined : session };
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `10m`, `2h`, `1d`. */
export function readLasting(once: boolean, duration: string | undefined): Lasting {
  if (once && duration !== undefined)
    throw usageError('--once and --for exclude each other', 'each says how long', 'Give one');
  if (once) return { kind: 'once' };
  if (duration === undefined) return { kind: 'session' };
  const [, number, unit] = /^(\d{1,9})([smhd])$/.exec(duration) ?? [];
  const ms = Number(number) * (UNITS[unit ?? ''] ?? Number.NaN);
  if (ms >= 1 && ms < 2 ** 31) return { kind: 'for', ms };
  throw usageError(
    `--for cannot be ${JSON.stringify(duration)}`,
    'it is a number with s, m, h or d, up to 24 days',
    'Write it as in --for 10m',
  );
}

/** Owns sizes ("4GiB"), durations ("2h", "1h30m") and counts as people write them, and the bounds of each limit. */
import type { LimitName } from '../policy/types.ts';

export type Parsed<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'bad'; readonly message: string };

const bad = (message: string): { kind: 'bad'; message: string } => ({ kind: 'bad', message });

const KIBI = 1024;
const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  k: KIBI,
  kib: KIBI,
  kb: 1000,
  m: KIBI ** 2,
  mib: KIBI ** 2,
  mb: 1000 ** 2,
  g: KIBI ** 3,
  gib: KIBI ** 3,
  gb: 1000 ** 3,
  t: KIBI ** 4,
  tib: KIBI ** 4,
  tb: 1000 ** 4,
};

const DURATION_UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

export const SIZE_PATTERN = '^[0-9]+(\\.[0-9]+)? ?([KMGTkmgt]([Ii]?[Bb])?|[Bb])$';
export const DURATION_PATTERN = '^([0-9]+(\\.[0-9]+)?[smhd])+$';

/** Bytes. K, KiB, M, MiB … count in 1024, kB, MB … in 1000. */
export function parseSize(text: string): Parsed<number> {
  const match = /^(\d+(?:\.\d+)?) ?([a-z]+)$/i.exec(text);
  const unit = match === null ? undefined : SIZE_UNITS[match[2]!.toLowerCase()];
  if (match === null || unit === undefined || !new RegExp(SIZE_PATTERN).test(text)) {
    return bad('a size is a number with a unit, like "512MiB" or "4GiB"');
  }
  const bytes = Math.floor(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes)) {
    return bad('this size is larger than can be counted');
  }
  return { kind: 'ok', value: bytes };
}

/** Seconds, rounded up: a limit of half a second must not become none. */
export function parseDuration(text: string): Parsed<number> {
  if (!new RegExp(DURATION_PATTERN).test(text)) {
    return bad('a duration is a number with a unit (s, m, h, d), like "90s", "2h" or "1h30m"');
  }
  let seconds = 0;
  for (const part of text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)) {
    seconds += Number(part[1]) * DURATION_UNITS[part[2]!]!;
  }
  const value = Math.ceil(seconds);
  if (!Number.isSafeInteger(value)) {
    return bad('this duration is longer than can be counted');
  }
  return { kind: 'ok', value };
}

export type LimitKind = 'size' | 'duration' | 'count';

/** `least` keeps out values with which no program can start, which are slips of the pen (`"memory": "4B"`). */
export const LIMITS: Readonly<Record<LimitName, { readonly kind: LimitKind; readonly least: number }>> = {
  memory: { kind: 'size', least: KIBI ** 2 },
  processes: { kind: 'count', least: 1 },
  openFiles: { kind: 'count', least: 8 },
  wallTime: { kind: 'duration', least: 1 },
  cpuTime: { kind: 'duration', least: 1 },
  fileSize: { kind: 'size', least: 1 },
  temporaryFiles: { kind: 'size', least: KIBI ** 2 },
  disk: { kind: 'size', least: KIBI ** 2 },
  output: { kind: 'size', least: 1 },
  upload: { kind: 'size', least: 1 },
};

export function checkLimit(name: LimitName, value: number): Parsed<number> {
  const { kind, least } = LIMITS[name];
  if (!Number.isSafeInteger(value)) {
    return bad('a whole number is expected');
  }
  if (value < least) {
    const unit = kind === 'size' ? ' bytes' : kind === 'duration' ? ' seconds' : '';
    return bad(`${name} must be at least ${least}${unit}`);
  }
  return { kind: 'ok', value };
}

/** A limit as words, for the command line's `--limit name=value`. */
export function parseLimit(name: LimitName, text: string): Parsed<number> {
  const { kind } = LIMITS[name];
  const parsed =
    kind === 'size' ? parseSize(text) : kind === 'duration' ? parseDuration(text) : parseCount(text);
  return parsed.kind === 'ok' ? checkLimit(name, parsed.value) : parsed;
}

function parseCount(text: string): Parsed<number> {
  return /^\d+$/.test(text) ? { kind: 'ok', value: Number(text) } : bad('a whole number is expected');
}

/** An ISO date or date-time that exists: 2026-02-30 does not, nor does 25:00. */
export function checkDate(text: string): string | undefined {
  const match =
    /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?:Z|[+-](\d{2}):(\d{2})))?$/.exec(
      text,
    );
  if (match === null) {
    return 'a date is written YYYY-MM-DD, or with a time and zone: 2026-12-01T18:00:00Z';
  }
  const [year, month, day, hour, minute, second, zoneHour, zoneMinute] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  const date = new Date(Date.UTC(year!, month! - 1, day!));
  const exists =
    date.getUTCFullYear() === year && date.getUTCMonth() === month! - 1 && date.getUTCDate() === day;
  const timeExists = hour! < 24 && minute! < 60 && second! < 60 && zoneHour! < 24 && zoneMinute! < 60;
  return exists && timeExists ? undefined : `there is no such ${exists ? 'time' : 'day'}`;
}

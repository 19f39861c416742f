/** Small phrases that several screens share: sizes, durations, places, network access. */
import { homedir } from 'node:os';
import type { LimitName, NetworkAccess, Notice, Origin, Policy } from '../../policy/types.ts';
import { escapeText } from './escape.ts';

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

const KIBI = 1024;

function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= KIBI && unit < units.length - 1) {
    value /= KIBI;
    unit += 1;
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}

export function duration(seconds: number): string {
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ];
  const shown = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`);
  return shown.length === 0 ? '0 s' : shown.slice(0, 2).join(' ');
}

const SIZES: readonly LimitName[] = ['memory', 'fileSize', 'upload'];
const DURATIONS: readonly LimitName[] = ['wallTime', 'cpuTime'];

export function limitValue(name: LimitName, value: number): string {
  if (SIZES.includes(name)) return size(value);
  return DURATIONS.includes(name) ? duration(value) : String(value);
}

export function limitPhrases(policy: Policy): string[] {
  return Object.entries(policy.limits).map(
    ([name, limit]) => `${name} ${limitValue(name as LimitName, limit!.value)}`,
  );
}

/** A path as people write it, safe to show: `~` for their home. */
export function shownPath(path: string, homeDir: string = homedir()): string {
  const within = path === homeDir || path.startsWith(`${homeDir}/`);
  return escapeText(within && homeDir !== '/' ? `~${path.slice(homeDir.length)}` : path);
}

/** Who said so: `.pinfold/settings.json:4:7 "secrets"`, `--allow ../lib:ro`, `built-in: credential store ~/.ssh`. */
export function shownOrigin(origin: Origin, homeDir?: string): string {
  const text = escapeText(origin.text);
  if (origin.scope === 'builtin') return `built-in: ${text}`;
  const profile = origin.profile === undefined ? '' : ` in profile ${escapeText(origin.profile)}`;
  if (origin.file === undefined) return `${text}${profile}`;
  const line = origin.line === undefined ? '' : `:${origin.line}`;
  const column = origin.line === undefined || origin.column === undefined ? '' : `:${origin.column}`;
  return `${shownPath(origin.file, homeDir)}${line}${column} ${text}${profile}`;
}

const NETWORK_PHRASES: Readonly<Record<NetworkAccess, string>> = {
  none: 'no network (a private loopback only)',
  local: 'the host’s loopback, nothing beyond it',
  filtered: 'no network (filtered network is not built yet: only a private loopback)',
};

/** What network there really is, never what was asked for. */
export function networkPhrase(access: NetworkAccess): string {
  return NETWORK_PHRASES[access];
}

/** A person's word that did not take effect as they may believe it did; the rest is told when somebody looks. */
export function isUrgent({ kind }: Notice): boolean {
  return kind === 'untrusted' || kind === 'expired' || kind === 'ceiling';
}

/** One notice on one line, with the place that it is about. */
export function noticeLine(notice: Notice, homeDir: string): string {
  const where = notice.origin.scope === 'builtin' ? '' : ` (${shownOrigin(notice.origin, homeDir)})`;
  return `${isUrgent(notice) ? 'not in force: ' : ''}${escapeText(notice.message)}${where}`;
}

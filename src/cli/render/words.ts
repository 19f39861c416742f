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

const SIZES: readonly LimitName[] = ['memory', 'fileSize', 'temporaryFiles', 'disk', 'output', 'upload'];
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

/** A clause that names paths, with `~` for the home in each. */
export function shownClause(text: string, homeDir: string = homedir()): string {
  if (homeDir === '/') return escapeText(text);
  const words = text.split(/(?<=[\s(])/).map((word) => {
    const rest = word.startsWith(homeDir) ? word.slice(homeDir.length) : undefined;
    return rest !== undefined && /^($|[/\s,:)])/.test(rest) ? `~${rest}` : word;
  });
  return escapeText(words.join(''));
}

/** Who said so: `.pinfold/settings.json:4:7 "secrets"`, `--allow ../lib:ro`, `built-in: credential store ~/.ssh`. */
export function shownOrigin(origin: Origin, homeDir?: string): string {
  const text = escapeText(origin.text);
  if (origin.scope === 'builtin') return `built-in: ${text}`;
  const profile = origin.profile === undefined ? '' : ` in profile ${escapeText(origin.profile)}`;
  const group = origin.group === undefined ? '' : ` (${escapeText(origin.group.named)})`;
  if (origin.file === undefined) return `${text}${profile}${group}`;
  const line = origin.line === undefined ? '' : `:${origin.line}`;
  const column = origin.line === undefined || origin.column === undefined ? '' : `:${origin.column}`;
  return `${shownPath(origin.file, homeDir)}${line}${column} ${text}${profile}${group}`;
}

const NETWORK_PHRASES: Readonly<Record<NetworkAccess, string>> = {
  none: 'no network (a private loopback only)',
  local: 'the host’s loopback',
  filtered: 'only the hosts that are allowed',
};

/** Patterns of the hosts that are opened, as they were written. */
function openedHosts({ domains }: Policy['network']): string[] {
  return [
    ...new Set(domains.filter(({ access }) => access === 'allow').map(({ pattern }) => escapeText(pattern))),
  ];
}

/** One line for each host that a group stands for, with the place that names it. */
export function groupLines({ network }: Policy): string[] {
  return network.domains.flatMap(({ access, pattern, origin: { group } }) =>
    access === 'allow' && group !== undefined
      ? [`${escapeText(group.name)} ${escapeText(pattern)} (${escapeText(group.named)})`]
      : [],
  );
}

/** `the host’s loopback, api.example.com`. */
export function networkPhrase({ network }: Policy): string {
  const hosts = openedHosts(network);
  if (network.access.value === 'filtered' && hosts.length === 0)
    return 'no host yet (allowedDomains is empty)';
  return [NETWORK_PHRASES[network.access.value], ...hosts].join(', ');
}

/** `net local`, `net filtered 3 hosts`: for the banner. */
export function networkWord({ network }: Policy): string {
  const hosts = openedHosts(network);
  const access = network.access.value;
  if (hosts.length === 0) return access === 'filtered' ? 'net filtered, no host allowed' : `net ${access}`;
  const named = hosts.length > 3 ? plural(hosts.length, 'host') : hosts.join(' ');
  return access === 'filtered' ? `net ${named}` : `net ${access} + ${named}`;
}

/** Bytes as people count them: `512 B`, `1.2 kB`, `3.4 MB`. */
export function byteCount(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const amount = bytes / 1000 ** step;
  return `${step > 0 && amount < 100 ? amount.toFixed(1) : Math.round(amount)} ${units[step]}`;
}

const NOT_IN_FORCE: readonly Notice['kind'][] = ['untrusted', 'expired', 'ceiling'];
const URGENT: readonly Notice['kind'][] = [...NOT_IN_FORCE, 'agent', 'own-program'];

/** Something is not as a person may believe it is; the rest is told when somebody looks. */
export function isUrgent({ kind }: Notice): boolean {
  return URGENT.includes(kind);
}

/** One notice on one line, with the place that it is about. */
export function noticeLine(notice: Notice, homeDir: string): string {
  const where = notice.origin.scope === 'builtin' ? '' : ` (${shownOrigin(notice.origin, homeDir)})`;
  return `${NOT_IN_FORCE.includes(notice.kind) ? 'not in force: ' : ''}${escapeText(notice.message)}${where}`;
}

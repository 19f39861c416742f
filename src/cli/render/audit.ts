/** Grants with what is known of their use, as lines for people and as data. */
import type { AuditedGrant, GrantEntry } from '../../audit/types.ts';
import type { Removable } from '../../audit/use.ts';
import type { Output } from '../command.ts';
import { escapeText } from './escape.ts';
import { paint } from './style.ts';
import { plural, shownClause, shownOrigin, shownPath } from './words.ts';

/** `~/data (read)`, `api.example.com`. */
export function shownEntry({ text, mode }: GrantEntry, homeDir: string): string {
  const shown = shownPath(text, homeDir);
  return mode === undefined ? shown : `${shown} (${mode})`;
}

function day(time: string): string {
  return time.slice(0, 10);
}

/** `41 connections in 3 sessions, last 2026-11-23`. */
export function useWords({ use, sessions, lastUse }: AuditedGrant): string {
  const last = lastUse === undefined ? '' : `, last ${day(lastUse)}`;
  const among = plural(sessions, 'session');
  if (use.kind === 'unknown') return `unknown: ${use.why}${last}`;
  if (use.kind === 'counted')
    return use.connections === 0
      ? `never used in ${among} (counted)`
      : `${plural(use.connections, 'connection')} in ${among} (counted)${last}`;
  const how = [
    ...(use.open > 0 ? [`seen open in ${use.open}`] : []),
    ...(use.changed > 0 ? [`changed during ${use.changed}`] : []),
  ];
  return `${how.join(', ')} of ${among}${last}`;
}

const REASONS: Readonly<Record<Removable, string>> = {
  expired: 'it has expired',
  gone: 'nothing is there now',
  'never-used': 'it was never used',
};

export function removalWords(audited: AuditedGrant, why: Removable): string {
  return why === 'never-used' ? useWords(audited) : REASONS[why];
}

function remarks(output: Output, { entry, findings }: AuditedGrant, homeDir: string): string[] {
  const warning = (text: string) => `${paint(output, 'warning', '!')} ${text}`;
  return [
    ...(entry.expired ? [warning(`expired on ${escapeText(entry.expires!)}`)] : []),
    ...(entry.place === 'gone' && !entry.expired ? [warning('nothing is there now')] : []),
    ...(entry.trusted ? [] : [warning('not in force: the file is not trusted (pinfold trust)')]),
    ...findings
      .filter(({ kind }) => kind !== 'expired' && kind !== 'missing' && kind !== 'untrusted')
      .map(({ severity, message }) =>
        severity === 'danger'
          ? `${paint(output, 'bad', '✗')} ${shownClause(message, homeDir)}`
          : warning(shownClause(message, homeDir)),
      ),
  ];
}

export function renderGrant(output: Output, audited: AuditedGrant, homeDir: string): string {
  const { entry } = audited;
  // The text stands at the head of the line.
  const where = shownOrigin({ ...entry.origin, text: '' }, homeDir).trim();
  const lines = [
    `${paint(output, 'strong', shownEntry(entry, homeDir))}  ${paint(output, 'dim', where)}`,
    `    ${useWords(audited)}`,
    ...remarks(output, audited, homeDir).map((line) => `    ${line}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

export function grantAsData(audited: AuditedGrant): Record<string, unknown> {
  const { entry, sessions, use, lastUse, findings } = audited;
  return { ...entry, sessions, use, ...(lastUse !== undefined && { lastUse }), findings };
}

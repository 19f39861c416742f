/** Says which limits were exceeded, what came of it, and where they were set. */
import type { LimitName, Policy } from '../../policy/types.ts';
import type { Exceeded } from '../../session/limits.ts';
import { escapeText } from './escape.ts';
import { limitValue, plural, shownOrigin, shownPath } from './words.ts';

const ENDED: Readonly<Partial<Record<LimitName, string>>> = {
  wallTime: 'ended the command: it ran longer than',
  memory: 'ended the session: its processes used more than',
  processes: 'ended the session: it had more than',
  cpuTime: 'ended the session: its processes used more than',
  disk: 'ended the session: its private places hold more than',
  output: 'ended the session: its commands wrote more than',
};

function what({ limit, consequence, count }: Exceeded): string {
  if (consequence === 'ended') return ENDED[limit] ?? 'ended the session: it exceeded';
  if (consequence === 'refused') return `refused ${plural(count, 'process', 'processes')} beyond`;
  return `saw ${plural(count, 'process', 'processes')} killed by the kernel, beyond`;
}

function foundWords({ limit, found }: Exceeded, homeDir: string): string {
  if (found === undefined) return '';
  const path = shownPath(found.path, homeDir);
  if (found.bytes === undefined) return `: ${path} cannot be looked into`;
  return `: ${path} holds ${limitValue(limit, found.bytes)}`;
}

/** One clause for each, without the name of the program that says it. */
export function exceededPhrases(
  { homeDir }: Pick<Policy, 'homeDir'>,
  exceeded: readonly Exceeded[],
): string[] {
  return exceeded.map((each) => {
    const set = `${each.limit}, ${limitValue(each.limit, each.value)} (${escapeText(shownOrigin(each.origin, homeDir))})`;
    return `${what(each)} ${set}${foundWords(each, homeDir)}`;
  });
}

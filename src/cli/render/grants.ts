/** What `pinfold allow` and `revoke` say they did. */
import type { EditOutcome } from '../../config/edit.ts';
import type { Risk } from '../../violations/types.ts';
import type { Output } from '../command.ts';
import { escapeText } from './escape.ts';
import { type Look, paint } from './style.ts';
import { shownPath } from './words.ts';

/** What became of a change in one running session. */
export type Applied =
  | { readonly session: string; readonly state: 'applied' }
  | { readonly session: string; readonly state: 'refused'; readonly why: string };

const LOOK: Readonly<Record<Risk['level'], Look>> = { low: 'good', medium: 'warning', high: 'bad' };

export function riskLine(output: Output, { level, reasons }: Risk): string {
  return `  risk ${paint(output, LOOK[level], level.toUpperCase())}: ${reasons.map(escapeText).join('; ')}\n`;
}

/** `words`: "now has", "no longer has". */
export function writtenLines(outcome: EditOutcome, scope: string, entry: unknown, words: string): string {
  const shown = escapeText(typeof entry === 'string' ? entry : JSON.stringify(entry));
  const verb = outcome.change === 'unchanged' ? `${words} already` : words;
  return `${shownPath(outcome.file)} (${scope}) ${verb}: ${shown}\n`;
}

export function appliedLines(applied: readonly Applied[], word: 'open' | 'closed'): string {
  return applied
    .map((each) =>
      each.state === 'applied'
        ? `  ${word} in session ${each.session}\n`
        : `  not in session ${each.session}: ${escapeText(each.why)}\n`,
    )
    .join('');
}

/** What the settings say under a key, as lines: the word that holds, its place, and the words that do not hold. */
import type { KeyReport, Statement } from '../../config/key-report.ts';
import type { Output } from '../command.ts';
import { escapeText } from './escape.ts';
import { paint } from './style.ts';
import { shownOrigin } from './words.ts';

const OUTDONE: Readonly<Record<NonNullable<Statement['outdone']>, string>> = {
  untrusted: 'not in force: run pinfold trust',
  overridden: 'overridden',
  ceiling: "not in force: above the administrator's ceiling",
};

export const shownValue = (value: unknown): string =>
  value === undefined ? '(nothing)' : escapeText(typeof value === 'string' ? value : JSON.stringify(value));

/** Where it stands, without the text: that is shown as the value. */
export function shownPlace({ origin }: Statement, homeDir: string): string {
  return shownOrigin({ ...origin, text: '' }, homeDir).trim();
}

function outdoneLine(output: Output, statement: Statement, homeDir: string): string {
  const why = statement.outdone === undefined ? '' : ` (${OUTDONE[statement.outdone]})`;
  return paint(output, 'dim', `  ${shownValue(statement.value)}  ${shownPlace(statement, homeDir)}${why}`);
}

/** `mode = strict  ~/p/.pinfold/settings.json:3:13`, and beneath it what did not win. */
export function reportLines(output: Output, report: KeyReport, homeDir: string): string[] {
  const { key, value, origin, statements } = report;
  const holder = statements.findLast((statement) => statement.outdone === undefined);
  if (origin === undefined && holder !== undefined) {
    return [
      `${escapeText(key)} = ${shownValue(value)}`,
      ...statements.map((each) => outdoneLine(output, each, homeDir)),
    ];
  }
  const from =
    holder === undefined ? (value === undefined ? 'not set' : 'default') : shownPlace(holder, homeDir);
  const losers = statements.filter((statement) => statement.outdone !== undefined).toReversed();
  return [
    `${escapeText(key)} = ${shownValue(value)}  ${paint(output, 'dim', from)}`,
    ...losers.map((each) => outdoneLine(output, each, homeDir)),
  ];
}

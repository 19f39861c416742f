/** The screen of `pinfold doctor`: a line for each group where all is proven, and the reasons where it is not. */
import { GROUPS } from '../../doctor/guarantee.ts';
import type { GuaranteeReport, ModeReport, State } from '../../doctor/verdict.ts';
import type { Weaker } from '../../platform/backend.ts';
import type { Output } from '../command.ts';
import { escapeText } from './escape.ts';
import { type Look, paint } from './style.ts';
import { plural } from './words.ts';

const LOOKS: Readonly<Record<State, readonly [mark: string, look: Look]>> = {
  proven: ['✓', 'good'],
  weaker: ['!', 'warning'],
  unproven: ['?', 'warning'],
  'not enforced': ['✗', 'bad'],
};

/** Mark and the longest name of a group, with what lies between. */
const INDENT = 17;

function mark(output: Output, state: State): string {
  const [sign, look] = LOOKS[state];
  return paint(output, look, sign);
}

function line(output: Output, state: State, group: string, text: string): string {
  return `  ${mark(output, state)} ${group.padEnd(INDENT - 4)}${text}`;
}

function below(text: string): string {
  return `${' '.repeat(INDENT)}${text}`;
}

/** Words of a list, broken where the screen ends. */
function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + word.length <= width)
      lines[lines.length - 1] = `${last}, ${word}`;
    else {
      if (last !== undefined) lines[lines.length - 1] = `${last},`;
      lines.push(word);
    }
  }
  return lines;
}

function troubleLines(output: Output, { claim, group, state, reasons }: GuaranteeReport): string[] {
  const look = LOOKS[state][1];
  return [
    line(output, state, group, `${paint(output, look, state)}: ${claim}`),
    ...reasons.map((reason) => below(escapeText(reason))),
  ];
}

function detailLines(output: Output, report: GuaranteeReport): string[] {
  return [
    line(output, report.state, report.group, report.claim),
    ...report.trials.map(({ act, inside, outside }) =>
      below(paint(output, 'dim', `${act}: ${escapeText(inside)} (outside: ${escapeText(outside)})`)),
    ),
    ...report.notes.map((note) => below(paint(output, 'dim', escapeText(note)))),
  ];
}

function groupLines(
  output: Output,
  group: (typeof GROUPS)[number],
  reports: readonly GuaranteeReport[],
  verbose: boolean,
): string[] {
  const proven = reports.filter(({ state }) => state === 'proven');
  const troubled = reports.filter(({ state }) => state !== 'proven');
  if (verbose) {
    return [
      ...proven.flatMap((report) => detailLines(output, report)),
      ...troubled.flatMap((report) => troubleLines(output, report)),
    ];
  }
  const [first, ...rest] = wrap(
    proven.map(({ short }) => short),
    output.columns - INDENT,
  );
  return [
    ...(first === undefined ? [] : [line(output, 'proven', group, first), ...rest.map(below)]),
    ...proven.filter(isOfUse).flatMap(({ notes }) => notes.map((note) => below(escapeText(note)))),
    ...troubled.flatMap((report) => troubleLines(output, report)),
  ];
}

/** What is not seen is worth a word without being asked; notes about single acts are not. */
function isOfUse({ id }: GuaranteeReport): boolean {
  return id === 'layers';
}

/** What was proven, then, and how to have more. */
function tierLines(output: Output, { why, fix }: Weaker): string[] {
  return [
    `  ${paint(output, 'bad', 'weaker')}: no namespaces here; this is what runs with --accept-weaker`,
    below(`${paint(output, 'dim', 'why')}  ${escapeText(why)}`),
    ...(fix === undefined ? [] : [below(`${paint(output, 'dim', 'fix')}  ${escapeText(fix)}`)]),
  ];
}

export function renderMode(
  output: Output,
  report: ModeReport,
  { verbose }: { readonly verbose: boolean },
): string {
  const { mode, enforcedMode, network, guarantees, weaker } = report;
  const capped = enforcedMode === mode ? '' : `  (the administrator's settings make it ${enforcedMode})`;
  const lines = [
    `${paint(output, 'strong', mode)}  network ${weaker === undefined ? network : 'none'}${capped}`,
    ...(weaker === undefined ? [] : tierLines(output, weaker)),
    ...GROUPS.flatMap((group) =>
      groupLines(
        output,
        group,
        guarantees.filter((one) => one.group === group),
        verbose,
      ),
    ),
  ];
  return lines.map((text) => `${text}\n`).join('');
}

export function renderVerdict(output: Output, reports: readonly ModeReport[], overheadMs: number): string {
  const all = reports.flatMap(({ guarantees }) => guarantees);
  const count = (state: State) => all.filter((one) => one.state === state).length;
  const rest = (['weaker', 'unproven', 'not enforced'] as const)
    .filter((state) => count(state) > 0)
    .map((state) => paint(output, LOOKS[state][1], `${count(state)} ${state}`));
  const overhead = `${paint(output, 'strong', 'overhead')}  ${overheadMs.toFixed(0)} ms for each launch, beside Node's own start\n`;
  const verdict =
    rest.length === 0
      ? `${plural(all.length, 'guarantee')}, all ${paint(output, 'good', 'proven')}.\n`
      : `${plural(all.length, 'guarantee')}: ${[`${count('proven')} proven`, ...rest].join(', ')}.\n`;
  return `${overhead}${verdict}`;
}

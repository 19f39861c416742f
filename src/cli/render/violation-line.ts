/** One line for each refusal: what was tried, how often, by whom and why it was refused. Loaded by every run. */
import { cut } from '../../violations/bounds.ts';
import { causeOf, isPathRule } from '../../violations/rules.ts';
import type { Actor, Subject, Violation } from '../../violations/types.ts';
import type { Output } from '../command.ts';
import { escapeText, quoteCommand } from './escape.ts';
import { paint } from './style.ts';
import { shownPath } from './words.ts';

const MAX_COMMAND = 60;

export function shownSubject(subject: Subject, homeDir: string): string {
  if (subject.kind === 'syscall') return `${escapeText(subject.name)}(2)`;
  if (subject.kind !== 'host') return shownPath(subject.path, homeDir);
  const host = escapeText(subject.host.includes(':') ? `[${subject.host}]` : subject.host);
  return subject.port === undefined ? host : `${host}:${subject.port}`;
}

function nameOf(program: string): string {
  return escapeText(program.slice(program.lastIndexOf('/') + 1));
}

function shorten(text: string): string {
  return cut(text, MAX_COMMAND);
}

/** `pip install requests`: the command line where it is known, else the program. */
export function commandOf({ program, command }: Actor): string | undefined {
  if (program === undefined && command === undefined) return undefined;
  const [first = '', ...rest] = command ?? [];
  const name = nameOf(first === '' ? (program ?? '') : first);
  return shorten(rest.length === 0 ? name : `${name} ${quoteCommand(rest)}`);
}

/** `git 812 ← sh ← npm run build`. */
export function shownActor({ pid, program, parents = [] }: Actor): string {
  const self = program === undefined ? `process ${pid}` : `${nameOf(program)}${pid === 0 ? '' : ` ${pid}`}`;
  const named = parents.map(({ program: path, name }) =>
    name === undefined ? nameOf(path) : shorten(escapeText(name)),
  );
  return [self, ...named].join(' ← ');
}

function times(count: number): string {
  return count === 1 ? '' : `  ${count.toLocaleString('en')}×`;
}

/** `✗ pinfold blocked create .git/hooks/x  3×`, and how it goes on after that. */
function line(output: Output, { count, denial }: Violation, homeDir: string, tail: string): string {
  const { subject, act, outcome } = denial;
  const verb = outcome === 'quarantined' ? 'caught' : 'blocked';
  const what = `${act} ${paint(output, 'strong', shownSubject(subject, homeDir))}${times(count)}`;
  return `${paint(output, 'bad', '✗')} ${paint(output, 'accent', 'pinfold')} ${verb} ${what}${tail}\n`;
}

/** What, how often, and the name under which to ask for more. */
export function renderHead(output: Output, violation: Violation, homeDir: string): string {
  const { movedTo } = violation.denial;
  const moved = movedTo === undefined ? '' : `; moved to ${shownPath(movedTo, homeDir)}`;
  return line(output, violation, homeDir, `${moved}${paint(output, 'dim', `  [${violation.id}]`)}`);
}

/** The same with who did it and why it was refused. */
export function renderLine(output: Output, violation: Violation, homeDir: string): string {
  const { id, denial } = violation;
  const { actor, movedTo } = denial;
  const by = actor && commandOf(actor);
  const tail = [
    by === undefined ? '' : `  by ${by}`,
    movedTo === undefined ? '' : `; moved to ${shownPath(movedTo, homeDir)}`,
    `: ${escapeText(causeOf(denial))}`,
    paint(output, 'dim', `  [${id}]`),
  ];
  return line(output, violation, homeDir, tail.join(''));
}

/** Without what only we need: the rule as people know it. */
export function violationAsData(violation: Violation): Record<string, unknown> {
  const { id, first, last, count, denial, risk } = violation;
  const { rule, ...rest } = denial;
  return {
    id,
    first: new Date(first).toISOString(),
    last: new Date(last).toISOString(),
    count,
    ...rest,
    ...(rule && {
      rule: {
        pattern: rule.pattern,
        access: rule.access,
        origin: rule.origin,
        ...(isPathRule(rule) && { category: rule.category, why: rule.why }),
      },
    }),
    risk,
  };
}

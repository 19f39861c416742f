/** The screen for an error: what, why, the one thing that mends it, and the lines of the files that are at fault. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { isSandboxError, type Problem, SandboxError } from '../../errors.ts';
import type { Output } from '../command.ts';
import { escapeText } from './escape.ts';
import { paint } from './style.ts';

const MAX_SHOWN = 10;
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_LINE = 160;

/** Anything thrown becomes a SandboxError; what is none of ours is a bug. */
export function asSandboxError(thrown: unknown): SandboxError {
  if (isSandboxError(thrown)) return thrown;
  return new SandboxError('ERR_INTERNAL', {
    what: 'Pinfold failed',
    why: thrown instanceof Error ? thrown.message : String(thrown),
    fix: 'This is a bug of Pinfold; please report it with the lines below',
    cause: thrown,
  });
}

/** One line of a file; undefined when it cannot be had. O_NONBLOCK: a settings file may have been swapped for a fifo. */
function readLine(file: string, line: number): string | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(descriptor).isFile()) return undefined;
    const bytes = Buffer.alloc(MAX_FILE_BYTES);
    const length = readSync(descriptor, bytes, 0, MAX_FILE_BYTES, 0);
    return bytes.toString('utf8', 0, length).split(/\r\n|\r|\n/)[line - 1];
  } catch {
    // The message names the place anyway; the line itself is only a help.
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** The line with a caret under `column`; tabs become a space and escapes are counted as wide as they are shown. */
function excerpt(output: Output, problem: Problem): string[] {
  const line = readLine(problem.file, problem.line);
  if (line === undefined || line.trim() === '' || problem.column > line.length + 1) return [];
  const plain = line.replaceAll('\t', ' ');
  const from = Math.max(0, problem.column - MAX_LINE / 2);
  const before = escapeText(plain.slice(from, problem.column - 1));
  const after = escapeText(plain.slice(problem.column - 1, from + MAX_LINE));
  const number = String(problem.line);
  return [
    `    ${paint(output, 'dim', `${number} |`)} ${before}${after}`,
    `    ${paint(output, 'dim', `${' '.repeat(number.length)} |`)} ${' '.repeat(before.length)}${paint(output, 'bad', '^')}`,
  ];
}

function problemLines(output: Output, problem: Problem): string[] {
  const place = escapeText(`${problem.file}:${problem.line}:${problem.column}`);
  const hint = problem.suggestion === undefined ? '' : ` (did you mean ${escapeText(problem.suggestion)}?)`;
  return [
    `  ${paint(output, 'accent', place)} ${escapeText(problem.message)}${hint}`,
    ...excerpt(output, problem),
  ];
}

function stackLines(error: SandboxError): string[] {
  const { stack } = error.cause instanceof Error ? error.cause : error;
  return (stack ?? '').split('\n').map((line) => `  ${escapeText(line)}`);
}

/** The whole screen, ending in a line break. */
export function renderError(output: Output, error: SandboxError): string {
  const label = (text: string) => paint(output, 'dim', text);
  const lines = [`${paint(output, 'bad', 'pinfold:')} ${paint(output, 'strong', escapeText(error.what))}`];
  if (error.problems.length === 0) lines.push(`  ${label('why')}  ${escapeText(error.why)}`);
  for (const problem of error.problems.slice(0, MAX_SHOWN)) lines.push(...problemLines(output, problem));
  if (error.problems.length > MAX_SHOWN) lines.push(`  and ${error.problems.length - MAX_SHOWN} more`);
  lines.push(...error.details.map((detail) => `       ${escapeText(detail)}`));
  if (error.fix !== undefined) lines.push(`  ${label('fix')}  ${escapeText(error.fix)}`);
  if (error.kind === 'bug') lines.push(...stackLines(error));
  else lines.push(`  ${label(error.code)}`);
  return `${lines.join('\n')}\n`;
}

/** The same for machines. */
export function errorAsData(error: SandboxError): Record<string, unknown> {
  const { code, kind, what, why, fix, problems, details } = error;
  return {
    error: {
      code,
      kind,
      what,
      why,
      ...(fix !== undefined && { fix }),
      problems,
      ...(details.length > 0 && { details }),
    },
  };
}

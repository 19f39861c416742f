/** What to say of a command that could not be started: what was looked for, and which rule hides it. */
import { getSystemErrorMap } from 'node:util';
import type { Policy } from '../../policy/types.ts';
import type { Ending } from '../../session/types.ts';
import type { Output } from '../command.ts';
import { findHostCommand, hidingRule } from '../command-search.ts';
import { escapeText, quoteWord } from './escape.ts';
import { paint } from './style.ts';
import { shownOrigin, shownPath } from './words.ts';

export interface Surroundings {
  readonly policy: Policy;
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

function hiddenLines(command: string, { policy, cwd, environment }: Surroundings): string[] | undefined {
  const found = findHostCommand(command, cwd, environment.PATH);
  if (found === undefined) return undefined;
  const rule = hidingRule(policy, found);
  const place = shownPath(found.path, policy.homeDir);
  if (rule === undefined) return undefined;
  const why =
    rule === 'nothing'
      ? 'no rule shows it'
      : `it is hidden by ${shownOrigin(rule.origin, policy.homeDir)} (${escapeText(rule.why)})`;
  return [
    `why  ${place} exists on the host, but ${why}`,
    rule !== 'nothing' && rule.ceiling
      ? 'fix  Ask your administrator: no setting of yours can open it'
      : `fix  Show it to the command: --allow ${quoteWord(found.real)}:ro`,
  ];
}

function notFoundLines(command: string, around: Surroundings): string[] {
  const { policy, cwd, environment } = around;
  const hidden = hiddenLines(command, around);
  if (hidden !== undefined) return hidden;
  if (!command.includes('/')) return [`why  no directory of PATH that is visible inside holds it`];
  // execve(2) gives ENOENT also when what is missing is the interpreter.
  const found = findHostCommand(command, cwd, environment.PATH);
  return found === undefined
    ? [`why  there is no such file: ${shownPath(command, policy.homeDir)}`]
    : ['why  the file is there; the interpreter that its first line or its ELF header names is not'];
}

/** Empty for a command that was started. */
export function describeUnstarted(output: Output, ending: Ending, around: Surroundings): string {
  if (ending.kind !== 'not-found' && ending.kind !== 'not-executable') return '';
  const command = quoteWord(ending.command);
  const missing = ending.kind === 'not-found';
  const what = missing ? `command not found: ${command}` : `cannot execute ${command}`;
  const reason = missing ? '' : (getSystemErrorMap().get(-ending.errno)?.[1] ?? `error ${ending.errno}`);
  const lines = missing
    ? notFoundLines(ending.command, around)
    : (hiddenLines(ending.command, around) ?? [`why  ${reason}`]);
  return [`${paint(output, 'bad', 'pinfold:')} ${what}`, ...lines.map((line) => `  ${line}`), ''].join('\n');
}

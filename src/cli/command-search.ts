/** Where a command would be found on the host, to say why it was not found inside. */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { Decider } from '../policy/decide.ts';
import type { PathRule, Policy } from '../policy/types.ts';

export interface HostCommand {
  readonly path: string;
  readonly real: string;
  readonly executable: boolean;
}

function lookAt(path: string): HostCommand | undefined {
  try {
    if (!statSync(path).isFile()) return undefined;
    return { path, real: realpathSync(path), executable: isExecutable(path) };
  } catch {
    // Not there, or not for this person to see: the search goes on.
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** As execvp(3) looks: a word with a slash is a path, another is sought in PATH. */
export function findHostCommand(
  command: string,
  cwd: string,
  searchPath: string | undefined,
): HostCommand | undefined {
  if (command.includes('\0') || command === '') return undefined;
  if (command.includes('/')) return lookAt(resolve(cwd, command));
  const found = (searchPath ?? '')
    .split(':')
    .flatMap((directory) => (isAbsolute(directory) ? (lookAt(`${directory}/${command}`) ?? []) : []));
  return found.find(({ executable }) => executable) ?? found[0];
}

/** The rule that keeps `command` from being seen inside; `nothing` when no rule shows it; undefined when it is visible. */
export function hidingRule(policy: Policy, { path, real }: HostCommand): PathRule | 'nothing' | undefined {
  const decider = new Decider(policy);
  for (const place of [path, real]) {
    const { allowed, rule } = decider.decide(place, 'read', { directory: false });
    if (!allowed) return rule ?? 'nothing';
  }
  return undefined;
}

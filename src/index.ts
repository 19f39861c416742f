/** The whole public API of the library. */
import { join } from 'node:path';
import { programPath } from './platform/linux/programs.ts';
import { openSandbox } from './sandbox/opening.ts';
import type { SandboxOptions } from './sandbox/options.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

export { type ErrorCode, isSandboxError, type Problem, SandboxError } from './errors.ts';
export type { Enforcement, Shortfall, Weaker } from './platform/backend.ts';
export type { Narrowing } from './policy/narrowing.ts';
export type {
  Access,
  AllowedPath,
  AllowedSocket,
  LimitName,
  Mode,
  NetworkAccess,
  PathRule,
  Policy,
} from './policy/types.ts';
export type { AskCallback, Reply } from './sandbox/ask.ts';
export type { HostGrant, PathGrant } from './sandbox/live-grant.ts';
export type { SandboxOptions } from './sandbox/options.ts';
export type { RunOptions, RunResult } from './sandbox/run-result.ts';
export type { Egress, Sandbox, SandboxProcess, SandboxStatus, Violation } from './sandbox/sandbox.ts';
export type { Shell, ShellOptions, ShellResult, ShellRunOptions } from './sandbox/shell.ts';
export type { SpawnOptions, Stdio } from './sandbox/spawn-options.ts';
export {
  type RefusedAct,
  type SandboxTool,
  type SandboxTools,
  sandboxTools,
  type ToolOptions,
  type ToolResult,
} from './sandbox/tools.ts';
export type { GrantedPath } from './session/held-paths.ts';
export type { Exceeded } from './session/limits.ts';
export type { GrantedHost, RevokedHost } from './session/live-grants.ts';
export type { Question } from './session/questions.ts';
export type { AccessRequest } from './violations/requests.ts';
export type { Risk } from './violations/types.ts';

/** This file's directory in a package; whoever imports the source has a built `dist/` beside it. */
function launcherPath(): string {
  const here = import.meta.dirname;
  return programPath('launcher', here.endsWith('dist') ? here : join(here, '../dist'));
}

/**
 * Makes a sandbox: a boundary that the kernel enforces, in which commands run until it is closed.
 *
 * ```ts
 * await using sandbox = await createSandbox({ mode: 'strict', projectDir: '.' });
 * const { exitCode, stdout } = await sandbox.run('npm', ['test']);
 * ```
 *
 * Rejects with a SandboxError when the boundary cannot be made; nothing runs then.
 */
export function createSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const environment = process.env;
  return openSandbox(options, {
    cwd: process.cwd(),
    environment,
    launcherPath: environment.PINFOLD_LAUNCHER || launcherPath(),
    pid: process.pid,
  });
}

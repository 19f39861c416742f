/** Why there is no launcher to speak with, or no longer. */
import { SandboxError } from '../../errors.ts';
import { PROTOCOL_VERSION } from './plan-codec.ts';
import { REINSTALL } from './programs.ts';

export function startFailure(path: string, cause: Error): SandboxError {
  return new SandboxError('ERR_LAUNCHER_MISSING', {
    what: 'Cannot start the launcher',
    why: `${path}: ${cause.message}`,
    fix: REINSTALL,
    cause,
  });
}

export function tooFewDescriptors(): SandboxError {
  return new SandboxError('ERR_LAUNCHER_MISSING', {
    what: 'Cannot start the launcher',
    why: 'this process may not open as many files as that takes (EMFILE)',
    fix: 'Raise the limit of open files: ulimit -n 1024',
  });
}

export function otherVersion(version: number): SandboxError {
  return new SandboxError('ERR_LAUNCHER_VERSION', {
    what: 'Cannot use the launcher',
    why: `it speaks version ${version} of the protocol, this package version ${PROTOCOL_VERSION}`,
    fix: 'Reinstall pinfold, so that both come from one release',
  });
}

/**
 * How a shell ends that cannot make sense of what it reads, or finds none of the commands in it: what the kernel cannot execute (ENOEXEC,
 * a program for another processor) execvp(3) hands to one. The launcher ends otherwise.
 */
const SHELL_GAVE_UP: readonly (number | null)[] = [2, 126, 127];

/** Why a launcher ended that has said nothing yet. */
export function neverBegan(path: string, code: number | null, signal: NodeJS.Signals | null): SandboxError {
  if (!SHELL_GAVE_UP.includes(code)) return died(code, signal);
  return new SandboxError('ERR_LAUNCHER_MISSING', {
    what: 'Cannot start the launcher',
    why: `${path} is not a program for this processor (${process.arch})`,
    fix: REINSTALL,
  });
}

export function died(code: number | null, signal: NodeJS.Signals | null): SandboxError {
  return new SandboxError('ERR_LAUNCHER_DIED', {
    what: 'The sandbox ended before its command did',
    why: signal ? `the launcher was killed by ${signal}` : `the launcher exited with code ${code}`,
  });
}

/** Why a path is not opened or closed in a session that runs, in words. */
import { SandboxError } from '../errors.ts';
import { quoteWord } from '../policy/printable.ts';
import type { PathAccess } from './held-paths.ts';

export function refused(path: string, why: string, fix: string, cause?: unknown): SandboxError {
  return new SandboxError('ERR_GRANT_REFUSED', { what: `Cannot open ${path}`, why, fix, cause });
}

export function nextRun(path: string, access: PathAccess, why: string, cause?: unknown): SandboxError {
  const flag = `${quoteWord(path)}${access === 'read' ? ':ro' : ''}`;
  return new SandboxError('ERR_GRANT_REFUSED', {
    what: `Cannot open ${path} in a session that runs`,
    why,
    fix: `Open it in the next run: pinfold run --allow ${flag} -- COMMAND`,
    cause,
  });
}

export function unknown(path: string, open: readonly string[]): SandboxError {
  return new SandboxError('ERR_GRANT_UNKNOWN', {
    what: `Cannot close ${path}`,
    why: 'no grant opened it while the session ran',
    fix: open.length === 0 ? 'No path is open so' : `Open are: ${open.slice(0, 5).join(', ')}`,
  });
}

export function noOnce(path: string, why: string): SandboxError {
  return new SandboxError('ERR_GRANT_REFUSED', {
    what: `Cannot open ${path} once`,
    why,
    fix: 'Open it for a time: --for 10m',
  });
}

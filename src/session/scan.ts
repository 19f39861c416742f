/** What a scan means for a run: when it must not start, what is told of it, and the last look when it has ended. */
import { SandboxError } from '../errors.ts';
import type { Launcher, ScanResult } from '../platform/linux/launcher.ts';
import { type ScanRequest, scanMatches } from '../platform/linux/plan-builder.ts';
import { ruleMatcher } from '../policy/decide.ts';
import type { Notice, Policy } from '../policy/types.ts';
import type { GuardedEntry, NameGuard } from './name-guard.ts';
import { isAmong, Opened } from './unseen.ts';

/**
 * A protected name in a directory whose own name is not UTF-8 cannot be put into a plan, and a tree that was not walked
 * to its end may hold others: to go on would leave them open.
 */
export function refuseUnseen(policy: Policy, scan: ScanResult): void {
  const lossy = scan.unnameable.map((path) => ({
    path: Buffer.from(path).toString('utf8'),
    directory: true,
  }));
  const [bad] = scanMatches(policy, lossy);
  if (bad) throw unnameable(Buffer.from(bad.path));
  if (scan.complete) return;
  throw new SandboxError('ERR_SETUP_FAILED', {
    what: 'Cannot look through the writable directories',
    why: `after ${scan.entries} entries there are more, or one of the directories cannot be read`,
    fix: 'Make the project directory readable, or name a smaller one with --project',
  });
}

function unnameable(path: Uint8Array): SandboxError {
  return new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot protect ${JSON.stringify(Buffer.from(path).toString('latin1'))}`,
    why: 'its path is not valid UTF-8',
    fix: 'Rename the directory that holds it',
  });
}

/** Scans until everything was seen; each round may uncover a further directory that was made unreadable. */
export async function sweep(
  launcher: Launcher,
  { scan, unseen }: { readonly scan: ScanRequest; readonly unseen: readonly string[] },
  guard: NameGuard,
): Promise<void> {
  const opened = new Opened();
  try {
    for (;;) {
      const after = await launcher.scan(scan.roots, scan.patterns);
      await guard.sweep(after.hits);
      const fresh = after.unseen.filter((path) => !isAmong(path, unseen));
      if (fresh.length === 0) return;
      for (const path of fresh) opened.open(path);
    }
  } finally {
    opened.restore();
  }
}

/** A rule that matches nothing is told: it may be misspelt. */
export function unmatched(policy: Policy, matches: readonly GuardedEntry[]): Notice[] {
  return policy.rules.flatMap((rule) => {
    if (!rule.glob || rule.origin.scope === 'builtin') return [];
    const match = ruleMatcher(rule);
    if (matches.some(({ path, directory }) => match(path, { directory }) !== undefined)) return [];
    const message = `${rule.origin.text} matches nothing now`;
    return [{ kind: 'unmatched', message, origin: rule.origin }];
  });
}

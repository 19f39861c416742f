/** The looks at the writable trees of a Mac before and after a run: what must not be in doubt, and what slipped past the kernel. */
import { SandboxError } from '../errors.ts';
import type { TreeScan } from '../host/scan-findings.ts';
import { scanTrees } from '../host/tree-scan.ts';
import { scanMeant } from '../platform/macos/scan.ts';
import type { Policy } from '../policy/types.ts';
import type { NameGuard } from './name-guard.ts';
import { isAmong, Opened } from './unseen.ts';

function unlooked(why: string): SandboxError {
  return new SandboxError('ERR_SETUP_FAILED', {
    what: 'Cannot look through the writable directories',
    why,
    fix: 'Make the project directory readable, or name a smaller one with --project',
  });
}

/** Throws where a scan leaves a doubt that no profile can settle. */
export function refuseDoubt(policy: Policy, scan: TreeScan): void {
  const bad = scan.unnameable.find(({ unseen }) => unseen) ?? scanMeant(policy, scan.unnameable)[0];
  if (bad !== undefined) throw unlooked(`the path ${JSON.stringify(bad.path)} is not valid UTF-8`);
  if (scan.cutShort) throw unlooked('they hold too many entries');
  const unread = scan.unseen.find((path) => scan.roots.includes(path));
  if (unread !== undefined) throw unlooked(`${unread} cannot be read`);
  if (scan.missing.length > 0) throw unlooked(`${scan.missing[0]} has just gone`);
}

export interface Swept {
  readonly policy: Policy;
  readonly wanted: { readonly roots: readonly string[]; readonly patterns: readonly string[] };
  /** Directories that could not be looked into before the run; they were read-only. */
  readonly unseen: readonly string[];
}

/**
 * The last look: a directory moved in from elsewhere may hold names that could not have been made in place. What was closed to
 * us meanwhile is opened for it. Throws for what cannot be seen to the end.
 */
export async function sweepUp({ policy, wanted, unseen }: Swept, guard: NameGuard): Promise<void> {
  const opened = new Opened();
  try {
    for (;;) {
      const after = scanTrees(wanted);
      await guard.sweep(after.hits);
      refuseDoubt(policy, { ...after, unseen: [], missing: [] });
      const fresh = after.unseen.filter((path) => !isAmong(path, unseen));
      if (fresh.length === 0) return;
      for (const path of fresh) opened.open(path);
    }
  } finally {
    opened.restore();
  }
}

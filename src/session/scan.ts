/** What a scan means for a run: when it must not start, what is told of it, and the last look when it has ended. */
import { join } from 'node:path';
import { SandboxError } from '../errors.ts';
import type { TreeScan } from '../host/scan-findings.ts';
import { scanTrees } from '../host/tree-scan.ts';
import { type ScanRequest, scanMatches } from '../platform/linux/plan-builder.ts';
import { type Decider, ruleMatcher } from '../policy/decide.ts';
import type { Notice, Policy } from '../policy/types.ts';
import { type GuardedEntry, NameGuard, type Quarantined } from './name-guard.ts';
import { isAmong, Opened } from './unseen.ts';

/** Throws where the scan leaves a doubt that no plan can settle: to go on would leave protected names open. */
export function refuseUnseen(policy: Policy, scan: TreeScan): void {
  refuseUnnameable(policy, scan);
  const [missing] = scan.missing;
  const unread = scan.unseen.find((path) => scan.roots.includes(path));
  if (missing !== undefined) throw unlooked(`${missing} has just gone`);
  if (unread !== undefined) throw unlooked(`${unread} cannot be read`);
  if (scan.cutShort) throw unlooked(`after ${scan.entries} entries there are more`);
}

/** A protected name, or what may hold one, beneath a directory whose name is not UTF-8: no plan can name it. */
function refuseUnnameable(policy: Policy, { unnameable }: TreeScan): void {
  const bad = unnameable.find((one) => one.unseen) ?? scanMatches(policy, unnameable)[0];
  if (bad === undefined) return;
  throw new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot protect ${JSON.stringify(bad.path)}`,
    why: 'its path is not valid UTF-8',
    fix: 'Rename the directory that holds it',
  });
}

function unlooked(why: string): SandboxError {
  return new SandboxError('ERR_SETUP_FAILED', {
    what: 'Cannot look through the writable directories',
    why,
    fix: 'Make the project directory readable, or name a smaller one with --project',
  });
}

interface Guarded {
  readonly scan: ScanRequest;
  readonly matches: readonly GuardedEntry[];
  readonly policy: Policy;
  readonly decider: Decider;
  readonly unseen: readonly string[];
}

/** The nets beneath the supervisor's refusal, for one run: what they catch goes to the session's own directory. */
export function nameGuard(
  { scan, matches, policy, decider, unseen }: Guarded,
  directory: string,
  onCaught: (caught: Quarantined) => void,
): NameGuard {
  return new NameGuard({
    roots: scan.roots,
    before: matches,
    guarded: (entries) => scanMatches(policy, entries, decider).filter(({ path }) => !isAmong(path, unseen)),
    quarantineDir: join(directory, 'quarantine'),
    onCaught,
  });
}

/**
 * The last look, when nothing inside runs any more. Scans until everything was seen; each round may uncover a further
 * directory that was made unreadable. Resolves with what the last one saw; throws for what it cannot see to the end.
 */
export async function sweep(
  {
    policy,
    scan,
    scanned,
    unseen,
  }: Pick<Guarded, 'policy' | 'scan' | 'unseen'> & { readonly scanned: Pick<TreeScan, 'seen'> },
  guard: NameGuard,
): Promise<TreeScan> {
  const opened = new Opened();
  try {
    for (;;) {
      const after = scanTrees({ ...scan, since: scanned });
      await guard.sweep(after.hits);
      refuseUnnameable(policy, after);
      if (after.cutShort) throw unlooked(`after ${after.entries} entries there are more`);
      const fresh = after.unseen.filter((path) => !isAmong(path, unseen));
      if (fresh.length === 0) return after;
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

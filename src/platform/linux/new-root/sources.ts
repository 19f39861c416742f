/** Takes hold of what binds show of the host, before anything is mounted over it. */
import { addIdentityCheck, type CallList } from '../call-list.ts';
import type { Ground } from '../ground.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  O_CLOEXEC,
  O_PATH,
  OPEN_TREE_CLONE,
  openHow,
  RESOLVE_NO_SYMLINKS,
} from '../mount-api.ts';
import { LAYER_LABEL, type MountStep } from '../plan.ts';
import { SOURCES } from './descriptors.ts';

/** Steps that show something of the host. */
export type Bind = Extract<MountStep, { readonly op: 'bind' | 'console' }>;

/** One for all calls: the kernel only reads it. */
const ON_HOST = openHow(O_PATH, RESOLVE_NO_SYMLINKS);

/**
 * Gives the number of the descriptor for each step that has something to show. SECURITY: no symbolic link is followed anywhere on
 * the way: the plan holds resolved paths, so a link that is there now was put there since, to lead us elsewhere (CVE-2024-21626).
 */
export function openSources(
  calls: CallList,
  steps: readonly MountStep[],
  ground: Ground,
): ReadonlyMap<Bind, number> {
  const sources = new Map<Bind, number>();
  for (const step of steps) {
    if (step.op !== 'bind' && step.op !== 'console') continue;
    const path = step.op === 'bind' ? step.source : ground.terminal;
    const absent = path === undefined || ground.kindOf(path) === undefined;
    if (path === undefined || (absent && (step.op === 'console' || step.optional))) continue;
    const source = SOURCES + sources.size;
    sources.set(step, source);
    const layered = step.op === 'bind' && step.layer !== undefined;
    calls.label = `${layered ? LAYER_LABEL : 'open '}${path}`;
    calls.add('openat2', [AT_FDCWD, path, ON_HOST, ON_HOST.length], { place: source });
    if (step.op === 'bind' && step.identity) addIdentityCheck(calls, source, step.identity);
    // Of a layer's, overlayfs shows one mount alone; where that would uncover something, the kernel answers EINVAL.
    const depth = layered ? 0 : AT_RECURSIVE;
    calls.add('open_tree', [source, '', O_CLOEXEC | OPEN_TREE_CLONE | depth | AT_EMPTY_PATH], {
      place: source,
    });
  }
  return sources;
}

/** Covers a name that is shown inside by something of the session's own, which may be written there. */
import { groundHere } from '../platform/linux/ground.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import { showCalls } from '../platform/linux/live-mounts.ts';
import type { PathKind } from '../platform/linux/places.ts';

/** `source`: on the host. False: it was not done, since the name was moved away meanwhile, say. */
export async function cover(
  launcher: Pick<Launcher, 'calls'>,
  path: string,
  kind: PathKind,
  source: string,
): Promise<boolean> {
  const steps = [{ op: 'bind', source, target: path, writable: true }] as const;
  try {
    await launcher.calls(showCalls({ path, kind, standing: { kind: 'shown' }, steps }, groundHere()));
    return true;
  } catch {
    return false;
  }
}

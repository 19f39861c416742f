/** Whether hidden places can be watched here, found by trying; loaded with every run, unlike the service itself. */
import { closeSync, openSync, readdirSync } from 'node:fs';

export type TripwireReadiness =
  /** Names of the host's directories in `/`. */
  | { readonly kind: 'ready'; readonly watched: readonly string[] }
  /** Hidden names are absent inside, and nobody sees who asks for them. */
  | { readonly kind: 'blind'; readonly reason: string };

const DEVICE = '/dev/fuse';

export function prepareTripwire(wanted: boolean): TripwireReadiness {
  if (!wanted) return { kind: 'blind', reason: 'monitor is not "full"' };
  try {
    // A descriptor that nothing is mounted with; init opens its own, in its own user namespace.
    closeSync(openSync(DEVICE, 'r+'));
  } catch (error) {
    return { kind: 'blind', reason: `${DEVICE} cannot be opened (${codeOf(error)})` };
  }
  const entries = readdirSync('/', { withFileTypes: true });
  return { kind: 'ready', watched: entries.filter((each) => each.isDirectory()).map(({ name }) => name) };
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

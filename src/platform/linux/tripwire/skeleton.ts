/** Lays the tripwire file system beneath a plan's mounts: over what is hidden of the host, and over what is denied. Pure. */
import type { Layer } from '../mount-plan.ts';
import { nearest, type PathKind } from '../places.ts';
import type { MountStep } from '../plan.ts';
import type { TripwireEntry, TripwireLayout } from './nodes.ts';

/**
 * Kernel interfaces are no place of the person's: programs probe them everywhere and do without. In `/etc` programs treat
 * what they may not read as broken (git ends with an error), and what is absent as absent; but of credentials there that is
 * what any host says to a person.
 */
const LEFT_ABSENT: ReadonlySet<string> = new Set(['/etc', '/sys']);

/** Old names of the session's own places (FHS 3.0, 5.13): the C library looks there for nscd in every other program. */
const OWN_LINKS: readonly TripwireEntry[] = [
  { path: '/var/run', kind: 'link', to: '/run' },
  { path: '/var/lock', kind: 'link', to: '/run/lock' },
];

export interface Covered {
  readonly layers: readonly Layer[];
  readonly layout: TripwireLayout;
}

/**
 * `watched`: names of the host's directories in `/`. `secrets`: places to be covered in directories that the plan makes itself. A
 * layer that no longer needs a step of its own is left out.
 */
export function coverHidden(
  layers: readonly Layer[],
  watched: readonly string[],
  secrets: readonly { readonly path: string; readonly kind: PathKind }[],
): Covered {
  const taken = new Set(layers.map(({ path }) => path));
  const tops = watched
    .map((name) => `/${name}`)
    .filter((top) => !taken.has(top) && !LEFT_ABSENT.has(top))
    .sort();
  const grounds = new Set([...tops, ...layers.filter(({ hollow }) => hollow).map(({ path }) => path)]);
  const mounts = new Map(
    [...layers.filter(({ entry }) => !entry).map(({ path }) => path), ...tops].map((path) => [path, path]),
  );
  const beneath = tops.includes('/var') ? OWN_LINKS.filter(({ path }) => !taken.has(path)) : [];
  const kept: Layer[] = [];
  for (const layer of layers) {
    const ground = nearest(mounts, layer.path, true);
    const entry = ground !== undefined && grounds.has(ground) ? entryOf(layer) : undefined;
    if (entry !== undefined) beneath.push(entry);
    if (entry?.kind !== 'link') kept.push(layer);
  }
  const leads = new Set(beneath.map(({ path }) => nearest(mounts, path, true)));
  const attached: TripwireEntry[] = [];
  const attach = (entry: TripwireEntry, optional: boolean): Layer => {
    const source = String(attached.push(entry) - 1);
    const step: MountStep = { op: 'tripwire', source, target: entry.path, ...(optional ? { optional } : {}) };
    return { path: entry.path, steps: [step] };
  };
  // Nothing leads through it: then it can be looked at, but not listed, like anything hidden.
  const covers = tops.map((path) =>
    attach({ path, kind: leads.has(path) ? 'directory' : 'closed-directory' }, false),
  );
  const replaced = kept.map((layer) => {
    if (layer.hollow) return attach({ path: layer.path, kind: 'directory' }, false);
    // The covers of /proc, of which it is not known what they are, stay as they are: nobody's secrets are there.
    if (!isMask(layer) || layer.kind === undefined) return layer;
    const kind = layer.kind === 'directory' ? 'closed-directory' : 'closed-file';
    return attach({ path: layer.path, kind }, true);
  });
  const closed = secrets.map(({ path, kind }): Layer => {
    const point: MountStep =
      kind === 'directory' ? { op: 'directory', path, mode: 0 } : { op: 'file', path, mode: 0, content: '' };
    const { steps } = attach({ path, kind: kind === 'directory' ? 'closed-directory' : 'closed-file' }, true);
    return { path, steps: [point, ...steps] };
  });
  return { layers: [...covers, ...replaced, ...closed], layout: { attached, beneath } };
}

function isMask({ steps }: Layer): boolean {
  return steps.length === 1 && steps[0]!.op === 'mask';
}

function entryOf({ path, kind, steps }: Layer): TripwireEntry | undefined {
  const [step] = steps;
  if (step?.op === 'symlink') return { path, kind: 'link', to: step.to };
  return { path, kind: kind === 'file' ? 'file' : 'directory' };
}

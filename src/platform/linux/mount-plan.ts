/** Writes down, step by step, the new root that a policy shows. Pure. */

import { SandboxError } from '../../errors.ts';
import { Decider } from '../../policy/decide.ts';
import type { HostFacts } from '../../policy/host-facts.ts';
import { depthOf, isWithin, parentOf } from '../../policy/paths.ts';
import type { Policy } from '../../policy/types.ts';
import { nearest, type PathKind, type Place, PRIVATE_PLACES } from './places.ts';
import { type Identity, type MountStep, RESOLVER_ADDRESS } from './plan.ts';
import { coverProc } from './proc-covers.ts';
import type { TripwireLayout } from './tripwire/nodes.ts';
import { coverHidden } from './tripwire/skeleton.ts';

export interface MountInput {
  readonly policy: Policy;
  readonly facts: HostFacts;
  readonly places: readonly Place[];
  readonly existing: ReadonlyMap<string, PathKind>;
  readonly scanned?: ReadonlyMap<string, Identity>;
  readonly decider?: Decider;
  /** Names of the host's directories in `/`, when what is hidden of them is to be watched. */
  readonly watched?: readonly string[];
}

export interface PlannedMounts {
  readonly mounts: readonly MountStep[];
  readonly tripwire?: TripwireLayout;
}

/** The steps that show some of these places by themselves, as part of a tree that is put together apart from the root. */
export function placeSteps(
  places: readonly Place[],
  scanned: ReadonlyMap<string, Identity>,
): readonly MountStep[] {
  for (const place of places) refuseUnmountable(place);
  const hollows = places.filter(({ treatment }) => treatment === 'hollow').reverse();
  return [
    ...places.flatMap((place) => placeLayer(place, scanned).steps),
    ...hollows.map(({ path }): MountStep => ({ op: 'seal', target: path })),
  ];
}

/** Steps for one target. Sorted by depth, so that nothing is covered by a mount further up that comes later. */
export interface Layer {
  readonly path: string;
  readonly steps: readonly MountStep[];
  /** Makes an entry (not a mount): only where the directory above is the plan's own, never on the host's. */
  readonly entry?: boolean;
  readonly kind?: PathKind;
  /** An empty directory that only holds the way to something beneath it. */
  readonly hollow?: true;
}

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const;

const HOSTS = '127.0.0.1 localhost pinfold\n::1 localhost ip6-localhost ip6-loopback\n';
/** Refusals come at once, so waiting longer or asking again only costs time. */
const RESOLV = `# Pinfold answers for the names that may be reached.\nnameserver ${RESOLVER_ADDRESS}\noptions timeout:5 attempts:1\n`;

/** The steps; the first is the root itself, the last seals it. */
export function planMounts(input: MountInput): PlannedMounts {
  const { places, scanned, watched, policy } = input;
  const sizeBytes = policy.limits.temporaryFiles?.value;
  for (const place of places) refuseUnmountable(place);
  const layers = [
    ...ownLayers(sizeBytes),
    ...linkLayers(input),
    ...places.map((place) => accountsLayer(place, input) ?? placeLayer(place, scanned, sizeBytes)),
  ];
  const byPath = new Map(places.map((place) => [place.path, place]));
  const kept = layers.filter((layer) => !layer.entry || isOwnGround(byPath, parentOf(layer.path)));
  const covered =
    watched === undefined ? { layers: kept } : coverHidden(kept, watched, systemSecrets(input, byPath));
  const ordered = covered.layers
    .map((layer, index) => ({ layer, index }))
    .sort((a, b) => depthOf(a.layer.path) - depthOf(b.layer.path) || a.index - b.index)
    .flatMap(({ layer }) => layer.steps);
  const hollows = places.filter((place) => place.treatment === 'hollow').map((place) => place.path);
  const sealed = [...(byPath.has('/dev') ? [] : ['/dev']), ...hollows].sort(
    (a, b) => depthOf(b) - depthOf(a),
  );
  return {
    mounts: [
      { op: 'tmpfs', target: '/', mode: 0o755 },
      ...ordered,
      ...[...sealed, '/'].map((target): MountStep => ({ op: 'seal', target })),
    ],
    ...('layout' in covered ? { tripwire: covered.layout } : {}),
  };
}

/** Credentials that lie where the plan makes the directory itself, as it does `/etc`: looks at them are to be seen. */
function systemSecrets(
  { policy, existing }: MountInput,
  byPath: ReadonlyMap<string, Place>,
): readonly { readonly path: string; readonly kind: PathKind }[] {
  return policy.rules.flatMap(({ pattern: path, glob, access, category }) => {
    const kind = existing.get(path);
    if (glob || access !== 'none' || category !== 'credential' || kind === undefined) return [];
    if (!isWithin(path, '/etc') || byPath.has(path) || !isOwnGround(byPath, parentOf(path))) return [];
    return [{ path, kind }];
  });
}

/** What the plan makes itself in every mode. */
function ownLayers(sizeBytes: number | undefined): Layer[] {
  const size = sizeBytes === undefined ? {} : { sizeBytes };
  const mounts: MountStep[] = [
    { op: 'proc', target: '/proc' },
    ...coverProc(),
    { op: 'tmpfs', target: '/dev', mode: 0o755 },
    { op: 'tmpfs', target: '/tmp', mode: 0o1777, ...size },
    { op: 'tmpfs', target: '/var/tmp', mode: 0o1777, ...size },
    { op: 'tmpfs', target: '/run', mode: 0o755, ...size },
    ...DEVICES.map((name): MountStep => bindDevice(`/dev/${name}`)),
    { op: 'devpts', target: '/dev/pts' },
    { op: 'tmpfs', target: '/dev/shm', mode: 0o1777, ...size },
    { op: 'console', target: '/dev/console' },
  ];
  const entries: MountStep[] = [
    { op: 'symlink', path: '/dev/ptmx', to: 'pts/ptmx' },
    { op: 'symlink', path: '/dev/fd', to: '/proc/self/fd' },
    { op: 'symlink', path: '/dev/stdin', to: '/proc/self/fd/0' },
    { op: 'symlink', path: '/dev/stdout', to: '/proc/self/fd/1' },
    { op: 'symlink', path: '/dev/stderr', to: '/proc/self/fd/2' },
    { op: 'file', path: '/etc/hosts', mode: 0o644, content: HOSTS },
    { op: 'file', path: '/etc/resolv.conf', mode: 0o644, content: RESOLV },
  ];
  return [
    ...mounts.map((step) => ({ path: pathOf(step), steps: [step] })),
    ...entries.map((step) => ({ path: pathOf(step), steps: [step], entry: true })),
  ];
}

function pathOf(step: MountStep): string {
  return 'target' in step ? step.target : step.path;
}

/** Device nodes cannot be made in a user namespace (mknod(2), EPERM), so the host's own are bound. */
function bindDevice(path: string): MountStep {
  return { op: 'bind', source: path, target: path, writable: true, devices: true };
}

/** Links of the system (`/bin`), and those by which a person or PATH names a place (`~/data -> /mnt/data`). */
function linkLayers({ policy, facts, existing, decider = new Decider(policy) }: MountInput): Layer[] {
  const links = new Map<string, string>();
  for (const { path, symlinkTo } of facts.runtime) if (symlinkTo !== undefined) links.set(path, symlinkTo);
  for (const rule of policy.rules) {
    const to = rule.resolved;
    if (rule.glob || rule.access === 'none' || to === undefined || to === rule.pattern) continue;
    if (!existing.has(to) || decider.accessOf(to) === 'none' || links.has(rule.pattern)) continue;
    links.set(rule.pattern, to);
  }
  const paths = [...links.keys()];
  return [...links]
    .filter(([path]) => !paths.some((other) => other !== path && isWithin(path, other)))
    .map(([path, to]) => ({ path, steps: [{ op: 'symlink', path, to }], entry: true }));
}

/**
 * SECURITY: what is mounted must be the directory that was looked through, or protected names in another one that took
 * its place would lie open. Covered by "a project exchanged for another directory during the start".
 */
function placeLayer(
  place: Place,
  scanned?: ReadonlyMap<string, Identity>,
  sizeBytes?: number | undefined,
): Layer {
  const { path } = place;
  if (place.relay) return { path, kind: place.kind, steps: [{ op: 'relay', target: path }] };
  if (place.treatment === 'mask') return { path, kind: place.kind, steps: [{ op: 'mask', target: path }] };
  if (place.treatment === 'hollow') {
    const own = (PRIVATE_PLACES as readonly string[]).includes(path);
    const steps: readonly MountStep[] = [{ op: 'tmpfs', target: path, mode: 0o755 }];
    return { path, steps, ...(own ? {} : { hollow: true }) };
  }
  const source = place.source ?? path;
  const identity = scanned?.get(source);
  const bind: MountStep = {
    op: 'bind',
    source,
    target: path,
    writable: place.access === 'write',
    ...(place.layered && { layer: sizeBytes === undefined ? {} : { sizeBytes } }),
    ...(isWithin(path, '/dev') ? { devices: true } : {}),
    ...(identity ? { identity } : {}),
  };
  return { path, kind: place.kind, steps: [bind] };
}

/** The host's list of users in memory of the plan's own, with another home for the person, where `$HOME` is another. */
function accountsLayer(
  { path, kind, access, source }: Place,
  { policy, facts }: MountInput,
): Layer | undefined {
  const { accounts, privateHome } = facts;
  if (path !== '/etc/passwd' || kind !== 'file' || access !== 'read' || source !== undefined)
    return undefined;
  if (accounts === undefined || policy.sandboxHome !== privateHome) return undefined;
  return { path, kind, steps: [{ op: 'file', path, mode: 0o644, content: accounts }], entry: true };
}

/** Whether an entry made in `directory` lands in the plan's own memory. */
function isOwnGround(places: ReadonlyMap<string, Place>, directory: string): boolean {
  const place = nearest(places, directory);
  return place === undefined || place.treatment === 'hollow';
}

export function refuseUnmountable(place: Place): void {
  if (place.treatment === 'mask' || place.treatment === 'inherit') return;
  if (place.path !== '/' && place.path !== '/dev' && !isWithin(place.path, '/proc')) return;
  throw new SandboxError('ERR_PATH_TOO_BROAD', {
    what: `Cannot allow ${place.path}`,
    why: 'inside the sandbox it is made anew; the one of the host is never shown',
    fix: 'Allow the directories that are needed by their own paths',
  });
}

/** Works out which paths the new root must treat apart, and how: the part of the mount plan that thinks. */
import { Decider } from '../../policy/decide.ts';
import type { HostFacts } from '../../policy/host-facts.ts';
import { depthOf, isWithin, parentOf } from '../../policy/paths.ts';
import type { Access, PathRule, Policy } from '../../policy/types.ts';
import { alternativesOf, componentsOf, hasWildcard } from './glob-names.ts';

export type PathKind = 'file' | 'directory';

/** An existing path that a glob rule mentions. */
export interface Match {
  readonly path: string;
  readonly directory: boolean;
  /** Set when the path is a symbolic link: nothing can be mounted on it, so the place it leads to is treated instead. */
  readonly leadsTo?: { readonly path: string; readonly directory: boolean } | 'nowhere';
}

/** Made by the plan itself and private to the session; the host's own is never shown. */
export const PRIVATE_PLACES = ['/tmp', '/var/tmp', '/run', '/dev', '/dev/shm', '/proc'] as const;

/**
 * `show`: the host's own, by a bind; `pin`: bound onto itself only so that it can be neither renamed nor replaced (a
 * mount point answers EBUSY, rename(2)); `mask`: covered by an empty one; `hollow`: covered by an empty directory that
 * only holds the way to something beneath that is shown; `inherit`: as its surroundings are.
 */
export type Treatment = 'show' | 'pin' | 'mask' | 'hollow' | 'inherit';

export interface Place {
  readonly path: string;
  readonly kind: PathKind;
  readonly access: Access;
  readonly treatment: Treatment;
  /** Host path, when another file is shown here than the one of this name. */
  readonly source?: string;
  /** `source` is shown beneath a layer that takes what is written. */
  readonly layered?: true;
  /** A relay to the host's socket of this name is shown, never the socket. */
  readonly relay?: true;
}

export interface PlacesInput {
  readonly policy: Policy;
  readonly facts: HostFacts;
  readonly matches: readonly Match[];
  readonly existing: ReadonlyMap<string, PathKind>;
  readonly decider?: Decider;
}

interface Point {
  readonly path: string;
  readonly kind: PathKind;
  readonly access: Access;
  /** How many directories above are part of what the rule says and must keep their names. */
  readonly pinned: number;
  /** The rule that decides only protects: where the surroundings give less, it does not add to them. */
  readonly protects: boolean;
  readonly source?: string;
  readonly layered?: true;
  readonly relay?: true;
}

const RANK: Readonly<Record<Access, number>> = { none: 0, read: 1, write: 2 };

export function weaker(a: Access, b: Access): Access {
  return RANK[a] < RANK[b] ? a : b;
}

export function covers(a: Access, b: Access): boolean {
  return RANK[a] >= RANK[b];
}

/** Every place that differs from its surroundings, parents before children. */
export function findPlaces(input: PlacesInput): Place[] {
  const points = sortByDepth([...collectPoints(input).values()]);
  const first = layOut(points, new Set());
  return layOut(points, findPins(points, first));
}

function sortByDepth<T extends { readonly path: string }>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, path: item.path, depth: depthOf(item.path) }))
    .sort((a, b) => a.depth - b.depth || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
    .map(({ item }) => item);
}

/** The deepest of `places` at or above `path`; `above` leaves out `path` itself. */
export function nearest<T>(places: ReadonlyMap<string, T>, path: string, above = false): T | undefined {
  for (let at = above ? parentOf(path) : path; ; at = parentOf(at)) {
    const place = places.get(at);
    if (place !== undefined || at === '/') return above && path === '/' ? undefined : place;
  }
}

function collectPoints({
  policy,
  facts,
  matches,
  existing,
  decider = new Decider(policy),
}: PlacesInput): Map<string, Point> {
  const points = new Map<string, Point>();
  const add = (point: Point) => {
    const before = points.get(point.path);
    if (!before) points.set(point.path, point);
    else {
      const pinned = Math.max(before.pinned, point.pinned);
      const protects = before.protects || point.protects;
      points.set(point.path, { ...before, access: weaker(before.access, point.access), protects, pinned });
    }
  };
  for (const rule of policy.rules) {
    const path = rule.resolved ?? rule.pattern;
    const kind = existing.get(path);
    if (rule.glob || kind === undefined || isOwnPrivate(rule, path)) continue;
    add({ path, kind, ...verdict(decider, path, kind), pinned: Number.POSITIVE_INFINITY });
  }
  const named = policy.rules.filter((rule) => rule.glob).flatMap(namedParts);
  for (const match of matches) for (const point of pointsOf(decider, named, match)) add(point);
  if (policy.sandboxHome !== policy.homeDir) {
    for (const { source, target, directory, layered } of facts.homeFiles ?? []) {
      points.set(target, {
        path: target,
        kind: directory ? 'directory' : 'file',
        access: layered ? 'write' : 'read',
        protects: false,
        pinned: Number.POSITIVE_INFINITY,
        source,
        ...(layered && { layered }),
      });
    }
  }
  return points;
}

/** A built-in rule for /tmp and its kin speaks of the session's own, not of the host's directory of that name. */
export function isOwnPrivate(rule: PathRule, path: string): boolean {
  return rule.origin.scope === 'builtin' && (PRIVATE_PLACES as readonly string[]).includes(path);
}

/** SECURITY: `deniedPaths: ["secrets"]` must also hide `secrets/.npmrc`, which a deeper built-in rule calls read-only. */
function verdict(
  decider: Decider,
  path: string,
  kind: PathKind,
): Pick<Point, 'access' | 'protects' | 'relay'> {
  const { access, rule } = decider.decide(path, 'read', { directory: kind === 'directory' });
  return { access, protects: rule?.category === 'host-run', ...(rule?.socket && { relay: true }) };
}

function pointsOf(decider: Decider, named: readonly NamedPart[], match: Match): Point[] {
  const { path, directory, leadsTo } = match;
  const kind = directory ? 'directory' : 'file';
  const here = verdict(decider, path, kind);
  if (leadsTo === undefined) return [{ path, kind, ...here, pinned: parentsNamed(named, path) }];
  if (leadsTo === 'nowhere') return [];
  // A link of a protected name must be no way round the protection, nor a way to more than its target's own rule gives.
  const there = verdict(decider, leadsTo.path, leadsTo.directory ? 'directory' : 'file');
  const access = weaker(here.access, there.access);
  return [
    { path: leadsTo.path, kind: leadsTo.directory ? 'directory' : 'file', access, protects: true, pinned: 0 },
  ];
}

/** What a glob says of the end of a path: the components after its last `**`, or all of them. */
interface NamedPart {
  readonly names: readonly string[];
  readonly anchored: boolean;
}

function namedParts(rule: PathRule): NamedPart[] {
  return alternativesOf(rule.resolved ?? rule.pattern).map((names) => {
    const free = names.lastIndexOf('**');
    return { names: names.slice(free + 1), anchored: free === -1 };
  });
}

/** How many directories above `path` are named by a glob that may have matched it: for `.git/hooks` the `.git`. */
function parentsNamed(parts: readonly NamedPart[], path: string): number {
  const names = componentsOf(path);
  let most = 0;
  for (const part of parts) {
    const end = names.slice(-part.names.length);
    // A component with a wildcard counts as fitting: to pin a directory too many is harmless.
    if (
      !part.names.every(
        (name, index) => hasWildcard(name) || name.toLowerCase() === end[index]?.toLowerCase(),
      )
    )
      continue;
    most = Math.max(most, part.anchored ? Number.POSITIVE_INFINITY : part.names.length - 1);
  }
  return most;
}

function layOut(points: readonly Point[], pins: ReadonlySet<string>): Place[] {
  const placed = new Map<string, Place>();
  for (const own of PRIVATE_PLACES) {
    placed.set(own, { path: own, kind: 'directory', access: 'none', treatment: 'hollow' });
  }
  const pinPoints = [...pins].map(
    (path): Point => ({ path, kind: 'directory', access: 'write', protects: false, pinned: 0 }),
  );
  const known = new Set(points.map((point) => point.path));
  const added = pinPoints.filter(({ path }) => !known.has(path));
  const all = added.length === 0 ? points : sortByDepth([...points, ...added]);
  for (const point of all) {
    const around = nearest(placed, point.path, true)?.access ?? 'none';
    const { path, kind, source, layered, relay } = point;
    const access = point.protects ? weaker(point.access, around) : point.access;
    const treatment = treat({ ...point, access }, around, all, pins.has(path));
    if (treatment === 'inherit') continue;
    const shown = {
      ...(source !== undefined && { source }),
      ...(layered && { layered }),
      ...(relay && { relay }),
    };
    placed.set(path, { path, kind, access, treatment, ...shown });
  }
  const asked = new Set(all.map(({ path }) => path));
  return sortByDepth([...placed.values()].filter(({ path }) => asked.has(path)));
}

function treat(point: Point, around: Access, all: readonly Point[], pin: boolean): Treatment {
  if (point.access === around) {
    if (point.source !== undefined || point.relay) return 'show';
    return pin && point.access === 'write' ? 'pin' : 'inherit';
  }
  if (point.access !== 'none') return 'show';
  const inner = all.some(
    (each) =>
      each.access !== 'none' && !each.protects && each.path !== point.path && isWithin(each.path, point.path),
  );
  return inner && point.kind === 'directory' ? 'hollow' : 'mask';
}

/**
 * SECURITY: a mount follows its directory when a parent is renamed, but the rule goes by path: after `mv config c` the
 * next run would find nothing at config/secret and leave c/secret open. So the parents keep their names.
 */
function findPins(points: readonly Point[], places: readonly Place[]): Set<string> {
  const byPath = new Map(places.map((place) => [place.path, place]));
  const pins = new Set<string>();
  for (const point of points) {
    const place = byPath.get(point.path);
    const around = nearest(byPath, point.path, true);
    if (!place || around?.access !== 'write' || place.access === 'write') continue;
    let left = point.pinned;
    for (let up = parentOf(point.path); up !== around.path && left > 0; up = parentOf(up), left--)
      pins.add(up);
  }
  return pins;
}

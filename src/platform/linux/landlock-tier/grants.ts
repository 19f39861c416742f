/**
 * What a policy grants, said in Landlock rules alone. Landlock adds up along a path and cannot take back, so a directory
 * that holds something more closed than itself is split: it gets no more than all beneath it may have, and each of its
 * entries what is its own. Pure.
 */
import { isWithin, joinPath } from '../../../policy/paths.ts';
import type { Access } from '../../../policy/types.ts';
import { ACCESS_FS, READ, rightsFor, writeRights } from '../landlock-plan.ts';
import { covers, nearest, type PathKind, type Place, weaker } from '../places.ts';
import type { LandlockRule } from '../plan.ts';

/** An entry of a directory. A symbolic link is none: what it leads to has rules of its own. */
export interface Entry {
  readonly name: string;
  readonly kind: PathKind;
}

export type EntriesOf = (directory: string) => readonly Entry[];

export interface Split {
  readonly path: string;
  readonly access: Access;
  /** The least that anything beneath may have: all that the directory itself can be given. */
  readonly least: Access;
}

export interface Grants {
  readonly rules: readonly LandlockRule[];
  /** Directories that new entries cannot be made in, nor old ones removed from, renamed or replaced. */
  readonly splits: readonly Split[];
  /** Denied directories whose names can be listed, because the directory around them can. */
  readonly listed: readonly string[];
}

/** `places` as `findPlaces` gives them, parents first. */
export function tierGrants(places: readonly Place[], handledFs: bigint, entriesOf: EntriesOf): Grants {
  // What another file is shown over cannot be had without mounts; its surroundings decide there.
  const own = places.filter(({ source, treatment }) => source === undefined && treatment !== 'pin');
  return new GrantWriter(own, handledFs, entriesOf).write();
}

class GrantWriter {
  readonly #places: readonly Place[];
  readonly #byPath: ReadonlyMap<string, Place>;
  readonly #handledFs: bigint;
  readonly #entriesOf: EntriesOf;
  readonly #rules: LandlockRule[] = [];
  readonly #splits: Split[] = [];

  constructor(places: readonly Place[], handledFs: bigint, entriesOf: EntriesOf) {
    this.#places = places;
    this.#byPath = new Map(places.map((place) => [place.path, place]));
    this.#handledFs = handledFs;
    this.#entriesOf = entriesOf;
  }

  write(): Grants {
    for (const { path, kind, access } of this.#places) {
      const around = nearest(this.#byPath, path, true)?.access ?? 'none';
      if (!covers(around, access)) this.#grant(path, kind, access);
    }
    const shown = this.#splits.filter(({ least }) => least === 'none').map(({ path }) => path);
    const listed = this.#places.filter(
      ({ path, kind, access }) =>
        access === 'none' && kind === 'directory' && shown.some((split) => isWithin(path, split)),
    );
    return { rules: this.#rules, splits: this.#splits, listed: listed.map(({ path }) => path) };
  }

  #grant(path: string, kind: PathKind, access: Access): void {
    if (access === 'none') return;
    const least = this.#leastBeneath(path, access);
    if (least === access) {
      this.#allow(path, kind, access);
      return;
    }
    this.#splits.push({ path, access, least });
    // SECURITY: a rule reaches all beneath, so what is more closed bounds it. Names alone are shown beside denied ones.
    if (least === 'read') this.#allow(path, kind, least);
    else this.#rules.push({ path, access: ACCESS_FS.READ_DIR });
    for (const entry of this.#entriesOf(path)) {
      const inner = joinPath(path, entry.name);
      const place = this.#byPath.get(inner);
      // What is more open than its surroundings comes in its turn.
      if (place === undefined || covers(access, place.access))
        this.#grant(inner, place?.kind ?? entry.kind, place?.access ?? access);
    }
  }

  /** Of the places beneath that are reached through nothing but `access`. */
  #leastBeneath(path: string, access: Access): Access {
    return this.#places
      .filter((place) => place.path !== path && isWithin(place.path, path) && !covers(place.access, access))
      .reduce((least, place) => weaker(least, place.access), access);
  }

  #allow(path: string, kind: PathKind, access: Access): void {
    const rights = access === 'write' ? writeRights(this.#handledFs) : READ;
    this.#rules.push({ path, access: rightsFor(kind, rights, path.startsWith('/dev/')) & this.#handledFs });
  }
}

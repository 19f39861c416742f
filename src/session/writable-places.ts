/** The paths that were opened to write while a session runs: what the supervisor asks at each act that a mount refuses. */
import type { MakingJudge } from '../platform/linux/guarded-makings.ts';
import type { PathKind } from '../platform/linux/places.ts';
import type { Making } from '../platform/linux/plan.ts';
import type { Decider } from '../policy/decide.ts';
import { isWithin } from '../policy/paths.ts';
import { decodeName } from '../policy/printable.ts';
import type { PathRule } from '../policy/types.ts';

export interface WritablePlace {
  readonly path: string;
  readonly kind: PathKind;
  /** Its mounts in which something may be written, the place itself among them. What else is mounted there is a cover. */
  readonly mounts: readonly string[];
  /** With the grant, and what is protected and denied within. */
  readonly decider: Decider;
  readonly judge: Pick<MakingJudge, 'refused'>;
  /** Those that the judge's names have numbers of. */
  readonly rules: readonly PathRule[];
  /** Whether it is open still: it is asked when an act is about to be done, after all those before it. */
  readonly isOpen: () => boolean;
  /** Something was changed there by this process. */
  readonly used: (pid: number) => void;
}

/** Where acts on these names are to be done. */
export interface Held {
  readonly place: WritablePlace;
  /** All of them lie there. */
  readonly whole: boolean;
}

export class WritablePlaces {
  readonly #places = new Map<string, WritablePlace>();

  open(place: WritablePlace): void {
    this.#places.set(place.path, place);
  }

  close(path: string): void {
    this.#places.delete(path);
  }

  /** Undefined where none of these names lies in a place that is open. The innermost place decides. */
  holding(names: readonly Making[]): Held | undefined {
    if (this.#places.size === 0) return undefined;
    const around = names.map(({ path }) => this.#around(decodeName(path)));
    const place = around.find((each) => each !== undefined);
    return place && { place, whole: around.every((each) => each === place) };
  }

  #around(path: string): WritablePlace | undefined {
    return [...this.#places.values()]
      .filter((place) => isWithin(path, place.path))
      .reduce<WritablePlace | undefined>(
        (inner, place) => (inner === undefined || isWithin(place.path, inner.path) ? place : inner),
        undefined,
      );
  }
}

/** Shows one more path of the host in a sandbox that runs, or takes it away: what to mount, and having it mounted. */
import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { findExisting, followMatches } from '../host/existing.ts';
import type { TreeScan } from '../host/scan-findings.ts';
import { scanTrees } from '../host/tree-scan.ts';
import { groundHere } from '../platform/linux/ground.ts';
import { MakingJudge } from '../platform/linux/guarded-makings.ts';
import { guardNames, openedPaths } from '../platform/linux/guarded-names.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import { hideCalls, lookCalls, type Standing, showCalls } from '../platform/linux/live-mounts.ts';
import { placeSteps } from '../platform/linux/mount-plan.ts';
import { findPlaces, type PathKind } from '../platform/linux/places.ts';
import type { Making, MountStep } from '../platform/linux/plan.ts';
import { scanMatches, scanRequest } from '../platform/linux/plan-builder.ts';
import type { TripwireServer } from '../platform/linux/tripwire/server.ts';
import { Decider } from '../policy/decide.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import { isWithin } from '../policy/paths.ts';
import type { Policy } from '../policy/types.ts';
import type { WritablePlace } from './writable-places.ts';

export interface ShownPath {
  /** Without symbolic links. */
  readonly path: string;
  readonly kind: PathKind;
  readonly standing: Standing;
  /** Nothing is mounted: it is given away for one open. */
  readonly lent?: true;
}

export class PathShowing {
  readonly #launcher: Pick<Launcher, 'calls'>;
  readonly #tripwire: TripwireServer | undefined;

  constructor(launcher: Pick<Launcher, 'calls'>, tripwire: TripwireServer | undefined) {
    this.#launcher = launcher;
    this.#tripwire = tripwire;
  }

  /** Rejects with CallsFailed when it cannot be mounted; then nothing is. */
  async show({ path, kind, standing }: ShownPath, steps: readonly MountStep[]): Promise<void> {
    if (standing.kind === 'watched') this.#tripwire?.lead(path, kind);
    try {
      await this.#launcher.calls(showCalls({ path, kind, standing, steps }, groundHere()));
    } catch (error) {
      if (standing.kind === 'watched') this.#tripwire?.hide(path);
      throw error;
    }
  }

  /** Whether it can be given away for one open: a file, where each look at it is seen. */
  canLend({ kind, standing }: ShownPath): boolean {
    return kind === 'file' && standing.kind === 'watched' && this.#tripwire !== undefined;
  }

  /** Gives a file away for one open, of which `onUsed` hears. Rejects when it cannot be opened here, or not be looked for. */
  async lend({ path, standing }: ShownPath, onUsed: (pid: number) => void): Promise<void> {
    if (standing.kind !== 'watched') throw new RangeError(`${path} is not watched`);
    this.#tripwire?.lend(path, { ...openPlain(path), onUsed });
    try {
      await this.#launcher.calls(lookCalls(path, standing.mount, groundHere().arch));
    } catch (error) {
      this.#tripwire?.hide(path);
      throw error;
    }
  }

  /** What is open stays open; the next look finds what was there before. */
  async hide({ path, kind, standing, lent }: ShownPath): Promise<void> {
    if (lent) return this.#tripwire?.hide(path);
    await this.#launcher.calls(hideCalls({ path, kind, standing }, groundHere().arch));
    if (standing.kind === 'watched') this.#tripwire?.hide(path);
  }
}

export interface PathTree {
  /** To be read, whatever the policy has: what may be written is written by the supervisor. */
  readonly steps: readonly MountStep[];
  /** The tree holds more than is looked through, so what is denied in it is not known. */
  readonly cutShort: boolean;
  /** What of it may be written, by the policy. */
  readonly writable: Pick<WritablePlace, 'mounts' | 'decider' | 'judge' | 'rules'>;
}

/** The mounts that show `path` as `policy` has it: the thing itself, and covers over what is denied or protected within. */
export function treeOf(
  policy: Policy,
  facts: HostFacts,
  { path, kind }: Pick<ShownPath, 'path' | 'kind'>,
): PathTree {
  const decider = new Decider(policy);
  const { roots, patterns } = scanRequest(policy, decider);
  const near = kind === 'directory' && roots.some((root) => isWithin(path, root) || isWithin(root, path));
  const scan: Pick<TreeScan, 'hits' | 'walked' | 'cutShort'> = near
    ? scanTrees({ roots: [path], patterns })
    : { hits: [], walked: new Map(), cutShort: false };
  const matches = followMatches(scanMatches(policy, scan.hits, decider));
  const existing = findExisting(policy);
  const places = findPlaces({ policy, facts, matches, existing, decider });
  const steps = placeSteps(
    places.filter((place) => isWithin(place.path, path)),
    scan.walked,
  );
  let judge: MakingJudge | undefined;
  const names = () => ({
    guarded: guardNames({ policy, places, existing, decider }),
    opened: openedPaths(policy, decider),
  });
  const writable = {
    mounts: steps.flatMap((step) => (step.op === 'bind' && step.writable ? [step.target] : [])),
    decider,
    rules: policy.rules,
    judge: {
      refused: (makings: readonly Making[]) => {
        judge ??= new MakingJudge(names());
        return judge.refused(makings);
      },
    },
  };
  const shown = steps.map((step) => (step.op === 'bind' ? { ...step, writable: false } : step));
  return { steps: shown, cutShort: scan.cutShort, writable };
}

/** SECURITY: it is the file at this very path, with no link on the way, and what is no file is opened without waiting for anybody. */
function openPlain(path: string): { readonly descriptor: number; readonly size: number } {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const state = fstatSync(descriptor);
  if (state.isFile() && readlinkSync(`/proc/self/fd/${descriptor}`) === path)
    return { descriptor, size: state.size };
  closeSync(descriptor);
  throw new Error('it is another file than a moment ago');
}

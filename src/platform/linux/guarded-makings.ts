/** Which guarded name a call would bring into being: the sieve that the launcher asks by, and the judgement on what it asks. */
import { type ComponentPattern, compileComponent } from '../../policy/glob-component.ts';
import { isWithin, parentOf } from '../../policy/paths.ts';
import { decodeName } from '../../policy/printable.ts';
import type { GuardedName, Making } from './plan.ts';

export interface Sieve {
  /** Whole paths as fnmatch(3) patterns whose `*` crosses slashes: what is made there is asked about. */
  readonly guarded: readonly string[];
  /** Something complete that arrives under one of these brings a guarded entry with it. */
  readonly arriving: readonly string[];
}

/**
 * What the launcher lets through unasked: all that these patterns do not match. They take in more than is refused, since
 * roots, exceptions and kinds are left to the judgement.
 */
export function sieveOf(names: readonly GuardedName[]): Sieve {
  const guarded = new Set<string>();
  const arriving = new Set<string>();
  for (const { components } of names) {
    const pattern = (count: number) => `*/${components.slice(0, count).join('/')}`;
    guarded.add(pattern(components.length));
    for (let count = 1; count < components.length; count += 1) arriving.add(pattern(count));
  }
  return { guarded: [...guarded], arriving: [...arriving] };
}

/**
 * Sockets by which a client asks a service for containers. Where the host has one, `/run` inside has none, and the client says that
 * the service is down: so the launcher tells of a connect to one that is not there.
 */
export const MISSED_SOCKETS = [
  'docker.sock',
  'podman.sock',
  'containerd.sock',
  'buildkitd.sock',
  'crio.sock',
].map((name) => `*/${name}`);

interface Guard {
  readonly name: GuardedName;
  readonly components: readonly ComponentPattern[];
}

export interface RefusedMaking {
  readonly path: string;
  readonly name: GuardedName;
  readonly making: Making;
}

/** The judgement. Compiled once for a run, when the launcher first asks. */
export class MakingJudge {
  readonly #guards: readonly Guard[];
  readonly #opened: readonly string[];

  constructor({
    guarded,
    opened,
  }: { readonly guarded: readonly GuardedName[]; readonly opened: readonly string[] }) {
    const compiled = new Map<string, ComponentPattern>();
    const compile = (pattern: string) => {
      // In a guarded name a backslash is a character like others (FNM_NOESCAPE).
      const component = compiled.get(pattern) ?? compileComponent(pattern.replaceAll('\\', '\\\\'), true);
      compiled.set(pattern, component);
      return component;
    };
    this.#guards = guarded.map((name) => ({ name, components: name.components.map(compile) }));
    this.#opened = opened;
  }

  /** The first of these names that may not come into being, if any. */
  refused(makings: readonly Making[]): RefusedMaking | undefined {
    for (const making of makings) {
      if (making.present) continue;
      const path = decodeName(making.path);
      if (this.#opened.some((open) => isWithin(path, open))) continue;
      const guard = this.#guards.find((each) => isGuarded(each, path, making));
      if (guard) return { path, name: guard.name, making };
    }
    return undefined;
  }
}

function isGuarded({ name, components }: Guard, path: string, { directory, bringsMore }: Making): boolean {
  const parent = parentOf(path);
  if (!isWithin(parent, name.root)) return false;
  const around = parent.slice(name.root.length).split('/');
  if (around.some((each) => name.except.includes(each))) return false;
  const names = path.split('/').slice(1);
  if (endsWith(names, components)) return !(name.kind === 'file' && directory);
  if (!bringsMore) return false;
  return components.some((_, count) => count > 0 && endsWith(names, components.slice(0, count)));
}

function endsWith(names: readonly string[], components: readonly ComponentPattern[]): boolean {
  const from = names.length - components.length;
  return from >= 0 && components.every((component, index) => component.matches(names[from + index]!));
}

/** Layers of settings written down in few words, and what they come to on a made-up host. */
import { isSandboxError } from '../errors.ts';
import { Decider } from './decide.ts';
import { makeFacts } from './facts.fixture.ts';
import { mergePolicy } from './merge.ts';
import type {
  AllowedPath,
  MacService,
  Mode,
  NetworkAccess,
  Policy,
  SettingsLayer,
  Sourced,
} from './types.ts';

export const now = new Date('2026-06-01T12:00:00Z');

export type Scope = SettingsLayer['scope'];

/** The plain words of a settings file; `layer` gives them an origin. */
export interface Words {
  readonly enabled?: boolean;
  readonly acceptWeaker?: boolean;
  readonly mode?: Mode;
  readonly networkAccess?: NetworkAccess;
  readonly allowedPaths?: readonly (string | AllowedPath)[];
  readonly deniedPaths?: readonly string[];
  readonly allowedDomains?: readonly string[];
  readonly deniedDomains?: readonly string[];
  readonly upstreamProxy?: 'environment';
  readonly localPorts?: readonly number[];
  readonly macServices?: readonly MacService[];
  readonly environment?: {
    readonly pass?: string[];
    readonly drop?: string[];
    readonly set?: Record<string, string>;
  };
  readonly limits?: { readonly memory?: number };
  readonly profiles?: Readonly<Record<string, Words>>;
}

export function layer(scope: Scope, words: Words, trusted = true): SettingsLayer {
  const source = <T>(value: T): Sourced<T> => ({ value, origin: { scope, text: JSON.stringify(value) } });
  const allowed = (entry: string | AllowedPath) =>
    source<AllowedPath>(typeof entry === 'string' ? { path: entry, mode: 'write' } : entry);
  const { environment: env } = words;
  return {
    scope,
    trusted,
    ...(words.enabled !== undefined && { enabled: source(words.enabled) }),
    ...(words.acceptWeaker !== undefined && { acceptWeaker: source(words.acceptWeaker) }),
    ...(words.mode && { mode: source(words.mode) }),
    ...(words.networkAccess && { networkAccess: source(words.networkAccess) }),
    ...(words.allowedPaths && { allowedPaths: words.allowedPaths.map(allowed) }),
    ...(words.deniedPaths && { deniedPaths: words.deniedPaths.map(source) }),
    ...(words.allowedDomains && { allowedDomains: words.allowedDomains.map(source) }),
    ...(words.deniedDomains && { deniedDomains: words.deniedDomains.map(source) }),
    ...(words.localPorts && { localPorts: words.localPorts.map(source) }),
    ...(words.macServices && { macServices: words.macServices.map(source) }),
    ...(words.upstreamProxy && { upstreamProxy: source(words.upstreamProxy) }),
    ...(env && {
      environment: {
        pass: (env.pass ?? []).map(source),
        drop: (env.drop ?? []).map(source),
        set: Object.fromEntries(Object.entries(env.set ?? {}).map(([name, value]) => [name, source(value)])),
      },
    }),
    ...(words.limits?.memory !== undefined && { limits: { memory: source(words.limits.memory) } }),
    ...(words.profiles && {
      profiles: Object.fromEntries(
        Object.entries(words.profiles).map(([name, each]) => [name, layer(scope, each, trusted)]),
      ),
    }),
  };
}

export function merge(layers: readonly SettingsLayer[], profile?: string): Policy {
  return mergePolicy({ layers, facts: makeFacts(), now, ...(profile !== undefined && { profile }) });
}

export const untrusted = (words: Words) => layer('project', words, false);
export const accessIn = (policy: Policy, path: string) => new Decider(policy).accessOf(path);
export const noticesOf = (policy: Policy) =>
  policy.notices.map(({ kind, origin }) => `${kind} ${origin.text}`);
export const errorOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    if (isSandboxError(error)) return { code: error.code, fix: error.fix };
    throw error;
  }
  return undefined;
};

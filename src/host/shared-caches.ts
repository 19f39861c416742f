/** Finds the caches of the host that a policy shares, and makes the places in the private home where they are shown. */
import { lstatSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { SandboxError } from '../errors.ts';
import { CACHE_PRESETS, type CacheDirectory, type CachePreset } from '../policy/cache-presets.ts';
import { Decider } from '../policy/decide.ts';
import { endsOfGlob } from '../policy/glob.ts';
import type { HomeFile, HostFacts, Toolchain } from '../policy/host-facts.ts';
import { isWithin } from '../policy/paths.ts';
import type { Notice, PathRule, Policy } from '../policy/types.ts';
import { makeMountPoint } from './private-home.ts';
import { followLinks } from './symlinks.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface SharedCaches {
  readonly homeFiles: readonly HomeFile[];
  /** Lead the tools there; nothing of them is shown. */
  readonly toolchains: readonly Toolchain[];
  readonly notices: readonly Notice[];
}

function placeOf({ path, moved = [] }: CacheDirectory, homeDir: string, environment: Environment): string {
  for (const [variable, beneath] of moved) {
    const said = environment[variable];
    if (said !== undefined && isAbsolute(said)) return join(said, beneath);
  }
  return join(homeDir, path);
}

/**
 * The directory, or why it is not shown. SECURITY: where the home is open to writing, an earlier run may have put a link to a
 * credential store in its place, so none is followed. Covered by "a cache that is a link is not shown".
 */
function judge(place: string, decider: Decider, policy: Policy): { why?: string; missing?: true } {
  const trail = followLinks(place);
  if (trail.links.length > 0)
    return { why: `${place} is reached through the symbolic link ${trail.links[0]}` };
  const state = trail.kind === 'found' ? lstatSync(trail.path, { throwIfNoEntry: false }) : undefined;
  if (state === undefined) return { missing: true };
  if (!state.isDirectory()) return { why: `${place} is no directory` };
  if (isWithin(place, policy.projectDir)) return { why: `${place} lies in the project` };
  const { rule } = decider.decide(place, 'read', { directory: true });
  const closed = rule?.access === 'none' && rule.category !== 'home';
  if (closed) return { why: `${place} is closed: ${rule.why}` };
  // Its rules speak of where it lies on the host, and it is shown in another place: there they would hide nothing.
  const inner = policy.rules.find((each) => each.access === 'none' && mayLieIn(each, place));
  return inner === undefined ? {} : { why: `${inner.pattern} is closed, and may lie in it` };
}

function mayLieIn({ pattern, resolved, glob }: PathRule, place: string): boolean {
  if (!glob) return isWithin(resolved ?? pattern, place);
  const { literalPrefix } = endsOfGlob(pattern);
  return isWithin(literalPrefix, place) || isWithin(place, literalPrefix);
}

function shareOne(
  preset: CachePreset,
  policy: Policy,
  facts: HostFacts,
  environment: Environment,
): SharedCaches {
  const { origin } = policy.caches![preset.name]!;
  const { homeDir, privateHome } = facts;
  const decider = new Decider(policy);
  const notices: Notice[] = [];
  const paths: string[] = [];
  const homeFiles = preset.directories.flatMap((directory): HomeFile[] => {
    const place = placeOf(directory, homeDir, environment);
    const { why, missing } = judge(place, decider, policy);
    if (why !== undefined)
      notices.push({
        kind: 'unmatched',
        message: `the cache of ${preset.name} is not shared: ${why}`,
        origin,
      });
    if (why !== undefined || missing) return [];
    const named = directory.named === undefined ? undefined : join(place, directory.named);
    if (named !== undefined && lstatSync(named, { throwIfNoEntry: false })?.isDirectory()) paths.push(named);
    const at = directory.at ?? directory.path;
    makeMountPoint(privateHome, at, 'directory');
    const shown = `cache of ${preset.name}, shared${preset.layered ? '; what is written stays with the session' : ''}`;
    return [
      {
        source: place,
        target: join(privateHome, at),
        directory: true,
        why: shown,
        ...(preset.layered && { layered: true }),
      },
    ];
  });
  if (homeFiles.length === 0) {
    if (notices.length === 0)
      notices.push({ kind: 'missing', message: `${preset.name} has no cache on this host to share`, origin });
    return { homeFiles, toolchains: [], notices };
  }
  const variables = Object.entries(preset.variables).map(([name, at]) => [name, join(privateHome, at)]);
  const led = {
    name: `cache of ${preset.name}`,
    paths,
    credentials: [],
    mounted: true as const,
    environment: { ...Object.fromEntries(variables), ...preset.manner },
  };
  return { homeFiles, toolchains: [led], notices };
}

/** Undefined where nothing is shared. Writes nothing but the empty places to mount on. */
export function shareCaches(
  policy: Policy,
  facts: HostFacts,
  environment: Environment,
): SharedCaches | undefined {
  const wanted = CACHE_PRESETS.filter(({ name }) => policy.caches?.[name]?.value === 'shared');
  if (wanted.length === 0) return undefined;
  const unshared =
    facts.macos !== undefined
      ? 'on macOS nothing can be shown in another place'
      : policy.sandboxHome === policy.homeDir
        ? 'the home is open in this mode, and its caches with it'
        : undefined;
  if (unshared !== undefined) {
    const notices = wanted.map(({ name }) => {
      const { origin } = policy.caches![name]!;
      return {
        kind: 'unmatched' as const,
        message: `the cache of ${name} is not shared: ${unshared}`,
        origin,
      };
    });
    return { homeFiles: [], toolchains: [], notices };
  }
  const parts = wanted.map((preset) => shareOne(preset, policy, facts, environment));
  return {
    homeFiles: parts.flatMap(({ homeFiles }) => homeFiles),
    toolchains: parts.flatMap(({ toolchains }) => toolchains),
    notices: parts.flatMap(({ notices }) => notices),
  };
}

/** Where nothing can be mounted: tools are led nowhere, and so keep a cache of the project. `losses`: which ones. */
export function withoutShared({ toolchains }: HostFacts): {
  readonly toolchains: readonly Toolchain[];
  readonly losses: readonly string[];
} {
  const led = toolchains.filter(({ mounted }) => mounted);
  return {
    toolchains: toolchains.filter((each) => !led.includes(each)),
    losses: led.map(({ name }) => `the ${name} is not shared, which takes a mount: it is one of the project`),
  };
}

/**
 * SECURITY: what is shown of a cache where it lies was a directory without a link on its way. A link that is there when the rules are
 * followed was put there since, and would show what it leads to. Throws ERR_PATH_SYMLINK_UNTRUSTED.
 */
export function refuseExchanged({ rules }: Policy, toolchains: readonly Toolchain[]): void {
  const judged = new Set(toolchains.filter(({ mounted }) => mounted).flatMap(({ paths }) => paths));
  const exchanged = rules.find(({ pattern, links }) => judged.has(pattern) && links !== undefined);
  if (exchanged === undefined) return;
  throw new SandboxError('ERR_PATH_SYMLINK_UNTRUSTED', {
    what: `Cannot share ${exchanged.pattern}`,
    why: `${exchanged.links?.[0]} was exchanged for a symbolic link while the run started`,
    fix: 'Find out what replaced it, or keep that cache private',
  });
}

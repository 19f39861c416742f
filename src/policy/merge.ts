/** Layers of settings in, one policy out: trust, ceilings and expiry applied, and a notice for whatever fell away. */
import { SandboxError } from '../errors.ts';
import { MODE_NETWORK, modeRules, protectedRules } from './builtin.ts';
import { Decider } from './decide.ts';
import { isGlob } from './glob.ts';
import type { HostFacts } from './host-facts.ts';
import { expandPath, isWithin } from './paths.ts';
import { overlayProfile } from './profiles.ts';
import type {
  Access,
  AllowedPath,
  DomainRule,
  LimitName,
  Mode,
  NetworkAccess,
  Notice,
  PathRule,
  Policy,
  SettingsLayer,
  Sourced,
} from './types.ts';

export interface MergeInput {
  /** In any order; `scope` says how strong each is. */
  readonly layers: readonly SettingsLayer[];
  readonly facts: HostFacts;
  readonly profile?: string;
  readonly now: Date;
}

const STRENGTH: readonly SettingsLayer['scope'][] = ['user', 'claude', 'project', 'local', 'flag'];
const MODES: readonly Mode[] = ['strict', 'standard', 'permissive'];
const NETWORKS: readonly NetworkAccess[] = ['none', 'local', 'filtered'];
const RANK: Readonly<Record<Access, number>> = { none: 0, read: 1, write: 2 };

/** Whoever writes nothing has this. */
const DEFAULT_MODE: Sourced<Mode> = { value: 'standard', origin: { scope: 'builtin', text: 'default' } };
const DEFAULT_ENABLED: Sourced<boolean> = { value: true, origin: { scope: 'builtin', text: 'default' } };

function untrusted(origin: Sourced<unknown>['origin'], what: string): Notice {
  const message = `${what} is not granted: the file came with the project; read it, then run \`pinfold trust\``;
  return { kind: 'untrusted', message, origin };
}

/** The strongest value that may count: an untrusted layer only lowers what stands, the managed one only caps it. */
function settle<T>(
  layers: readonly SettingsLayer[],
  pick: (layer: SettingsLayer) => Sourced<T> | undefined,
  order: readonly T[],
  start: Sourced<T>,
  name: string,
  notices: Notice[],
): Sourced<T> {
  let current = start;
  const managed: Sourced<T>[] = [];
  for (const layer of layers) {
    const said = pick(layer);
    if (!said) continue;
    if (layer.scope === 'managed') managed.push(said);
    else if (layer.trusted || order.indexOf(said.value) <= order.indexOf(current.value)) current = said;
    else notices.push(untrusted(said.origin, `${name} ${JSON.stringify(said.value)}`));
  }
  for (const cap of managed) {
    if (order.indexOf(current.value) <= order.indexOf(cap.value)) continue;
    if (current.origin.scope !== 'builtin') {
      const message = `${name} ${JSON.stringify(current.value)} is above what this machine's administrator allows`;
      notices.push({ kind: 'ceiling', message, origin: current.origin });
    }
    current = cap;
  }
  return current;
}

function isExpired(entry: AllowedPath, now: Date): boolean {
  if (entry.expires === undefined) return false;
  // A bare date counts to its end, in the person's own time zone.
  const text = /^\d{4}-\d\d-\d\d$/.test(entry.expires) ? `${entry.expires}T23:59:59.999` : entry.expires;
  const end = Date.parse(text);
  return Number.isNaN(end) || end < now.getTime();
}

function refuseBroad(
  path: string,
  entry: Sourced<AllowedPath>,
  facts: HostFacts,
  layer: SettingsLayer,
): void {
  if (entry.value.mode !== 'write' || !isWithin(facts.homeDir, path) || layer.unsafeAllowBroad) return;
  const { origin } = entry;
  throw new SandboxError('ERR_PATH_TOO_BROAD', {
    what: `Cannot make ${entry.value.path} writable`,
    why: `it is ${path === facts.homeDir ? 'the whole home directory' : `${path}, which holds the whole home directory`}`,
    fix: 'Name the directories that are needed, or give --unsafe-allow-broad on the command line',
    problems: origin.file
      ? [{ file: origin.file, line: origin.line ?? 1, column: origin.column ?? 1, message: 'too broad' }]
      : [],
  });
}

function allowRule(entry: Sourced<AllowedPath>, facts: HostFacts): PathRule {
  const pattern = expandPath(entry.value.path, facts);
  return {
    pattern,
    glob: isGlob(pattern),
    access: entry.value.mode,
    category: 'setting',
    why: entry.value.reason ?? (entry.value.mode === 'write' ? 'allowed' : 'allowed, read-only'),
    origin: entry.origin,
  };
}

function denyRule(entry: Sourced<string>, facts: HostFacts, ceiling: boolean): PathRule {
  const pattern = expandPath(entry.value, facts);
  return {
    pattern,
    glob: isGlob(pattern),
    access: 'none',
    category: 'setting',
    why: 'denied',
    origin: entry.origin,
    ...(ceiling ? { ceiling: true as const } : {}),
  };
}

/** Whether a grant gives no more than `base` does anyway. A glob may match anything, so it counts as widening. */
function isCovered(rule: PathRule, base: Decider): boolean {
  return !rule.glob && RANK[base.accessOf(rule.pattern)] >= RANK[rule.access];
}

interface Bounds {
  /** What a project may grant itself unasked. */
  readonly standard: Decider;
  /** What the administrator's mode and paths give; absent when they set no mode. */
  readonly managed: Decider | undefined;
}

function makeBounds(layers: readonly SettingsLayer[], facts: HostFacts): Bounds {
  const managed = layers.filter((layer) => layer.scope === 'managed');
  const mode = managed.find((layer) => layer.mode)?.mode?.value;
  const granted = managed.flatMap((layer) =>
    (layer.allowedPaths ?? []).map((entry) => allowRule(entry, facts)),
  );
  return {
    standard: new Decider({ rules: modeRules('standard', facts) }),
    managed: mode && new Decider({ rules: [...modeRules(mode, facts), ...granted] }),
  };
}

function grants(layers: readonly SettingsLayer[], input: MergeInput, notices: Notice[]): PathRule[] {
  const bounds = makeBounds(layers, input.facts);
  const rules: PathRule[] = [];
  for (const layer of layers) {
    for (const entry of layer.allowedPaths ?? []) {
      const what = `${entry.value.path} (${entry.value.mode})`;
      const rule = allowRule(entry, input.facts);
      if (isExpired(entry.value, input.now)) {
        const message = `${what} expired on ${entry.value.expires}`;
        notices.push({ kind: 'expired', message, origin: entry.origin });
      } else if (!layer.trusted && !isCovered(rule, bounds.standard)) {
        notices.push(untrusted(entry.origin, what));
      } else if (layer.scope !== 'managed' && bounds.managed && !isCovered(rule, bounds.managed)) {
        const message = `${what} is above what this machine's administrator allows`;
        notices.push({ kind: 'ceiling', message, origin: entry.origin });
      } else {
        refuseBroad(rule.pattern, entry, input.facts, layer);
        rules.push(rule);
      }
    }
  }
  return rules;
}

function domains(layers: readonly SettingsLayer[], notices: Notice[]): DomainRule[] {
  return layers.flatMap((layer) => {
    const denied = (layer.deniedDomains ?? []).map(({ value, origin }) => ({
      pattern: value,
      access: 'deny' as const,
      origin,
    }));
    const allowed = (layer.allowedDomains ?? []).flatMap(({ value, origin }) => {
      if (layer.trusted) return [{ pattern: value, access: 'allow' as const, origin }];
      notices.push(untrusted(origin, `host ${value}`));
      return [];
    });
    return [...denied, ...allowed];
  });
}

function environment(layers: readonly SettingsLayer[], notices: Notice[]): Policy['environment'] {
  const pass: Sourced<string>[] = [];
  const drop: Sourced<string>[] = [];
  const set: Record<string, Sourced<string>> = Object.create(null);
  for (const layer of layers) {
    drop.push(...(layer.environment?.drop ?? []));
    const settings = Object.entries(layer.environment?.set ?? {});
    const passed = layer.environment?.pass ?? [];
    if (layer.trusted) {
      pass.push(...passed);
      for (const [name, value] of settings) set[name] = value;
    } else {
      // A variable may make a program run anything (GIT_SSH_COMMAND, EDITOR), inside though it be.
      for (const each of passed) notices.push(untrusted(each.origin, `variable ${each.value}`));
      for (const [name, value] of settings) notices.push(untrusted(value.origin, `variable ${name}`));
    }
  }
  return { pass, set, drop };
}

function limits(layers: readonly SettingsLayer[]): Policy['limits'] {
  const merged: Partial<Record<LimitName, Sourced<number>>> = {};
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer.limits ?? {})) {
      const name = key as LimitName;
      const before = merged[name];
      const onlyLowers = !layer.trusted || layer.scope === 'managed';
      if (!before || !onlyLowers || value.value < before.value) merged[name] = value;
    }
  }
  return merged;
}

function settleEnabled(layers: readonly SettingsLayer[], notices: Notice[]): Sourced<boolean> {
  // To switch the sandbox off is to widen: `true` is the lower value.
  return settle(layers, (layer) => layer.enabled, [true, false], DEFAULT_ENABLED, 'enabled', notices);
}

/** Merges everything. Throws ERR_PATH_INVALID, ERR_PATH_TOO_BROAD, ERR_PROFILE_UNKNOWN. */
export function mergePolicy(input: MergeInput): Policy {
  const { facts, profile } = input;
  const order = (layer: SettingsLayer) =>
    layer.scope === 'managed' ? STRENGTH.length : STRENGTH.indexOf(layer.scope);
  const sorted = [...input.layers].sort((a, b) => order(a) - order(b));
  const layers = profile === undefined ? sorted : overlayProfile(sorted, profile);
  const notices: Notice[] = [];
  const mode = settle(layers, (layer) => layer.mode, MODES, DEFAULT_MODE, 'mode', notices);
  const network: Sourced<NetworkAccess> = { value: MODE_NETWORK[mode.value], origin: mode.origin };
  const granted = grants(layers, input, notices);
  const denied = layers.flatMap((layer) =>
    (layer.deniedPaths ?? []).map((entry) => denyRule(entry, facts, layer.scope === 'managed')),
  );
  const guards = granted
    .filter((rule) => rule.access === 'write' && !rule.glob)
    .flatMap((r) => protectedRules(r.pattern));
  return {
    mode,
    enabled: settleEnabled(layers, notices),
    projectDir: facts.projectDir,
    homeDir: facts.homeDir,
    sandboxHome: mode.value === 'permissive' ? facts.homeDir : facts.privateHome,
    rules: dedupe([...modeRules(mode.value, facts), ...guards, ...granted, ...denied]),
    network: {
      access: settle(layers, (layer) => layer.networkAccess, NETWORKS, network, 'networkAccess', notices),
      domains: domains(layers, notices),
    },
    environment: environment(layers, notices),
    limits: limits(layers),
    ...(profile === undefined ? {} : { profile }),
    notices,
  };
}

/** Protective rules of nested grants repeat each other; the first of equal ones is enough. */
function dedupe(rules: readonly PathRule[]): PathRule[] {
  const seen = new Set<string>();
  return rules.filter((rule) => {
    if (rule.origin.scope !== 'builtin') return true;
    const key = `${rule.access} ${rule.pattern}`;
    return !seen.has(key) && seen.add(key);
  });
}

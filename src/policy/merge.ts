/** Layers of settings in, one policy out: trust, ceilings and expiry applied, and a notice for whatever fell away. */
import { MODE_NETWORK, programNotices } from './builtin.ts';
import type { HostFacts } from './host-facts.ts';
import { mergeCaches } from './merge-caches.ts';
import { ceilingNotice, mergePaths, untrustedNotice } from './merge-paths.ts';
import { localPorts } from './merge-ports.ts';
import { macServices } from './merge-services.ts';
import { mergeSockets } from './merge-sockets.ts';
import { overlayProfile } from './profiles.ts';
import type {
  DomainRule,
  LimitName,
  Mode,
  Monitor,
  NetworkAccess,
  Notice,
  Origin,
  Policy,
  SettingsLayer,
  Sourced,
  UpstreamProxy,
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

const MONITORS: readonly Monitor[] = ['full', 'acts', 'off'];

/** Whoever writes nothing has this. */
const DEFAULT_MODE: Sourced<Mode> = { value: 'standard', origin: { scope: 'builtin', text: 'default' } };
const DEFAULT_MONITOR: Sourced<Monitor> = { value: 'full', origin: { scope: 'builtin', text: 'default' } };
const DEFAULT_ACCEPTANCE: Sourced<boolean> = { value: false, origin: { scope: 'builtin', text: 'default' } };
const DEFAULT_ENABLED: Sourced<boolean> = { value: true, origin: { scope: 'builtin', text: 'default' } };

interface Scalar<T> {
  readonly name: string;
  readonly pick: (layer: SettingsLayer) => Sourced<T> | undefined;
  /** From least to most open. */
  readonly order: readonly T[];
  readonly start: Sourced<T>;
  /** What `start` would be if untrusted files did not exist; theirs is measured against it. */
  readonly trustedStart?: Sourced<T>;
}

/**
 * The strongest layer's word, but an untrusted one only where it is no more open than what the trusted ones come to;
 * the managed one is a cap and never raises.
 */
function settle<T>(layers: readonly SettingsLayer[], scalar: Scalar<T>, notices: Notice[]): Sourced<T> {
  const { name, pick, order, start, trustedStart = start } = scalar;
  const spoken = layers.flatMap((layer) => {
    const said = layer.scope === 'managed' ? undefined : pick(layer);
    return said ? [{ said, trusted: layer.trusted }] : [];
  });
  const isWider = (a: Sourced<T>, b: Sourced<T>) => order.indexOf(a.value) > order.indexOf(b.value);
  const limit = spoken.findLast(({ trusted }) => trusted)?.said ?? trustedStart;
  const overruled = spoken.findLastIndex(({ trusted }) => trusted);
  let current = start;
  for (const [index, { said, trusted }] of spoken.entries()) {
    if (trusted || !isWider(said, limit)) current = said;
    else if (index > overruled)
      notices.push(untrustedNotice(said.origin, `${name} ${JSON.stringify(said.value)}`));
  }
  for (const layer of layers) {
    const cap = layer.scope === 'managed' ? pick(layer) : undefined;
    if (cap === undefined || !isWider(current, cap)) continue;
    if (current.origin.scope !== 'builtin') {
      notices.push(ceilingNotice(current.origin, `${name} ${JSON.stringify(current.value)}`));
    }
    current = cap;
  }
  return current;
}

function settleMode(layers: readonly SettingsLayer[], notices: Notice[]): Sourced<Mode> {
  return settle(
    layers,
    { name: 'mode', pick: (layer) => layer.mode, order: MODES, start: DEFAULT_MODE },
    notices,
  );
}

function settleNetwork(
  layers: readonly SettingsLayer[],
  mode: Sourced<Mode>,
  notices: Notice[],
): Sourced<NetworkAccess> {
  const trustedMode = settleMode(
    layers.filter(({ trusted }) => trusted),
    [],
  );
  const ofMode = ({ value, origin }: Sourced<Mode>) => ({ value: MODE_NETWORK[value], origin });
  return settle(
    layers,
    {
      name: 'networkAccess',
      pick: (layer) => layer.networkAccess,
      order: NETWORKS,
      start: ofMode(mode),
      trustedStart: ofMode(trustedMode),
    },
    notices,
  );
}

/** A managed `networkAccess` below `filtered` closes every host that the administrator does not name as well. */
function closedBy(layers: readonly SettingsLayer[]): Origin | undefined {
  return layers.find(
    ({ scope, networkAccess }) => scope === 'managed' && networkAccess && networkAccess.value !== 'filtered',
  )?.networkAccess?.origin;
}

function domains(layers: readonly SettingsLayer[], notices: Notice[]): DomainRule[] {
  const isClosed = closedBy(layers) !== undefined;
  return layers.flatMap((layer) => {
    const isManaged = layer.scope === 'managed';
    const denied = (layer.deniedDomains ?? []).map(
      ({ value, origin }): DomainRule => ({
        pattern: value,
        access: 'deny',
        origin,
        ...(isManaged ? { ceiling: true as const } : {}),
      }),
    );
    const allowed = (layer.allowedDomains ?? []).flatMap(({ value, origin }): DomainRule[] => {
      if (!layer.trusted) notices.push(untrustedNotice(origin, `host ${value}`));
      else if (isClosed && !isManaged) notices.push(ceilingNotice(origin, `host ${value}`));
      else return [{ pattern: value, access: 'allow', origin }];
      return [];
    });
    return [...denied, ...allowed];
  });
}

/** The strongest trusted word: whoever names the proxy decides where every allowed name leads. */
function upstreamProxy(
  layers: readonly SettingsLayer[],
  notices: Notice[],
): Sourced<UpstreamProxy> | undefined {
  let current: Sourced<UpstreamProxy> | undefined;
  for (const { upstreamProxy: said, trusted } of layers) {
    if (said !== undefined && trusted) current = said;
    else if (said !== undefined) notices.push(untrustedNotice(said.origin, `upstreamProxy ${said.value}`));
  }
  return current;
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
      for (const each of passed) notices.push(untrustedNotice(each.origin, `variable ${each.value}`));
      for (const [name, value] of settings) notices.push(untrustedNotice(value.origin, `variable ${name}`));
    }
  }
  for (const { value: name } of layers.flatMap((layer) =>
    layer.scope === 'managed' ? (layer.environment?.drop ?? []) : [],
  )) {
    const value = set[name];
    if (value === undefined || value.origin.scope === 'managed') continue;
    notices.push(ceilingNotice(value.origin, `variable ${name}`));
    delete set[name];
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
  const scalar = { name: 'enabled', pick: (layer: SettingsLayer) => layer.enabled, order: [true, false] };
  return settle(layers, { ...scalar, start: DEFAULT_ENABLED }, notices);
}

function settleMonitor(layers: readonly SettingsLayer[], notices: Notice[]): Sourced<Monitor> {
  // To see less is to widen: a refusal that nobody sees warns nobody.
  const scalar = { name: 'monitor', pick: (layer: SettingsLayer) => layer.monitor, order: MONITORS };
  return settle(layers, { ...scalar, start: DEFAULT_MONITOR }, notices);
}

function settleAcceptance(layers: readonly SettingsLayer[], notices: Notice[]): Sourced<boolean> {
  const pick = (layer: SettingsLayer) => layer.acceptWeaker;
  const scalar = { name: 'acceptWeaker', pick, order: [false, true], start: DEFAULT_ACCEPTANCE };
  return settle(layers, scalar, notices);
}

/** Merges everything. Throws ERR_PATH_INVALID, ERR_PATH_TOO_BROAD, ERR_PROFILE_UNKNOWN. */
export function mergePolicy(input: MergeInput): Policy {
  const { facts, profile } = input;
  const order = (layer: SettingsLayer) =>
    layer.scope === 'managed' ? STRENGTH.length : STRENGTH.indexOf(layer.scope);
  const sorted = [...input.layers].sort((a, b) => order(a) - order(b));
  const layers = profile === undefined ? sorted : overlayProfile(sorted, profile);
  const notices: Notice[] = [];
  const mode = settleMode(layers, notices);
  const paths = mergePaths({ layers, facts, mode: mode.value, now: input.now });
  const sockets = mergeSockets({ layers, facts, now: input.now });
  notices.push(...paths.notices, ...sockets.notices, ...programNotices(facts));
  const proxy = upstreamProxy(layers, notices);
  const ports = localPorts(layers, notices);
  const closed = closedBy(layers);
  const services = macServices(layers, notices);
  return {
    mode,
    enabled: settleEnabled(layers, notices),
    monitor: settleMonitor(layers, notices),
    acceptWeaker: settleAcceptance(layers, notices),
    projectDir: facts.projectDir,
    homeDir: facts.homeDir,
    sandboxHome: mode.value === 'permissive' ? facts.homeDir : facts.privateHome,
    rules: [...paths.rules, ...sockets.rules],
    network: {
      access: settleNetwork(layers, mode, notices),
      domains: domains(layers, notices),
      ...(ports && { localPorts: ports }),
      ...(closed && { closed }),
      ...(proxy && { upstreamProxy: proxy }),
    },
    environment: environment(layers, notices),
    limits: limits(layers),
    ...(services.length > 0 && { macServices: services }),
    ...mergeCaches(layers, notices),
    ...(profile === undefined ? {} : { profile }),
    ...(facts.context !== undefined && { context: facts.context }),
    notices,
  };
}

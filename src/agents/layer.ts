/** Makes a layer of settings of a preset, and says what it cannot give. Pure. */
import { type HostPattern, parseHostPattern } from '../policy/host-pattern.ts';
import { isNetworkRefused } from '../policy/live-host.ts';
import type { Notice, Origin, Policy, SettingsLayer } from '../policy/types.ts';
import type { AgentPreset } from './preset.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface LayerRequest {
  readonly preset: AgentPreset;
  /** What holds without the preset: the person's own word stands above it. */
  readonly policy: Policy;
  /** The person's, before scrubbing. */
  readonly environment: Environment;
  /** Directories that its program needs, read-only. */
  readonly shows: readonly string[];
  /** Directories that it must be able to write although the mode does not open them. */
  readonly writes: readonly string[];
  /** Variables beyond those of the preset. */
  readonly set: Readonly<Record<string, string>>;
}

export interface PresetLayer {
  readonly layer: SettingsLayer;
  readonly notices: readonly Notice[];
}

export function presetOrigin({ name }: AgentPreset): Origin {
  return { scope: 'flag', text: `preset ${name}` };
}

export interface ModelHosts {
  readonly hosts: readonly string[];
  /** The person's environment sends the agent to a model on this machine. */
  readonly loopback: boolean;
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Where the model is: an address in the environment before the usual hosts, and for others the services with a key. */
export function modelHosts({ hosts, providers, environment }: AgentPreset, given: Environment): ModelHosts {
  const urls = environment.baseUrls.flatMap((name) => {
    const text = given[name] ?? '';
    return URL.canParse(text) ? [new URL(text)] : [];
  });
  const elsewhere = urls.filter(({ hostname }) => hostname !== '' && !LOOPBACK.test(hostname));
  const named = elsewhere.map(({ hostname, port, protocol }) => {
    return `${hostname}:${port || (protocol === 'http:' ? '80' : '443')}`;
  });
  const ofKeys = providers.filter(({ variable }) => given[variable]).flatMap((provider) => provider.hosts);
  const usual =
    urls.length === 0 ? [...hosts.model, ...ofKeys] : hosts.model.filter(() => providers.length > 0);
  return { hosts: [...new Set([...named, ...usual])], loopback: elsewhere.length < urls.length };
}

function covers(denied: HostPattern, host: HostPattern): boolean {
  if (denied.port !== undefined) return false;
  if (denied.kind !== 'subdomains') return denied.kind === host.kind && denied.host === host.host;
  const beneath = host.host.endsWith(`.${denied.host}`);
  return beneath || (host.kind === 'subdomains' && host.host === denied.host);
}

/** The person's denial of a host, if one covers it: a preset's exact name must not outweigh a wildcard of theirs. */
function denialOf(host: string, { network }: Policy): string | undefined {
  const wanted = parseHostPattern(host);
  if (wanted === undefined) return undefined;
  return network.domains.find(({ access, pattern }) => {
    const denied = access === 'deny' ? parseHostPattern(pattern) : undefined;
    return denied !== undefined && covers(denied, wanted);
  })?.pattern;
}

function deniedHosts(request: LayerRequest): Notice[] {
  const { preset, policy } = request;
  return wanted(request).flatMap((host) => {
    const denied = denialOf(host, policy);
    const message = `${host}, which ${preset.title} uses, stays closed: ${denied} is denied`;
    return denied === undefined ? [] : [{ kind: 'agent' as const, message, origin: presetOrigin(preset) }];
  });
}

function wanted({ preset, environment }: LayerRequest): readonly string[] {
  return [...new Set([...modelHosts(preset, environment).hosts, ...preset.hosts.login])];
}

function environmentOf({ preset, policy, environment, set }: LayerRequest): SettingsLayer['environment'] {
  const origin = presetOrigin(preset);
  const dropped = new Set(policy.environment.drop.map(({ value }) => value));
  const pass = preset.environment.pass.filter(
    (name) => environment[name] !== undefined && !dropped.has(name),
  );
  const settings = Object.entries({ ...preset.environment.set, ...set }).filter(
    ([name]) =>
      !Object.hasOwn(policy.environment.set, name) &&
      !dropped.has(name) &&
      (environment[name] === undefined || Object.hasOwn(set, name)),
  );
  return {
    pass: pass.map((value) => ({ value, origin })),
    set: Object.fromEntries(settings.map(([name, value]) => [name, { value, origin }])),
  };
}

export function presetLayer(request: LayerRequest): PresetLayer {
  const { preset, policy, shows, writes } = request;
  const origin = presetOrigin(preset);
  const closed = isNetworkRefused(policy);
  const hosts = closed ? [] : wanted(request).filter((host) => denialOf(host, policy) === undefined);
  const paths = [
    ...shows.map((path) => ({ path, mode: 'read' as const, reason: `the program of ${preset.title}` })),
    ...writes.map((path) => ({ path, mode: 'write' as const, reason: `the state of ${preset.title}` })),
  ];
  return {
    layer: {
      scope: 'flag',
      trusted: true,
      ...(hosts.length > 0 && { allowedDomains: hosts.map((value) => ({ value, origin })) }),
      ...(paths.length > 0 && { allowedPaths: paths.map((value) => ({ value, origin })) }),
      environment: environmentOf(request) ?? {},
    },
    notices: closed ? [] : deniedHosts(request),
  };
}

/** Why the agent cannot work under the policy that resulted; told before it starts. */
export function unreachable(
  { preset, environment }: Pick<LayerRequest, 'preset' | 'environment'>,
  policy: Policy,
): Notice | undefined {
  const { hosts, loopback } = modelHosts(preset, environment);
  const { access, domains } = policy.network;
  const opened = new Set(domains.filter((rule) => rule.access === 'allow').map(({ pattern }) => pattern));
  const notice = (why: string): Notice => ({
    kind: 'agent',
    message: `${preset.title} cannot reach its model: ${why}`,
    origin: access.origin,
  });
  if (loopback)
    return access.value === 'local'
      ? undefined
      : notice(`it is on this machine, and only networkAccess "local" reaches that`);
  if (hosts.length === 0 && opened.size === 0) {
    return notice('no key of a model service is in the environment; open its host with --allow-domain');
  }
  if (hosts.length === 0 || hosts.some((host) => opened.has(host))) return undefined;
  return notice(
    access.value === 'none' ? 'networkAccess is "none"' : 'none of its hosts is open under these settings',
  );
}

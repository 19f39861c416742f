/** Owns the step from a validated `sandbox` node to a SettingsLayer: every value with its file, line and column. */
import type { Node } from 'jsonc-parser';
import { ProxyUrl } from '../policy/proxy-url.ts';
import type {
  AllowedPath,
  AllowedSocket,
  LimitName,
  MacService,
  Origin,
  SettingsLayer,
  Sourced,
  UpstreamProxy,
} from '../policy/types.ts';
import { findProperty, propertiesOf, type SettingsDocument } from './document.ts';
import { LIMITS, parseLimit } from './quantities.ts';

export interface LayerSource {
  readonly document: SettingsDocument;
  readonly scope: SettingsLayer['scope'];
  readonly trusted: boolean;
  readonly profile?: string;
}

/** Where `node` stands. `text` is what was written there; of an entry that is an object, its path. */
export function originOf(source: LayerSource, node: Node, written: Node = node): Origin {
  const { file, text, placeOf } = source.document;
  return {
    scope: source.scope,
    file,
    ...placeOf(node.offset),
    text: text.slice(written.offset, written.offset + written.length),
    ...(source.profile !== undefined && { profile: source.profile }),
  };
}

export function sourcedText(source: LayerSource, node: Node): Sourced<string> {
  return { value: node.value as string, origin: originOf(source, node) };
}

/** An entry that is a path, or an object with one. */
function readAllowedSocket(source: LayerSource, node: Node): Sourced<AllowedSocket> {
  if (node.type === 'string') return { value: { path: node.value }, origin: originOf(source, node) };
  const text = (key: string): string | undefined => findProperty(node, key)?.value.value;
  const expires = text('expires');
  const reason = text('reason');
  const value: AllowedSocket = {
    path: text('path')!,
    ...(expires !== undefined && { expires }),
    ...(reason !== undefined && { reason }),
  };
  return { value, origin: originOf(source, node, findProperty(node, 'path')!.value) };
}

function readAllowedPath(source: LayerSource, node: Node): Sourced<AllowedPath> {
  const { value, origin } = readAllowedSocket(source, node);
  const mode =
    node.type === 'object' && findProperty(node, 'mode')?.value.value === 'read' ? 'read' : 'write';
  return { value: { ...value, mode }, origin };
}

/** A record without a prototype, so that a look-up of a name nobody wrote (`constructor`) finds nothing. */
function recordOf<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  const record: Record<string, T> = Object.create(null);
  for (const [key, value] of entries) {
    record[key] = value;
  }
  return record;
}

function readEnvironment(source: LayerSource, node: Node): NonNullable<SettingsLayer['environment']> {
  const names = (key: 'pass' | 'drop') => {
    const list = findProperty(node, key)?.value;
    return list && { [key]: (list.children ?? []).map((item) => sourcedText(source, item)) };
  };
  const set = findProperty(node, 'set')?.value;
  return {
    ...names('pass'),
    ...(set && {
      set: recordOf(propertiesOf(set).map(({ key, value }) => [key, sourcedText(source, value)])),
    }),
    ...names('drop'),
  };
}

function readLimits(source: LayerSource, node: Node): NonNullable<SettingsLayer['limits']> {
  const limits: Partial<Record<LimitName, Sourced<number>>> = {};
  for (const { key, value } of propertiesOf(node)) {
    const name = key as LimitName;
    const parsed = LIMITS[name].kind === 'count' ? value.value : parseLimit(name, value.value);
    limits[name] = {
      value: typeof parsed === 'number' ? parsed : parsed.value,
      origin: originOf(source, value),
    };
  }
  return limits;
}

/** From here on nothing holds the text: it may have a password in it. */
function readUpstreamProxy(source: LayerSource, node: Node): Sourced<UpstreamProxy> {
  const parsed = ProxyUrl.parse(node.value);
  // The validator takes two kinds of text: the word `environment`, and what this reads.
  const value = node.value === 'environment' || parsed.kind === 'bad' ? 'environment' : parsed.proxy;
  return { value, origin: { ...originOf(source, node), text: JSON.stringify(value) } };
}

/** `sandbox` must have passed the validator; without one the layer says nothing. */
export function readLayer(source: LayerSource, sandbox: Node | undefined): SettingsLayer {
  const nodeOf = (key: string): Node | undefined => findProperty(sandbox, key)?.value;
  const scalar = (key: string) => {
    const node = nodeOf(key);
    return node && { [key]: { value: node.value, origin: originOf(source, node) } };
  };
  const list = <T>(key: string, read: (source: LayerSource, item: Node) => T) => {
    const node = nodeOf(key);
    return node && { [key]: (node.children ?? []).map((item) => read(source, item)) };
  };
  const upstreamProxy = nodeOf('upstreamProxy');
  const environment = nodeOf('environment');
  const limits = nodeOf('limits');
  const caches = nodeOf('caches');
  const profiles = nodeOf('profiles');
  return {
    scope: source.scope,
    file: source.document.file,
    trusted: source.trusted,
    ...scalar('enabled'),
    ...scalar('mode'),
    ...list('allowedPaths', readAllowedPath),
    ...list('deniedPaths', sourcedText),
    ...list('allowedSockets', readAllowedSocket),
    ...scalar('networkAccess'),
    ...scalar('monitor'),
    ...scalar('acceptWeaker'),
    ...list('allowedDomains', sourcedText),
    ...list('deniedDomains', sourcedText),
    ...list('localPorts', (from, item) => ({ value: item.value as number, origin: originOf(from, item) })),
    ...list('macServices', (from, item) => ({
      value: item.value as MacService,
      origin: originOf(from, item),
    })),
    ...(upstreamProxy && { upstreamProxy: readUpstreamProxy(source, upstreamProxy) }),
    ...(environment && { environment: readEnvironment(source, environment) }),
    ...(limits && { limits: readLimits(source, limits) }),
    ...(caches && {
      caches: recordOf(
        propertiesOf(caches).map(({ key, value }) => [
          key,
          { value: value.value, origin: originOf(source, value) },
        ]),
      ),
    }),
    ...(profiles && {
      profiles: recordOf(
        propertiesOf(profiles).map(({ key, value }) => [key, readLayer({ ...source, profile: key }, value)]),
      ),
    }),
  };
}

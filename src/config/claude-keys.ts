/** Owns Claude Code's own keys inside `sandbox`: its denials become Pinfold's, its grants are named and left. */
import { isAbsolute, join, resolve } from 'node:path';
import type { Node } from 'jsonc-parser';
import { isWithin } from '../policy/paths.ts';
import type { AllowedPath, Notice, SettingsLayer, Sourced } from '../policy/types.ts';
import { findProperty } from './document.ts';
import { type LayerSource, originOf, sourcedText } from './layer.ts';
import { type Field, type ObjectShape, SANDBOX_SHAPE, type Shape } from './schema.ts';

const field = (shape: Shape): Field => ({ shape, summary: '', example: '' });
const foreign = (...keys: string[]) =>
  Object.fromEntries(keys.map((key) => [key, field({ kind: 'foreign' })]));
const listOf = (format: 'denied-path' | 'denied-host') =>
  field({ kind: 'list', items: { kind: 'text', format } });
const object = (fields: Record<string, Field>, required: string[] = []): ObjectShape => ({
  kind: 'object',
  fields,
  required,
});
const credentialMode = field({ kind: 'choice', of: ['deny', 'mask'] });
const maskKeys = foreign(
  'extract',
  'onExtractNoMatch',
  'decode',
  'maskClaims',
  'maskDuplicates',
  'injectHosts',
);

const CLAUDE_FIELDS: Readonly<Record<string, Field>> = {
  ...foreign(
    'failIfUnavailable',
    'autoAllowBashIfSandboxed',
    'allowUnsandboxedCommands',
    'excludedCommands',
    'enabledPlatforms',
    'enableWeakerNestedSandbox',
    'enableWeakerNetworkIsolation',
    'allowAppleEvents',
    'ignoreViolations',
    'ripgrep',
    'bwrapPath',
    'socatPath',
  ),
  network: field(
    object({
      deniedDomains: listOf('denied-host'),
      ...foreign(
        'allowedDomains',
        'strictAllowlist',
        'allowManagedDomainsOnly',
        'allowUnixSockets',
        'allowAllUnixSockets',
        'allowLocalBinding',
        'allowMachLookup',
        'httpProxyPort',
        'socksProxyPort',
        'tlsTerminate',
      ),
    }),
  ),
  filesystem: field(
    object({
      denyRead: listOf('denied-path'),
      denyWrite: listOf('denied-path'),
      ...foreign('allowWrite', 'allowRead', 'allowManagedReadPathsOnly', 'disabled'),
    }),
  ),
  credentials: field(
    object({
      files: field({
        kind: 'list',
        items: object(
          { path: field({ kind: 'text', format: 'denied-path' }), mode: credentialMode, ...maskKeys },
          ['path', 'mode'],
        ),
      }),
      envVars: field({
        kind: 'list',
        items: object(
          { name: field({ kind: 'text', format: 'variable' }), mode: credentialMode, ...maskKeys },
          ['name', 'mode'],
        ),
      }),
      ...foreign('allowPlaintextInject', 'awsPairs', 'sigv4'),
    }),
  ),
};

/** The `sandbox` object of `.claude/settings.json`: Pinfold's keys and Claude Code's. */
export const CLAUDE_SANDBOX_SHAPE: ObjectShape = {
  kind: 'object',
  fields: { ...SANDBOX_SHAPE.fields, ...CLAUDE_FIELDS },
};

export function isClaudeKey(key: string): boolean {
  return Object.hasOwn(CLAUDE_FIELDS, key);
}

/** Keys whose value, when it says something, widens Claude Code's own sandbox. */
const GRANTS: readonly (readonly string[])[] = [
  ['allowUnsandboxedCommands'],
  ['excludedCommands'],
  ['enableWeakerNestedSandbox'],
  ['enableWeakerNetworkIsolation'],
  ['allowAppleEvents'],
  ['ignoreViolations'],
  ['network', 'allowedDomains'],
  ['network', 'allowUnixSockets'],
  ['network', 'allowAllUnixSockets'],
  ['network', 'allowLocalBinding'],
  ['network', 'allowMachLookup'],
  ['filesystem', 'allowWrite'],
  ['filesystem', 'allowRead'],
  ['filesystem', 'disabled'],
  ['credentials', 'allowPlaintextInject'],
];

const saysSomething = (node: Node): boolean =>
  node.children === undefined ? node.value !== false && node.value !== null : node.children.length > 0;

function at(sandbox: Node, path: readonly string[]): Node | undefined {
  return path.reduce<Node | undefined>((node, key) => findProperty(node, key)?.value, sandbox);
}

function noticeGrants(source: LayerSource, sandbox: Node): Notice[] {
  const named = GRANTS.filter((path) => {
    const node = at(sandbox, path);
    return node !== undefined && saysSomething(node);
  });
  if (named.length === 0) {
    return [];
  }
  const keys = named.map((path) => path.join('.')).join(', ');
  const message = `Claude Code's own grants are not taken over: ${keys}; say what is needed in Pinfold's keys`;
  return [
    {
      kind: 'not-taken-over',
      message,
      origin: originOf(source, at(sandbox, named[0]!)!, findProperty(sandbox, named[0]![0]!)!.keyNode),
    },
  ];
}

/**
 * A path as Claude Code writes it. `//x` is absolute. `/x` is relative to the settings file in some of its releases and
 * absolute in others, so a denial holds for both.
 */
function deniedPathsOf(source: LayerSource, node: Node): Sourced<string>[] {
  const entry = sourcedText(source, node);
  if (entry.value.startsWith('//')) {
    return [{ ...entry, value: entry.value.replace(/^\/+/, '/') }];
  }
  return entry.value.startsWith('/') ? [entry, { ...entry, value: `.${entry.value}` }] : [entry];
}

export interface Places {
  readonly projectDir: string;
  readonly homeDir: string;
}

const isBeneath = (path: string, directory: string): boolean =>
  path !== directory && isWithin(path, directory);

interface Taken {
  readonly allowedPaths: Sourced<AllowedPath>[];
  readonly deniedPaths: Sourced<string>[];
  readonly notices: Notice[];
}

/**
 * A path that may be read and not written. Inside the project a read-only entry says so. Elsewhere such an entry would
 * open what is hidden, so beneath home the path is denied altogether; the rest of the host is never writable.
 */
function takeDenyWrite(entry: Sourced<string>, places: Places, taken: Taken): void {
  const path = entry.value;
  const home = path === '~' || path.startsWith('~/');
  const full = resolve(places.projectDir, home ? join(places.homeDir, path.slice(1)) : path);
  const glob = /[*?[{]/.test(path);
  if (!glob && isWithin(full, places.projectDir)) {
    taken.allowedPaths.push({ value: { path, mode: 'read' }, origin: entry.origin });
  } else if (isBeneath(full, places.homeDir) && !isBeneath(places.projectDir, full)) {
    taken.deniedPaths.push(entry);
  } else if (glob && !isAbsolute(path)) {
    taken.deniedPaths.push(entry);
  } else {
    const message = `Claude Code's denyWrite of ${entry.origin.text} lies where nothing is writable unless it is allowed by name`;
    taken.notices.push({ kind: 'not-taken-over', message, origin: entry.origin });
  }
}

/** Adds to `layer` what Claude Code's keys in the validated `sandbox` deny, and tells what they grant. */
export function takeClaudeDenials(
  source: LayerSource,
  sandbox: Node,
  layer: SettingsLayer,
  places: Places,
): { readonly layer: SettingsLayer; readonly notices: readonly Notice[] } {
  const items = (...path: string[]): Node[] => at(sandbox, path)?.children ?? [];
  const part = (item: Node, key: string): Node => findProperty(item, key)!.value;
  const taken: Taken = { allowedPaths: [], deniedPaths: [], notices: noticeGrants(source, sandbox) };
  const deniedNodes = [
    ...items('filesystem', 'denyRead'),
    ...items('credentials', 'files').map((item) => part(item, 'path')),
  ];
  // A masked credential is denied too: Pinfold shows no substitute, and the real one is what was to stay unseen.
  taken.deniedPaths.push(...deniedNodes.flatMap((node) => deniedPathsOf(source, node)));
  for (const entry of items('filesystem', 'denyWrite').flatMap((node) => deniedPathsOf(source, node))) {
    takeDenyWrite(entry, places, taken);
  }
  const deniedDomains = items('network', 'deniedDomains').map((node) => sourcedText(source, node));
  const drop = items('credentials', 'envVars').map((item) => sourcedText(source, part(item, 'name')));
  const joined = <T>(own: readonly T[] | undefined, more: readonly T[]) =>
    more.length === 0 ? own : [...(own ?? []), ...more];
  const lists = {
    allowedPaths: joined(layer.allowedPaths, taken.allowedPaths),
    deniedPaths: joined(layer.deniedPaths, taken.deniedPaths),
    deniedDomains: joined(layer.deniedDomains, deniedDomains),
  };
  const said = Object.fromEntries(Object.entries(lists).filter(([, list]) => list !== undefined));
  return {
    layer: {
      ...layer,
      ...said,
      ...(drop.length > 0 && {
        environment: { ...layer.environment, drop: [...(layer.environment?.drop ?? []), ...drop] },
      }),
    },
    notices: taken.notices,
  };
}

/** The flags that shape a policy, shared by every command that has one, and the settings layer that they make. */
import { resolve } from 'node:path';
import { checkPath } from '../config/path-text.ts';
import { LIMITS, parseLimit } from '../config/quantities.ts';
import { checkAllowedHost, checkSocket } from '../config/text-formats.ts';
import { nearest } from '../policy/suggestion.ts';
import type {
  AllowedPath,
  AllowedSocket,
  LimitName,
  Mode,
  NetworkAccess,
  Origin,
  SettingsLayer,
  Sourced,
} from '../policy/types.ts';
import type { PolicyRequest } from '../session/types.ts';
import type { Context, OptionTable, OptionValues } from './command.ts';
import { usageError } from './parse.ts';
import { PROJECT_OPTION } from './settings-places.ts';

const GROUP = 'The boundary';

export const POLICY_FLAGS = {
  mode: {
    type: 'value',
    short: 'm',
    placeholder: 'MODE',
    choices: ['strict', 'standard', 'permissive'],
    summary: 'how much is open: the project alone, with a temp directory, or the home directory',
    default: 'from the settings, else standard',
    group: GROUP,
  },
  project: {
    ...PROJECT_OPTION.project,
    group: GROUP,
  },
  allow: {
    type: 'list',
    placeholder: 'PATH[:ro|:rw]',
    completion: 'path',
    summary: 'open one more path; writable unless it ends in :ro',
    group: GROUP,
  },
  deny: {
    type: 'list',
    placeholder: 'PATH',
    completion: 'path',
    summary: 'hide a path or everything that a glob names ("**/.env")',
    group: GROUP,
  },
  net: {
    type: 'value',
    placeholder: 'ACCESS',
    choices: ['none', 'local', 'filtered'],
    summary: 'none, local (the host’s loopback) or filtered (only the hosts that are allowed)',
    default: "the mode's",
    group: GROUP,
  },
  'allow-domain': {
    type: 'list',
    placeholder: 'HOST[:PORT]',
    completion: 'none',
    summary:
      'open a host, on top of none or local too (`api.example.com`, `*.example.com:443`, `@registries`)',
    group: GROUP,
  },
  'allow-socket': {
    type: 'list',
    placeholder: 'PATH',
    completion: 'path',
    summary: 'open a Unix socket of the host, relayed and counted (`/run/postgresql/.s.PGSQL.5432`)',
    group: GROUP,
  },
  profile: {
    type: 'value',
    placeholder: 'NAME',
    completion: 'profile',
    summary: 'apply a profile of the settings',
    group: GROUP,
  },
  context: {
    type: 'value',
    placeholder: 'NAME',
    completion: 'none',
    summary: 'keep home, caches and history of a trust level apart, shared by its projects',
    group: GROUP,
  },
  env: {
    type: 'list',
    placeholder: 'NAME[=VALUE]',
    completion: 'none',
    summary: 'pass a variable through although it looks secret, or set it',
    group: GROUP,
  },
  limit: {
    type: 'list',
    placeholder: 'NAME=VALUE',
    completion: 'none',
    summary: `cap a resource: ${Object.keys(LIMITS).join(', ')} (memory=4GiB, wallTime=2h)`,
    group: GROUP,
  },
  settings: {
    type: 'value',
    placeholder: 'FILE',
    completion: 'path',
    summary: 'read one more settings file, above the project’s',
    group: GROUP,
  },
  'accept-weaker': {
    type: 'flag',
    summary: 'run also where the host allows no namespaces, without the guarantees that are then named',
    group: GROUP,
  },
  'unsafe-allow-broad': {
    type: 'flag',
    summary: 'let --allow open / or the whole home directory for writing',
    group: GROUP,
  },
} as const satisfies OptionTable;

export type PolicyOptions = OptionValues<typeof POLICY_FLAGS>;

function originOf(text: string): Origin {
  return { scope: 'flag', text };
}

function refuse(flag: string, why: string, suggestion: string | undefined): never {
  throw usageError(
    `Cannot use ${flag}`,
    why,
    suggestion === undefined ? 'Correct it' : `Write ${suggestion}`,
  );
}

/** A person at a shell means paths from where they stand, unlike in settings, where they count from the project. */
function fromHere(written: string, cwd: string): string {
  return written === '~' || written.startsWith('~/') ? written : resolve(cwd, written);
}

function readAllow(written: string, cwd: string): Sourced<AllowedPath> {
  const flag = `--allow ${written}`;
  const [, path, mode] = /^(.*?)(?::(ro|rw))?$/s.exec(written) as unknown as [string, string, string?];
  const complaint = checkPath(path, 'allow');
  if (complaint) refuse(flag, complaint.message, complaint.suggestion);
  return {
    value: { path: fromHere(path, cwd), mode: mode === 'ro' ? 'read' : 'write' },
    origin: originOf(flag),
  };
}

function readSocket(written: string, cwd: string): Sourced<AllowedSocket> {
  const flag = `--allow-socket ${written}`;
  const complaint = checkSocket(written);
  if (complaint) refuse(flag, complaint.message, complaint.suggestion);
  return { value: { path: fromHere(written, cwd) }, origin: originOf(flag) };
}

function readDeny(written: string, cwd: string): Sourced<string> {
  const flag = `--deny ${written}`;
  const complaint = checkPath(written, 'deny');
  if (complaint) refuse(flag, complaint.message, complaint.suggestion);
  return { value: fromHere(written, cwd), origin: originOf(flag) };
}

function readDomain(written: string): Sourced<string> {
  const flag = `--allow-domain ${written}`;
  const complaint = checkAllowedHost(written);
  if (complaint) refuse(flag, complaint.message, complaint.suggestion);
  return { value: written, origin: originOf(flag) };
}

function readEnvironment(entries: readonly string[]): NonNullable<SettingsLayer['environment']> {
  const pass: Sourced<string>[] = [];
  const set: Record<string, Sourced<string>> = Object.create(null);
  for (const entry of entries) {
    const [, name, value] = /^([^=]*)(?:=(.*))?$/s.exec(entry) as unknown as [string, string, string?];
    // The value may be the very secret that must not end up in a log of origins.
    const origin = originOf(value === undefined ? `--env ${name}` : `--env ${name}=…`);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      refuse(origin.text, 'a variable is named with letters, digits and _', undefined);
    }
    if (value?.includes('\0')) refuse(origin.text, 'a value cannot hold a NUL character', undefined);
    if (value === undefined) pass.push({ value: name, origin });
    else set[name] = { value, origin };
  }
  return { ...(pass.length > 0 && { pass }), ...(Object.keys(set).length > 0 && { set }) };
}

function readLimits(entries: readonly string[]): NonNullable<SettingsLayer['limits']> {
  const limits: Partial<Record<LimitName, Sourced<number>>> = {};
  const names = Object.keys(LIMITS);
  for (const entry of entries) {
    const flag = `--limit ${entry}`;
    const [, name, value] = /^([^=]*)(?:=(.*))?$/s.exec(entry) as unknown as [string, string, string?];
    if (!names.includes(name)) refuse(flag, `there is no limit of this name`, nearest(name, names));
    const parsed = parseLimit(name as LimitName, value ?? '');
    if (parsed.kind === 'bad') refuse(flag, parsed.message, undefined);
    limits[name as LimitName] = { value: parsed.value, origin: originOf(flag) };
  }
  return limits;
}

/** What the flags say, as a layer; undefined when they say nothing. */
export function flagLayer(options: PolicyOptions, cwd: string): SettingsLayer | undefined {
  const { mode, net, allow, deny, env, limit } = options;
  const domains = options['allow-domain'];
  const sockets = options['allow-socket'];
  const said = {
    ...(mode !== undefined && { mode: { value: mode as Mode, origin: originOf(`--mode ${mode}`) } }),
    ...(net !== undefined && {
      networkAccess: { value: net as NetworkAccess, origin: originOf(`--net ${net}`) },
    }),
    ...(allow.length > 0 && { allowedPaths: allow.map((entry) => readAllow(entry, cwd)) }),
    ...(deny.length > 0 && { deniedPaths: deny.map((entry) => readDeny(entry, cwd)) }),
    ...(domains.length > 0 && { allowedDomains: domains.map(readDomain) }),
    ...(sockets.length > 0 && { allowedSockets: sockets.map((entry) => readSocket(entry, cwd)) }),
    ...(env.length > 0 && { environment: readEnvironment(env) }),
    ...(limit.length > 0 && { limits: readLimits(limit) }),
    ...(options['accept-weaker'] && {
      acceptWeaker: { value: true, origin: originOf('--accept-weaker') },
    }),
    ...(options['unsafe-allow-broad'] && { unsafeAllowBroad: true }),
  };
  return Object.keys(said).length === 0 ? undefined : { scope: 'flag', trusted: true, ...said };
}

export function policyRequest(options: PolicyOptions, context: Context): PolicyRequest {
  const flags = flagLayer(options, context.cwd);
  return {
    cwd: context.cwd,
    environment: context.environment,
    ...(options.project !== undefined && { projectDir: options.project }),
    ...(options.settings !== undefined && { settingsFile: resolve(context.cwd, options.settings) }),
    ...(options.profile !== undefined && { profile: options.profile }),
    ...(options.context !== undefined && { context: options.context }),
    ...(flags !== undefined && { flags }),
  };
}

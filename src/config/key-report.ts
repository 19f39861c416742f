/** Owns what the settings say under one key: every file's word, and which of them holds. */
import { MODE_NETWORK } from '../policy/builtin.ts';
import type { Mode, Origin, SettingsLayer, Sourced } from '../policy/types.ts';
import { fieldOf, PROFILE_SHAPE, SANDBOX_SHAPE, type Shape } from './schema.ts';

/** One thing that one file says. */
export interface Statement {
  /** As written: "4GiB" and not its bytes. */
  readonly value: unknown;
  readonly origin: Origin;
  /** Why it does not hold, when it does not. */
  readonly outdone?: 'untrusted' | 'overridden' | 'ceiling';
}

/** The word on one key that is not a section. */
export interface KeyReport {
  readonly key: string;
  /** What holds; of a list all that does. Undefined: nothing is said and there is no default. */
  readonly value: unknown;
  /** Who says so; absent for a default and for lists, whose statements each have their own. */
  readonly origin?: Origin;
  /** Weakest first. */
  readonly statements: readonly Statement[];
}

/** Lists that only tighten, so that trust does not matter. */
const DENIALS = ['deniedPaths', 'deniedDomains', 'environment.drop', 'localPorts'];

/** Tightest first, as the merge has them: an untrusted file may only go down, the managed one only caps. */
const ORDERS: Readonly<Record<string, readonly unknown[]>> = {
  enabled: [true, false],
  acceptWeaker: [false, true],
  mode: ['strict', 'standard', 'permissive'],
  monitor: ['full', 'acts', 'off'],
  networkAccess: ['none', 'local', 'filtered'],
};

const isSourced = (value: unknown): value is Sourced<unknown> =>
  typeof value === 'object' && value !== null && 'origin' in value && 'value' in value;

function valueAt(layer: SettingsLayer, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, key)
        ? (at as Record<string, unknown>)[key]
        : undefined,
    layer,
  );
}

interface Said {
  readonly layer: SettingsLayer;
  readonly sourced: Sourced<unknown>;
}

function saidAbout(layers: readonly SettingsLayer[], path: readonly string[]): Said[] {
  return layers.flatMap((layer) => {
    const found = valueAt(layer, path);
    const list = Array.isArray(found) ? found : [found];
    return list.filter(isSourced).map((sourced) => ({ layer, sourced }));
  });
}

/** The key without the profile that it stands in: its rules are those of the plain key. */
const plainKey = (path: readonly string[]): string =>
  (path[0] === 'profiles' ? path.slice(2) : path).join('.');

/** As the file has it; of a proxy without its credentials. */
function writtenValue(path: readonly string[], { value, origin }: Sourced<unknown>): unknown {
  return /^(limits\.|upstreamProxy$)/.test(plainKey(path)) ? JSON.parse(origin.text) : value;
}

interface Standing {
  /** What has held so far. */
  readonly current: unknown;
  /** What the trusted files alone come to: an untrusted one may not be wider. */
  readonly limit: unknown;
}

/** Whether `said` takes the place of what stands, or why not. */
function contest(
  key: string,
  { layer, sourced }: Said,
  { current, limit }: Standing,
): Statement['outdone'] | 'holds' {
  if (key.startsWith('environment.set.') || key === 'upstreamProxy') {
    return layer.trusted ? 'holds' : 'untrusted';
  }
  const order = ORDERS[key];
  const rank = (value: unknown): number => order?.indexOf(value) ?? (value as number);
  const lowers = current === undefined || rank(sourced.value) < rank(current);
  if (layer.scope === 'managed') {
    return lowers ? 'holds' : 'overridden';
  }
  const mayStand = order === undefined ? lowers : rank(sourced.value) <= rank(limit);
  return layer.trusted || mayStand ? 'holds' : 'untrusted';
}

/** What the trusted files say of the key themselves; of a profile's key that they leave out, what holds without it. */
function limitOf(layers: readonly SettingsLayer[], path: readonly string[]): unknown {
  const trusted = layers.filter((layer) => layer.trusted);
  const said = saidAbout(trusted, path).findLast(({ layer }) => layer.scope !== 'managed');
  if (said !== undefined) {
    return said.sourced.value;
  }
  const plain = plainKey(path).split('.');
  return path[0] === 'profiles'
    ? reportScalar(trusted, plain, defaultOf(trusted, plain)).value
    : defaultOf(trusted, path);
}

/** An administrator's `drop` takes a variable away that anybody else has set. */
function dropper(layers: readonly SettingsLayer[], path: readonly string[]): boolean {
  const [section, list, name] = path;
  return (
    section === 'environment' &&
    list === 'set' &&
    saidAbout(layers, ['environment', 'drop']).some(
      ({ layer, sourced }) => layer.scope === 'managed' && sourced.value === name,
    )
  );
}

function reportScalar(
  layers: readonly SettingsLayer[],
  path: readonly string[],
  fallback: unknown,
): KeyReport {
  const key = plainKey(path);
  const ordered = ORDERS[key] !== undefined;
  const limit = ordered ? limitOf(layers, path) : undefined;
  let current: unknown = fallback;
  let holder = -1;
  const statements: Statement[] = [];
  const outdo = (outdone: NonNullable<Statement['outdone']>): void => {
    const previous = statements[holder];
    if (previous !== undefined) {
      statements[holder] = { ...previous, outdone };
    }
  };
  for (const said of saidAbout(layers, path)) {
    const result = contest(key, said, { current, limit });
    const statement = { value: writtenValue(path, said.sourced), origin: said.sourced.origin };
    if (result === 'holds') {
      outdo(said.layer.scope === 'managed' ? 'ceiling' : 'overridden');
      holder = statements.length;
      current = said.sourced.value;
    }
    statements.push(
      result === 'holds' || result === undefined ? statement : { ...statement, outdone: result },
    );
  }
  if (dropper(layers, path) && statements[holder]?.origin.scope !== 'managed') {
    outdo('ceiling');
    holder = -1;
  }
  const held = statements[holder];
  return {
    key: path.join('.'),
    value: held === undefined ? fallback : held.value,
    ...(held !== undefined && { origin: held.origin }),
    statements,
  };
}

function reportList(layers: readonly SettingsLayer[], path: readonly string[]): KeyReport {
  const denial = DENIALS.includes(plainKey(path));
  const statements = saidAbout(layers, path).map(({ layer, sourced }): Statement => {
    const { value, origin } = sourced;
    return denial || layer.trusted ? { value, origin } : { value, origin, outdone: 'untrusted' };
  });
  const holding = statements.filter(({ outdone }) => outdone === undefined).map(({ value }) => value);
  return { key: path.join('.'), value: statements.length === 0 ? undefined : holding, statements };
}

function defaultOf(layers: readonly SettingsLayer[], path: readonly string[]): unknown {
  switch (path.join('.')) {
    case 'enabled':
      return true;
    case 'mode':
      return 'standard';
    case 'monitor':
      return 'full';
    case 'acceptWeaker':
      return false;
    case 'networkAccess':
      return MODE_NETWORK[reportScalar(layers, ['mode'], 'standard').value as Mode];
    default:
      return undefined;
  }
}

/** Names under which the layers say something beneath a record. */
function namesBeneath(layers: readonly SettingsLayer[], path: readonly string[]): string[] {
  return [...new Set(layers.flatMap((layer) => Object.keys(valueAt(layer, path) ?? {})))].toSorted();
}

/** Everything said at and beneath `path`, one report for each key that is not a section, in the order of the schema. */
export function reportKeys(
  layers: readonly SettingsLayer[],
  path: readonly string[],
  shape: Shape,
): KeyReport[] {
  if (shape.kind === 'object') {
    return Object.entries(shape.fields).flatMap(([key, field]) =>
      reportKeys(layers, [...path, key], field.shape),
    );
  }
  if (shape.kind === 'record') {
    return namesBeneath(layers, path).flatMap((name) => reportKeys(layers, [...path, name], shape.values));
  }
  if (shape.kind === 'list') {
    return [reportList(layers, path)];
  }
  return [reportScalar(layers, path, defaultOf(layers, path))];
}

/** All keys; those of which nothing is said are there with their default, or with nothing. */
export function reportAll(layers: readonly SettingsLayer[]): KeyReport[] {
  return reportKeys(layers, [], SANDBOX_SHAPE);
}

export interface ProfileReport {
  readonly name: string;
  readonly scope: SettingsLayer['scope'];
  readonly file?: string;
  /** Of the first thing it says. */
  readonly line?: number;
  readonly trusted: boolean;
  readonly mode?: Mode;
  /** Keys that it says something about. */
  readonly keys: readonly string[];
}

/** Every profile of every file, by name and then weakest file first. */
export function reportProfiles(layers: readonly SettingsLayer[]): ProfileReport[] {
  return namesBeneath(layers, ['profiles']).flatMap((name) =>
    layers
      .filter((layer) => layer.profiles !== undefined && Object.hasOwn(layer.profiles, name))
      .map((layer) => {
        const profile = layer.profiles![name]!;
        const lines = reportAll([profile]).flatMap(({ statements }) =>
          statements.map(({ origin }) => origin.line ?? 0),
        );
        return {
          name,
          scope: layer.scope,
          ...(layer.file !== undefined && { file: layer.file }),
          ...(lines.length > 0 && { line: Math.min(...lines) }),
          trusted: layer.trusted,
          ...(profile.mode !== undefined && { mode: profile.mode.value }),
          keys: Object.keys(profile).filter((key) => fieldOf(PROFILE_SHAPE, key) !== undefined),
        };
      }),
  );
}

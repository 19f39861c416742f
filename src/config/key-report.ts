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
const DENIALS = ['deniedPaths', 'deniedDomains', 'environment.drop'];

/** Tightest first, as the merge has them: an untrusted file may only go down, the managed one only caps. */
const ORDERS: Readonly<Record<string, readonly unknown[]>> = {
  enabled: [true, false],
  mode: ['strict', 'standard', 'permissive'],
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

function writtenValue(path: readonly string[], { value, origin }: Sourced<unknown>): unknown {
  return plainKey(path).startsWith('limits.') ? JSON.parse(origin.text) : value;
}

/** Whether `said` takes the place of `current`, or why not. */
function contest(key: string, said: Said, current: unknown): Statement['outdone'] | 'holds' {
  const { layer, sourced } = said;
  if (key.startsWith('environment.set.')) {
    return layer.trusted ? 'holds' : 'untrusted';
  }
  const order = ORDERS[key];
  const rank = (value: unknown): number => order?.indexOf(value) ?? (value as number);
  const tighter = current === undefined || rank(sourced.value) <= rank(current);
  if (layer.scope === 'managed') {
    return tighter && rank(sourced.value) !== rank(current) ? 'holds' : 'overridden';
  }
  return layer.trusted || tighter ? 'holds' : 'untrusted';
}

function reportScalar(
  layers: readonly SettingsLayer[],
  path: readonly string[],
  fallback: unknown,
): KeyReport {
  const key = plainKey(path);
  let current: unknown = fallback;
  let holder = -1;
  const statements: Statement[] = [];
  for (const said of saidAbout(layers, path)) {
    const { value, origin } = said.sourced;
    const result = contest(key, said, current);
    const statement = { value: writtenValue(path, said.sourced), origin };
    if (result === 'holds') {
      const previous = statements[holder];
      if (previous !== undefined) {
        statements[holder] = {
          ...previous,
          outdone: said.layer.scope === 'managed' ? 'ceiling' : 'overridden',
        };
      }
      holder = statements.length;
      current = value;
      statements.push(statement);
    } else {
      statements.push(result === undefined ? statement : { ...statement, outdone: result });
    }
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

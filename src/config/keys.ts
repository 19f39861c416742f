/** Owns keys and values as the command line writes them: `sandbox`, `mode`, `environment.set.CI`, `'["~/x"]'`. */
import { SandboxError } from '../errors.ts';
import { nearest } from '../policy/suggestion.ts';
import { parseDocument } from './document.ts';
import { type Field, fieldOf, SANDBOX_SHAPE, type Shape } from './schema.ts';
import { TEXT_FORMATS } from './text-formats.ts';
import { checkShape, ProblemList } from './validator.ts';

export interface SettingsKey {
  /** Below `sandbox`: `['environment', 'set', 'CI']`. */
  readonly path: readonly string[];
  /** `environment.set.CI` */
  readonly name: string;
  readonly shape: Shape;
}

export interface KeyDescription {
  /** With `<name>` for the key of a record. */
  readonly name: string;
  readonly field: Field;
}

function describeBelow(prefix: string, fields: Readonly<Record<string, Field>>): KeyDescription[] {
  return Object.entries(fields).flatMap(([key, field]) => {
    const name = prefix + key;
    const below = field.shape.kind === 'object' ? describeBelow(`${name}.`, field.shape.fields) : [];
    return [{ name, field }, ...below];
  });
}

/** Every key of the `sandbox` object; those of profiles are the same again. */
export function listKeys(): KeyDescription[] {
  return describeBelow('', SANDBOX_SHAPE.fields);
}

function unknownKey(written: string, suggestion: string | undefined): SandboxError {
  return new SandboxError('ERR_USAGE', {
    what: `Unknown key "${written}"`,
    why: suggestion === undefined ? 'no setting has this name' : `the nearest one is "${suggestion}"`,
    fix: suggestion === undefined ? 'See "pinfold config list" for all keys' : `Write "${suggestion}"`,
  });
}

/** The shape one step below `shape`, or undefined when nothing of that name is there. */
function stepInto(shape: Shape, segment: string): { shape: Shape } | { known: readonly string[] } {
  if (shape.kind === 'object') {
    const field = fieldOf(shape, segment);
    return field === undefined ? { known: Object.keys(shape.fields) } : { shape: field.shape };
  }
  if (shape.kind === 'record' && TEXT_FORMATS[shape.keys].check(segment) === undefined) {
    return { shape: shape.values };
  }
  return { known: [] };
}

/** `sandbox` alone is the switch, `sandbox.enabled`; the word may stand before any key or not. */
export function parseKey(written: string): SettingsKey {
  const segments = written.split('.');
  if (segments[0] === 'sandbox') {
    segments.shift();
  }
  const path = segments.length === 0 ? ['enabled'] : segments;
  let shape: Shape = SANDBOX_SHAPE;
  for (const [depth, segment] of path.entries()) {
    const next = stepInto(shape, segment);
    if (!('shape' in next)) {
      const before = path.slice(0, depth);
      const near = nearest(segment, next.known) ?? nearestOfAll(path);
      throw unknownKey(
        written,
        near === undefined || next.known.length === 0 ? near : [...before, near].join('.'),
      );
    }
    shape = next.shape;
  }
  return { path, name: path.join('.'), shape };
}

/** For a key that forgot its section: `memory` is `limits.memory`. */
function nearestOfAll(path: readonly string[]): string | undefined {
  const names = listKeys().map(({ name }) => name);
  const last = path.at(-1)!;
  return names.find((name) => name.endsWith(`.${last}`)) ?? nearest(path.join('.'), names);
}

/** JSON where the text is JSON, else the text itself; where a text is wanted, `1` and `true` are texts too. */
export function parseValue(key: SettingsKey, written: string): unknown {
  const isText = key.shape.kind === 'text' || key.shape.kind === 'choice';
  if (isText && !/^".*"$/s.test(written)) {
    return written;
  }
  try {
    return JSON.parse(written);
  } catch (cause) {
    if (/^\s*[[{"]/.test(written)) {
      const why = (cause as Error).message;
      throw new SandboxError('ERR_USAGE', {
        what: `The value of ${key.name} is not JSON`,
        why,
        fix: 'Quote it for the shell',
        cause,
      });
    }
    return written;
  }
}

/** Refuses a value that no file may hold under `key`, before any file is touched. */
export function checkValue(key: SettingsKey, value: unknown): void {
  const parsed = parseDocument('value', JSON.stringify(value) ?? '');
  if (parsed.kind === 'malformed') {
    throw new SandboxError('ERR_USAGE', {
      what: `This is no value for ${key.name}`,
      why: parsed.problems[0]!.message,
    });
  }
  const found = new ProblemList(parsed.document);
  checkShape({ node: parsed.document.root, path: key.name, found }, key.shape);
  const first = found.problems[0];
  if (first !== undefined) {
    throw new SandboxError('ERR_USAGE', {
      what: `This is no value for ${key.name}`,
      why: first.message,
      ...(first.suggestion !== undefined && { fix: `Did you mean ${first.suggestion}?` }),
    });
  }
}

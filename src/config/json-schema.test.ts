/** Claims about what is made from the description: up to date, and never stricter than the validator. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SETTINGS_EXAMPLE } from '../../test/fixtures/settings-world.ts';
import { interpretSettings } from './interpretation.ts';
import { createJsonSchema, type JsonSchema } from './json-schema.ts';
import { renderReference, renderSchema } from './reference.ts';
import { valueInText } from './text-edit.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Keywords {
  readonly type?: 'string' | 'boolean' | 'integer' | 'array' | 'object';
  readonly pattern?: string;
  readonly minimum?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | false;
  readonly propertyNames?: JsonSchema;
  readonly required?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
}

/** As much of draft-07 as the schema uses. */
function accepts(schema: JsonSchema, value: unknown): boolean {
  const { type, pattern, minimum, items, properties, additionalProperties, propertyNames, required, anyOf } =
    schema as Keywords;
  const ofType = {
    string: typeof value === 'string',
    boolean: typeof value === 'boolean',
    integer: Number.isInteger(value),
    array: Array.isArray(value),
    object: typeof value === 'object' && value !== null && !Array.isArray(value),
  };
  if (anyOf !== undefined) {
    return anyOf.some((one) => accepts(one, value));
  }
  if (!ofType[type!]) {
    return false;
  }
  if (type === 'array') {
    return (value as unknown[]).every((item) => accepts(items!, item));
  }
  if (type === 'object') {
    const known = properties ?? {};
    return (
      (required ?? []).every((key) => Object.hasOwn(value as object, key)) &&
      Object.entries(value as object).every(([key, inner]) => {
        const below = Object.hasOwn(known, key) ? known[key]! : additionalProperties!;
        return (
          below !== false &&
          accepts(below, inner) &&
          (propertyNames === undefined || accepts(propertyNames, key))
        );
      })
    );
  }
  return (
    (pattern === undefined || new RegExp(pattern, 'u').test(value as string)) &&
    (minimum === undefined || (value as number) >= minimum) &&
    (schema.enum === undefined || (schema.enum as unknown[]).includes(value))
  );
}

const schema = createJsonSchema();
const valid = (sandbox: unknown) =>
  interpretSettings({
    scope: 'user',
    file: 'f',
    text: JSON.stringify({ sandbox }),
    trusted: true,
    places: { projectDir: '/p', homeDir: '/h' },
  }).kind === 'valid';

test('the schema in the package and the table in the reference are up to date', () => {
  expect(read('schema/settings.schema.json')).toBe(renderSchema());
  expect(read('docs/settings.md')).toBe(renderReference(read('docs/settings.md')));
});

test('the example satisfies the schema', () => {
  expect(accepts(schema, valueInText(SETTINGS_EXAMPLE, []))).toBe(true);
});

test.each([
  { mode: 'strict' },
  { limits: { memory: '1.5 KiB'.replace('1.5', '1500'), wallTime: '1h30m', openFiles: 8 } },
  { deniedPaths: ['**/x', '{a,b}'] },
  { allowedDomains: ['[::1]:443', 'münchen.de', 'a.test.'] },
  { environment: { set: { A_1: '' } } },
  { profiles: { 'a-b_c': {} } },
  { allowedPaths: [{ path: 'a', expires: '2026-12-01T10:00Z', reason: '' }, '/p/a\tb'] },
  {},
])('both accept %j', (sandbox) => {
  expect([valid(sandbox), accepts(schema, { sandbox })]).toEqual([true, true]);
});

test.each([
  { mod: 'strict' },
  { mode: 'Strict' },
  { mode: null },
  { limits: { memory: 4 } },
  { limits: { openFiles: 7 } },
  { limits: { wallTime: '2 h' } },
  { deniedPaths: 'x' },
  { deniedPaths: [''] },
  { allowedPaths: ['*'] },
  { allowedPaths: [{ mode: 'read' }] },
  { allowedDomains: ['*'] },
  { allowedDomains: ['http://x'] },
  { environment: { set: { 'A=': '' } } },
  { profiles: { x: { profiles: {} } } },
  { enabled: 'true' },
])('both refuse %j', (sandbox) => {
  expect([valid(sandbox), accepts(schema, { sandbox })]).toEqual([false, false]);
});

/** Owns the JSON Schema that editors read, made from the description of the settings. */
import { DURATION_PATTERN, LIMITS, SIZE_PATTERN } from './quantities.ts';
import { type ObjectShape, SANDBOX_SHAPE, type Shape } from './schema.ts';
import { TEXT_FORMATS } from './text-formats.ts';

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

function ofText(format: keyof typeof TEXT_FORMATS): JsonSchema {
  const { pattern } = TEXT_FORMATS[format];
  return { type: 'string', ...(pattern !== undefined && { pattern }) };
}

function ofLimit(name: keyof typeof LIMITS): JsonSchema {
  const { kind, least } = LIMITS[name];
  if (kind === 'count') {
    return { type: 'integer', minimum: least };
  }
  return { type: 'string', pattern: kind === 'size' ? SIZE_PATTERN : DURATION_PATTERN };
}

function ofObject(shape: ObjectShape): JsonSchema {
  const properties = Object.entries(shape.fields).map(
    ([key, { shape: inner, summary, example, fallback }]) => [
      key,
      {
        description: fallback === undefined ? summary : `${summary} Default: ${fallback}.`,
        ...ofShape(inner),
        examples: [JSON.parse(example)],
      },
    ],
  );
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(shape.required !== undefined && { required: shape.required }),
    additionalProperties: false,
  };
}

function ofShape(shape: Shape): JsonSchema {
  switch (shape.kind) {
    case 'foreign':
      return {};
    case 'boolean':
      return { type: 'boolean' };
    case 'choice':
      return { type: 'string', enum: shape.of };
    case 'text':
      return ofText(shape.format);
    case 'limit':
      return ofLimit(shape.name);
    case 'port':
      return { type: 'integer', minimum: 1, maximum: 65_535 };
    case 'list':
      return {
        type: 'array',
        items: ofShape(shape.items),
        ...(shape.most !== undefined && { maxItems: shape.most }),
      };
    case 'record':
      return {
        type: 'object',
        propertyNames: ofText(shape.keys),
        additionalProperties: ofShape(shape.values),
      };
    case 'entry':
      return { anyOf: [ofShape(shape.text), ofShape(shape.object)] };
    case 'object':
      return ofObject(shape);
  }
}

/** For `.pinfold/settings.json` and its kin; `.claude/settings.json` holds more than this. */
export function createJsonSchema(): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Pinfold settings',
    type: 'object',
    properties: { $schema: { type: 'string' }, sandbox: ofObject(SANDBOX_SHAPE) },
    additionalProperties: false,
    allowComments: true,
    allowTrailingCommas: true,
  };
}

/** What each tool for agents takes, in words for a model and as JSON schema, and whether an input fits. Pure. */

export type ToolName = 'bash' | 'read' | 'write';

interface Property {
  readonly type: 'string' | 'number';
  readonly description: string;
}

export interface JsonSchema {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, Property>>;
  readonly required: readonly string[];
  readonly additionalProperties: false;
}

interface ToolInput {
  readonly description: string;
  readonly schema: JsonSchema;
}

function schema(
  required: Readonly<Record<string, Property>>,
  more: JsonSchema['properties'] = {},
): JsonSchema {
  return {
    type: 'object',
    properties: { ...required, ...more },
    required: Object.keys(required),
    additionalProperties: false,
  };
}

const REFUSED =
  'If the result has "refused", the sandbox did not let something through: the same act will fail again, so do what "instead" says or tell the person.';
const PATH: Property = {
  type: 'string',
  description: 'Path of the file, from where the shell is or absolute.',
};

export const TOOL_INPUTS: Readonly<Record<ToolName, ToolInput>> = {
  bash: {
    description: `Runs a command in a persistent bash inside a sandbox; directory and variables stay from call to call. ${REFUSED}`,
    schema: schema(
      { command: { type: 'string', description: 'The command, as for bash -c.' } },
      { timeout: { type: 'number', description: 'Milliseconds after which the command is interrupted.' } },
    ),
  },
  read: { description: `Reads a text file inside the sandbox. ${REFUSED}`, schema: schema({ path: PATH }) },
  write: {
    description: `Writes a text file inside the sandbox, with the directories above it. ${REFUSED}`,
    schema: schema({ path: PATH, content: { type: 'string', description: 'All that the file is to hold.' } }),
  },
};

/** What is wrong with an input, as a model can mend it; undefined where it fits. */
export function problemOf(name: ToolName, input: unknown): string | undefined {
  const { properties, required } = TOOL_INPUTS[name].schema;
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return 'the input is no object';
  const said = input as Readonly<Record<string, unknown>>;
  const missing = required.find((key) => said[key] === undefined);
  if (missing !== undefined) return `${missing} is missing`;
  for (const [key, value] of Object.entries(said)) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property === undefined) return `there is no ${JSON.stringify(key)}`;
    if (value === undefined) continue;
    if (typeof value !== property.type) return `${key} is no ${property.type}`;
    if (typeof value === 'string' && value.includes('\0') && key !== 'content')
      return `${key} holds a NUL character`;
    if (typeof value === 'number' && !(value > 0 && value <= 3_600_000))
      return `${key} is not from 1 to 3,600,000`;
  }
  return undefined;
}

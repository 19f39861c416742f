/** Ready tools for agents: a shell, and files to read and write, each inside a sandbox, with what was refused in words to act on. */
import { SandboxError } from '../errors.ts';
import { agentEvent } from '../violations/agent-event.ts';
import type { Sandbox, Violation } from './sandbox.ts';
import type { Shell } from './shell.ts';
import { type JsonSchema, problemOf, TOOL_INPUTS, type ToolName } from './tool-inputs.ts';

/** Something that the sandbox refused while the tool ran. The same act will be refused again. */
export interface RefusedAct {
  readonly act: string;
  readonly subject: Violation['subject'];
  /** The rule that decided, as a clause. */
  readonly rule: string;
  readonly retry: 'will_fail';
  /** What to do instead; needs no grant. */
  readonly instead?: string;
  /** `command` is for a person on the host. */
  readonly grant: { readonly by: 'human'; readonly command?: string };
}

export interface ToolResult {
  /** Absent where the tool did what it was asked for. */
  readonly error?: string;
  /** `bash`: null when a signal ended the shell. */
  readonly exitCode?: number | null;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly timedOut?: true;
  /** `read` */
  readonly content?: string;
  /** Absent where nothing was refused. */
  readonly refused?: readonly RefusedAct[];
}

const SCHEMA: unique symbol = Symbol.for('vercel.ai.schema') as never;

/** What the Vercel AI SDK's `jsonSchema()` makes. */
export interface ToolSchema {
  readonly [SCHEMA]: true;
  readonly jsonSchema: JsonSchema;
  validate(
    value: unknown,
  ): { readonly success: true; readonly value: unknown } | { readonly success: false; readonly error: Error };
}

/** A tool as the Vercel AI SDK takes it, in `tools` of `generateText`. */
export interface SandboxTool {
  readonly description: string;
  readonly inputSchema: ToolSchema;
  execute(input: unknown): Promise<ToolResult>;
}

export interface SandboxTools {
  /** For the Vercel AI SDK. */
  readonly tools: Readonly<Record<ToolName, SandboxTool>>;
  /** For Anthropic's API: `tools` of a request. */
  readonly anthropic: readonly {
    readonly name: ToolName;
    readonly description: string;
    readonly input_schema: JsonSchema;
  }[];
  /** For OpenAI's and others that take its form. */
  readonly openai: readonly {
    readonly type: 'function';
    readonly function: {
      readonly name: ToolName;
      readonly description: string;
      readonly parameters: JsonSchema;
    };
  }[];
  /** Runs a tool that a model has called. Input that does not fit is a result with `error`. Rejects with ERR_USAGE for another name. */
  call(name: string, input: unknown): Promise<ToolResult>;
  /** Ends the shell of `bash`; the sandbox stays. */
  close(): Promise<void>;
}

export interface ToolOptions {
  /** Characters of stdout, stderr and content that a result holds; the middle is left out. Default 30,000. */
  readonly maxCharacters?: number;
  /** Milliseconds that a command may take where the model says nothing. Default 120,000. */
  readonly timeout?: number;
}

const MOST_REFUSED = 5;
const MAX_FILE = 16 * 1024 * 1024;
const WRITE = 'mkdir -p -- "$(dirname -- "$1")" && cat > "$1"';

/** The middle is what is missed least: what a command says first and last tells most. */
function shortened(text: string, room: number): string {
  if (text.length <= room) return text;
  const half = Math.floor(room / 2);
  const left = text.length - 2 * half;
  return `${text.slice(0, half)}\n[… ${left} characters left out …]\n${text.slice(text.length - half)}`;
}

class Tools {
  readonly #sandbox: Sandbox;
  readonly #room: number;
  readonly #timeout: number;
  #shell: Promise<Shell> | undefined;

  constructor(sandbox: Sandbox, { maxCharacters = 30_000, timeout = 120_000 }: ToolOptions) {
    this.#sandbox = sandbox;
    this.#room = maxCharacters;
    this.#timeout = timeout;
  }

  async bash({
    command,
    timeout = this.#timeout,
  }: {
    command: string;
    timeout?: number;
  }): Promise<ToolResult> {
    this.#shell ??= this.#sandbox.shell();
    const shell = await this.#shell;
    const ran = await shell.run(command, { timeout });
    if (ran.ended) this.#shell = undefined;
    return {
      exitCode: ran.exitCode,
      stdout: shortened(ran.stdout, this.#room),
      stderr: shortened(ran.stderr, this.#room),
      ...(ran.timedOut && { timedOut: true as const }),
      ...this.#refused(ran.violations),
    };
  }

  async read({ path }: { path: string }): Promise<ToolResult> {
    const ran = await this.#sandbox.run('cat', ['--', path], {
      maxOutput: MAX_FILE,
      ...(await this.#place()),
    });
    const refused = this.#refused(ran.violations);
    if (ran.exitCode !== 0) return { error: ran.stderr.trim() || 'the file is too large', ...refused };
    return { content: shortened(ran.stdout, this.#room), ...refused };
  }

  async write({ path, content }: { path: string; content: string }): Promise<ToolResult> {
    const options = { input: content, ...(await this.#place()) };
    const ran = await this.#sandbox.run('sh', ['-c', WRITE, 'write', path], options);
    const refused = this.#refused(ran.violations);
    return ran.exitCode === 0 ? refused : { error: ran.stderr.trim(), ...refused };
  }

  async close(): Promise<void> {
    const shell = this.#shell;
    this.#shell = undefined;
    await (await shell)?.close();
  }

  /** Files are named from where the shell is. */
  async #place(): Promise<{ readonly cwd?: string }> {
    const cwd = (await this.#shell)?.cwd;
    return cwd === undefined ? {} : { cwd };
  }

  #refused(violations: readonly Violation[]): Pick<ToolResult, 'refused'> {
    const events = violations.map((denial) => {
      const { id: _id, version: _version, ...event } = agentEvent({ id: '', denial }, this.#sandbox.policy);
      return event;
    });
    const different = new Map(events.map((event) => [JSON.stringify([event.act, event.subject]), event]));
    return different.size === 0 ? {} : { refused: [...different.values()].slice(0, MOST_REFUSED) };
  }
}

/**
 * Tools that work inside `sandbox`. `bash` keeps its directory and variables from call to call; a command that ends its shell gets a
 * new one with the next call.
 */
export function sandboxTools(sandbox: Sandbox, options: ToolOptions = {}): SandboxTools {
  const tools = new Tools(sandbox, options);
  const names = Object.keys(TOOL_INPUTS) as ToolName[];
  const call = async (name: ToolName, input: unknown): Promise<ToolResult> => {
    const problem = problemOf(name, input);
    return problem === undefined ? await tools[name](input as never) : { error: problem };
  };
  const one = (name: ToolName): SandboxTool => ({
    description: TOOL_INPUTS[name].description,
    inputSchema: {
      [SCHEMA]: true,
      jsonSchema: TOOL_INPUTS[name].schema,
      validate(value) {
        const problem = problemOf(name, value);
        return problem === undefined
          ? { success: true, value }
          : { success: false, error: new Error(problem) };
      },
    },
    execute: (input) => call(name, input),
  });
  const words = names.map((name) => ({ name, ...TOOL_INPUTS[name] }));
  return {
    tools: { bash: one('bash'), read: one('read'), write: one('write') },
    anthropic: words.map(({ name, description, schema }) => ({ name, description, input_schema: schema })),
    openai: words.map(({ name, description, schema }) => ({
      type: 'function',
      function: { name, description, parameters: schema },
    })),
    async call(name, input) {
      const known = names.find((each) => each === name);
      if (known !== undefined) return await call(known, input);
      throw new SandboxError('ERR_USAGE', {
        what: `Cannot call the tool ${JSON.stringify(name)}`,
        why: `there are ${names.join(', ')}`,
      });
    },
    close: () => tools.close(),
  };
}

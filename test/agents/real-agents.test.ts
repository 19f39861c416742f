/** Claude Code, Codex, Copilot CLI, Gemini CLI and opencode, really run inside against a scripted model: they read, edit, run a command, meet the boundary. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CANARY, makeWorld, people, type World } from '../fixtures/world.ts';

const installed = process.env.PINFOLD_TEST_AGENTS ?? join(tmpdir(), 'pinfold-test-agents');

interface Turn {
  readonly tools?: readonly string[];
  readonly results: number;
  readonly last: string | null;
  readonly call: string | null;
  readonly authorization: string | null;
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let endpoint: ChildProcess | undefined;
  let scratch: string;
  let at: (path: string) => string;
  beforeEach(async () => {
    world = await makeWorld(person);
    at = (path) => join(world.home, path);
    scratch = mkdtempSync(join(tmpdir(), 'pinfold-model-'));
  });
  afterEach(() => {
    endpoint?.kill();
    world.dispose();
    rmSync(scratch, { recursive: true });
  });

  /** Starts the model and returns its port. */
  const startModel = async (script: readonly Record<string, unknown>[]): Promise<number> => {
    writeFileSync(join(scratch, 'record'), '');
    const program = join(import.meta.dirname, 'model-endpoint.mjs');
    endpoint = spawn(process.execPath, [program, join(scratch, 'record'), JSON.stringify(script)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(endpoint.stdout!, 'data');
    return Number(String(line));
  };

  /** Turns in which tools were offered; the others are titles and routing. */
  const turns = (): Turn[] =>
    readFileSync(join(scratch, 'record'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Turn)
      .filter(({ tools }) => tools !== undefined && tools.length > 0);

  const install = (command: string) => {
    const program = join(installed, 'node_modules/.bin', command);
    expect(existsSync(program), `${program} is missing: node test/agents/install.mjs`).toBe(true);
    world.put(at('.local/bin/.keep'));
    symlinkSync(program, at(`.local/bin/${command}`));
  };

  const work = async (words: readonly string[], env: Record<string, string>) => {
    const nodeFlags = world.node.startsWith('/usr/') ? [] : ['--allow', `${join(world.node, '../..')}:ro`];
    const ran = await world.pinfold([...nodeFlags, ...words], {
      env: { ...env, PATH: `${at('.local/bin')}:${world.env.PATH}` },
    });
    const said = `${ran.stdout}${ran.stderr}`;
    expect(ran.code, said).toBe(0);
    expect(ran.stdout).toContain('The work is done.');
    return { said, turns: turns() };
  };

  const readme = () => join(world.project, 'README');
  /** The boundary: a command asks for a key in the real home, and gets no byte of it; and it writes what the host would run. */
  const reach = () =>
    `git status --short; cat ${at('.ssh/id_ed25519')}; touch ${join(world.outside, 'new')} .git/hooks/planted`;
  const expectRefusal = (last: Turn | undefined, said: string) => {
    expect(last?.last).toContain('M README');
    expect(last?.last).toMatch(/id_ed25519: (Permission denied|No such file)/);
    expect(last?.last).toMatch(/new'?: (Permission denied|No such file|Read-only)/);
    expect(last?.last).toMatch(/planted'?: (Permission denied|Read-only)/);
    expect(readFileSync(join(scratch, 'record'), 'utf8')).not.toContain(CANARY);
    expect(said).toMatch(/pinfold \d+ refusals?/);
    expect(existsSync(join(world.outside, 'new'))).toBe(false);
    expect(existsSync(join(world.project, '.git/hooks/planted'))).toBe(false);
    expect(readFileSync(readme(), 'utf8')).toBe('edited\n');
  };

  test('Codex', async () => {
    install('codex');
    const port = await startModel([
      { exec_command: { cmd: 'cat README' } },
      { exec_command: { cmd: 'echo edited > README' } },
      { exec_command: { cmd: reach() } },
    ]);
    const config = [
      'model = "scripted"',
      'model_provider = "scripted"',
      '[model_providers.scripted]',
      'name = "scripted"',
      `base_url = "http://127.0.0.1:${port}/v1"`,
      'wire_api = "responses"',
      'env_key = "OPENAI_API_KEY"',
    ].join('\n');
    world.put(at('.codex/config.toml'), config);
    // Its own sandbox, which is on by itself, could not start.
    const { said, turns } = await work(['codex', 'exec', 'do the work'], {
      OPENAI_API_KEY: 'key-of-the-test',
    });
    expect(turns[0]?.authorization).toBe('Bearer key-of-the-test');
    expect(turns[1]?.last).toContain('a project');
    expectRefusal(turns.at(-1), said);
    expect(readFileSync(at('.codex/config.toml'), 'utf8')).toBe(config);
  });

  test('Gemini CLI', async () => {
    install('gemini');
    const port = await startModel([
      { read_file: { file_path: readme() } },
      { write_file: { file_path: readme(), content: 'edited\n' } },
      { run_shell_command: { command: reach() } },
    ]);
    world.put(at('.gemini/settings.json'), '{"security":{"auth":{"selectedType":"gemini-api-key"}}}');
    const { said, turns } = await work(['gemini', '--yolo', '--skip-trust', '-p', 'do the work'], {
      GEMINI_API_KEY: 'key-of-the-test',
      GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${port}`,
    });
    expect(turns[0]?.authorization).toBe('key-of-the-test');
    expect(turns[1]?.last).toContain('a project');
    expectRefusal(turns.at(-1), said);
  });

  test('opencode', async () => {
    install('opencode');
    const port = await startModel([
      { read: { filePath: readme() } },
      { write: { filePath: readme(), content: 'edited\n' } },
      { bash: { command: reach(), description: 'look' } },
    ]);
    const provider = {
      npm: '@ai-sdk/openai-compatible',
      name: 'scripted',
      options: { baseURL: `http://127.0.0.1:${port}/v1`, apiKey: '{env:OPENAI_API_KEY}' },
      models: { m: { name: 'm' } },
    };
    world.put(
      at('.config/opencode/opencode.json'),
      JSON.stringify({ model: 'scripted/m', provider: { scripted: provider } }),
    );
    const words = ['opencode', 'run', '--dangerously-skip-permissions', 'do the work'];
    const { said, turns } = await work(words, { OPENAI_API_KEY: 'key-of-the-test' });
    expect(turns[0]?.authorization).toBe('Bearer key-of-the-test');
    expect(turns[1]?.last).toContain('a project');
    expectRefusal(turns.at(-1), said);
  });

  test('Claude Code', async () => {
    install('claude');
    const port = await startModel([
      { Read: { file_path: readme() } },
      { Write: { file_path: readme(), content: 'edited\n' } },
      { Bash: { command: reach(), description: 'look' } },
    ]);
    const settings = '{"includeCoAuthoredBy":false}';
    // Pinfold's settings, and its own: its sandbox could not start.
    world.put(join(world.project, '.claude/settings.json'), '{"sandbox":{"enabled":true}}');
    world.put(at('.claude/settings.json'), settings);
    const words = ['claude', '--dangerously-skip-permissions', '-p', 'do the work'];
    const { said, turns } = await work(words, {
      ANTHROPIC_API_KEY: 'key-of-the-test',
      ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}`,
    });
    expect(turns[0]?.authorization).toBe('key-of-the-test');
    expect(turns[1]?.last).toContain('a project');
    expectRefusal(turns.at(-1), said);
    expect(readFileSync(at('.claude/settings.json'), 'utf8')).toBe(settings);
    expect(existsSync(at('.claude.json'))).toBe(false);
  });

  test('Copilot CLI', async () => {
    install('copilot');
    const port = await startModel([
      { view: { path: readme() } },
      { edit: { path: readme(), old_str: 'a project', new_str: 'edited' } },
      { bash: { command: reach(), description: 'look', mode: 'sync' } },
    ]);
    const { said, turns } = await work(['copilot', '--allow-all', '-p', 'do the work'], {
      COPILOT_PROVIDER_BASE_URL: `http://127.0.0.1:${port}/v1`,
      COPILOT_PROVIDER_API_KEY: 'key-of-the-test',
      COPILOT_MODEL: 'scripted',
    });
    expect(turns[0]?.authorization).toBe('Bearer key-of-the-test');
    expect(turns[1]?.last).toContain('a project');
    expectRefusal(turns.at(-1), said);
  });
});

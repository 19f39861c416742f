/** Agents in their presets, with a stand-in that keeps its files as Claude Code does. */
import { readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { treeOf } from '../fixtures/host-tree.ts';
import { onTerminal } from '../fixtures/terminal.ts';
import { makeWorld, people, type Ran, type RunOptions, type World } from '../fixtures/world.ts';

const repository = join(import.meta.dirname, '../..');
const oauth = {
  accessToken: 'a1',
  refreshToken: 'r1',
  expiresAt: 1,
  scopes: ['user'],
  subscriptionType: 'max',
};
const login = (accessToken: string) => `${JSON.stringify({ claudeAiOauth: { ...oauth, accessToken } })}\n`;

describe.each(people)('as $label', (person) => {
  let world: World;
  let at: (path: string) => string;
  beforeEach(async () => {
    world = await makeWorld(person);
    at = (path) => join(world.home, path);
    const program = readFileSync(join(repository, 'test/fixtures/stand-in-agent.mjs'), 'utf8');
    world.put(at('.local/bin/claude'), program.replace('/usr/bin/env node', world.node), 0o755);
    world.put(at('.claude/.credentials.json'), login('a1'), 0o600);
    world.put(
      at('.claude.json'),
      JSON.stringify({ oauthAccount: { id: 1 }, mcpServers: { x: {} }, projects: { '/secret': {} } }),
      0o600,
    );
    world.put(at('.claude/settings.json'), '{"model":"opus"}');
    world.put(at('.claude/commands/hello.md'), 'hello\n');
  });
  afterEach(() => world.dispose());

  const env = () => ({ PATH: `${at('.local/bin')}:${world.env.PATH}` });
  const nodeFlags = () =>
    world.node.startsWith('/usr/') ? [] : ['--allow', `${join(world.node, '../..')}:ro`];
  const agent = (
    words: readonly string[],
    flags: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<Ran> =>
    world.pinfold([...nodeFlags(), ...flags, 'claude', ...words], {
      ...options,
      env: { ...env(), ...options.env },
    });
  const hostLogin = () => readFileSync(at('.claude/.credentials.json'), 'utf8');
  const privateHome = () => {
    const homes = at('.local/share/pinfold/homes');
    return join(homes, readdirSync(homes)[0]!);
  };

  test.each(['strict', 'standard', 'permissive'])(
    'in %s it has its login, and of ~/.claude.json its account and nothing of other projects',
    async (mode) => {
      const flags = ['--mode', mode];
      expect((await agent(['login'], flags)).stdout).toBe(`${login('a1')}\n`);
      const first = JSON.parse((await agent(['state'], flags)).stdout);
      expect(first).toEqual({ oauthAccount: { id: 1 }, starts: 1 });
      // Its own rename is kept from one session to the next.
      expect(JSON.parse((await agent(['state'], flags)).stdout)).toEqual({ ...first, starts: 2 });
      expect(JSON.parse(readFileSync(at('.claude.json'), 'utf8'))).not.toHaveProperty('starts');
    },
  );

  test('without the preset the same program has none of it', async () => {
    const ran = await world.inside(['claude', 'login'], ['--mode', 'standard'], { env: env() });
    expect(ran.stdout).toBe('ENOENT\n');
  });

  test('an agent of another name is not given it', async () => {
    world.put(at('.local/bin/codex'), readFileSync(at('.local/bin/claude'), 'utf8'), 0o755);
    const ran = await world.pinfold([...nodeFlags(), 'codex', 'login'], { env: env() });
    expect(ran.stdout).toBe('ENOENT\n');
    const direct = await world.pinfold([...nodeFlags(), 'codex', 'steal', at('.claude/.credentials.json')], {
      env: env(),
    });
    expect(direct.stdout).toMatch(/^(ENOENT|EACCES)\n$/);
  });

  test('a renewed login reaches the host, with the mode it had; and the next session', async () => {
    const ran = await agent(['renew']);
    expect(ran).toMatchObject({ code: 0, stdout: 'ok\n' });
    expect(ran.stderr).toContain('put the renewed login into ~/.claude/.credentials.json');
    expect(hostLogin()).toBe(login('a1+'));
    expect(treeOf(at('.claude'))['.credentials.json']).toContain('600');
    expect((await agent(['login'])).stdout).toContain('"a1+"');
    const sessions = at('.local/state/pinfold/sessions');
    const log = readFileSync(join(sessions, readdirSync(sessions).sort()[0]!, 'events.jsonl'), 'utf8');
    expect(log).toContain('"kind":"login-renewed"');
    expect(log).not.toContain('a1+');
  });

  test('a login that gained what the host would obey does not reach it, and is gone inside too', async () => {
    const before = treeOf(at('.claude'));
    const ran = await agent(['grow']);
    expect(ran.stderr).toContain(
      'did not take over the login of this session into ~/.claude/.credentials.json: it gained apiKeyHelper',
    );
    expect(treeOf(at('.claude'))).toEqual(before);
    expect((await agent(['login'])).stdout).toBe(`${login('a1')}\n`);
  });

  test('a login that the person renewed outside meanwhile stays theirs', async () => {
    await agent(['login']);
    world.put(at('.claude/.credentials.json'), login('host'), 0o600);
    expect((await agent(['renew'])).code).toBe(0);
    expect(hostLogin()).toBe(login('host+'));
  });

  test('a session that was killed before it could bring back its login does so at the next start', async () => {
    await agent(['login']);
    world.put(join(privateHome(), '.claude/.credentials.json'), login('later'), 0o600);
    expect((await agent(['env', 'PINFOLD'])).stdout).toBe('1\n');
    expect(hostLogin()).toBe(login('later'));
  });

  test('a login behind a link of the person’s own is renewed where it lies', async () => {
    world.put(at('dotfiles/login.json'), login('a1'), 0o600);
    rmSync(at('.claude/.credentials.json'));
    symlinkSync('../dotfiles/login.json', at('.claude/.credentials.json'));
    expect((await agent(['renew'])).code).toBe(0);
    expect(readFileSync(at('dotfiles/login.json'), 'utf8')).toBe(login('a1+'));
    expect(readlinkSync(at('.claude/.credentials.json'))).toBe('../dotfiles/login.json');
  });

  test('a login file that is a link into the project is not copied', async () => {
    world.put(join(world.project, 'login.json'), login('planted'), 0o600);
    rmSync(at('.claude/.credentials.json'));
    symlinkSync(join(world.project, 'login.json'), at('.claude/.credentials.json'));
    expect((await agent(['login'])).stdout).toBe('ENOENT\n');
  });

  test('a link planted inside in the place of a login leads nowhere', async () => {
    await agent(['login']);
    rmSync(join(privateHome(), '.claude'), { recursive: true });
    symlinkSync(at('.claude'), join(privateHome(), '.claude'));
    const before = treeOf(world.home, ['.local']);
    expect((await agent(['login'])).stdout).toBe(`${login('a1')}\n`);
    expect(treeOf(world.home, ['.local'])).toEqual(before);
  });

  test('its settings are read and not changed; nothing else of ~/.claude is there', async () => {
    const inside = (path: string) => `${privateHome()}/.claude/${path}`;
    await agent(['login']);
    expect((await agent(['steal', inside('settings.json')])).stdout).toBe('{"model":"opus"}\n');
    expect((await agent(['steal', inside('commands/hello.md')])).stdout).toBe('hello\n\n');
    expect((await agent(['settings', inside('settings.json')])).stdout).toBe('EBUSY\n');
    expect((await agent(['settings', inside('commands/hello.md')])).stdout).toBe('EROFS\n');
    expect((await agent(['settings', inside('own.json')])).stdout).toBe('ok\n');
  });

  test('a person’s denial of its login stands, and is said', async () => {
    const ran = await agent(['login'], ['--deny', at('.claude/.credentials.json')]);
    expect(ran.stdout).toBe('ENOENT\n');
    expect(ran.stderr).toContain('of Claude Code is not copied: it is denied');
  });

  test('it has its own key, and no other agent’s', async () => {
    const secrets = { env: { ANTHROPIC_API_KEY: 'sk-ant-x', OPENAI_API_KEY: 'sk-y' } };
    expect((await agent(['env', 'ANTHROPIC_API_KEY'], [], secrets)).stdout).toBe('sk-ant-x\n');
    expect((await agent(['env', 'OPENAI_API_KEY'], [], secrets)).stdout).toBe('unset\n');
    expect((await agent(['env', 'DISABLE_TELEMETRY'])).stdout).toBe('1\n');
  });

  test('the banner names the preset; a network that the person closed is told before the start', async () => {
    expect((await agent(['env', 'HOME'], ['-v'])).stderr).toMatch(
      /^pinfold standard · preset claude · write 1 · net local \+ 5 hosts/,
    );
    const closed = await agent(['env', 'HOME'], ['--net', 'none']);
    expect(closed.stderr).toContain(
      'Claude Code cannot reach its model: networkAccess is "none" (--net none)',
    );
    expect((await agent(['env', 'HOME'])).stderr).not.toContain('cannot reach');
  });

  test('every word after its name is the agent’s; run --agent is the same', async () => {
    expect((await agent(['env', '--help'])).stdout).toBe('unset\n');
    const ran = await world.pinfold(['run', ...nodeFlags(), '--agent', 'claude', '--', 'claude', 'login'], {
      env: env(),
    });
    expect(ran.stdout).toBe(`${login('a1')}\n`);
    const unknown = await world.pinfold(['run', '--agent', 'cluade', '--', 'true']);
    expect(unknown).toMatchObject({ code: 125, stdout: '' });
    expect(unknown.stderr).toContain('did you mean claude?');
  });

  test('its own sandbox, which cannot start inside, is switched off; settings that the person gives stand, and that is told', async () => {
    const off = ['--settings', '{"sandbox":{"enabled":false}}'];
    const ran = await agent(['words', '-p', 'work']);
    expect(JSON.parse(ran.stdout)).toEqual([...off, 'words', '-p', 'work']);
    expect(ran.stderr).not.toContain('notice:');
    const theirs = await agent(['--settings', '{}', 'words']);
    expect(JSON.parse(theirs.stdout)).toEqual(['--settings', '{}', 'words']);
    expect(theirs.stderr).toContain('notice: Claude Code takes one --settings, and yours stands');
  });

  test('it has the terminal: raw mode, its size, and a PATH that names its program is not needed', async () => {
    const screen = await onTerminal(
      world,
      [...pinfold(), ...nodeFlags(), 'claude', 'raw'],
      [{ expect: 'raw 80x24' }],
    );
    expect(screen).toMatchObject({ code: 0, modesKept: true });
    expect(screen.failedAt).toBeUndefined();
  });

  test('an agent that is not installed is 127, and the list says so', async () => {
    expect((await world.pinfold(['goose'])).code).toBe(127);
    const { agents } = JSON.parse((await world.pinfold(['agents', '--json'], { env: env() })).stdout);
    const installed = Object.fromEntries(
      agents.map((each: { name: string; installed: unknown }) => [each.name, each.installed]),
    );
    expect(installed).toMatchObject({ claude: at('.local/bin/claude'), goose: null });
  });

  describe('a shim', () => {
    const shims = () => at('.local/share/pinfold/shims');
    const plain = (words: readonly string[]) =>
      world.run(['claude', ...words], { env: { PATH: `${shims()}:${at('.local/bin')}:${world.env.PATH}` } });

    test('makes the plain name start inside; removed, nothing of it is left', async () => {
      expect((await plain(['env', 'PINFOLD'])).stdout).toBe('unset\n');
      const before = treeOf(world.home, ['.local/share/pinfold/homes', '.local/state']);
      const made = await world.pinfold(['shim', 'install', 'claude'], { env: env() });
      expect(made.stdout).toContain(`export PATH="${shims()}:$PATH"`);
      // Node is beneath a real home on some hosts, which this world's settings must show.
      world.put(
        at('.config/pinfold/settings.json'),
        JSON.stringify({ sandbox: { allowedPaths: [{ path: join(world.node, '../..'), mode: 'read' }] } }),
        0o600,
      );
      const inside = await plain(['env', 'PINFOLD']);
      expect(inside.stdout, inside.stderr).toBe('1\n');
      rmSync(at('.config/pinfold'), { recursive: true });
      await world.pinfold(['shim', 'remove', 'claude']);
      expect((await plain(['env', 'PINFOLD'])).stdout).toBe('unset\n');
      expect(
        Object.keys(treeOf(world.home, ['.local/state', '.config'])).filter((path) => path.includes('shims')),
      ).toEqual([]);
      expect(Object.keys(before).length).toBeGreaterThan(0);
    });

    test('where the person’s settings switch the sandbox off, the program itself runs, and that is said', async () => {
      await world.pinfold(['shim', 'install', 'claude'], { env: env() });
      world.put(at('.config/pinfold/settings.json'), '{ "sandbox": { "enabled": false } }', 0o600);
      const ran = await plain(['env', 'PINFOLD']);
      expect(ran).toMatchObject({ code: 0, stdout: 'unset\n' });
      expect(ran.stderr).toContain('pinfold is switched off here (~/.config/pinfold/settings.json:1:');
      // Its own sandbox is the only one then.
      expect((await plain(['words', '-p'])).stdout).toBe('["words","-p"]\n');
    });

    test('a repository cannot switch it off, and what is in the way is not replaced', async () => {
      world.put(join(world.project, '.pinfold/settings.json'), '{ "sandbox": { "enabled": false } }');
      world.put(join(shims(), 'codex'), 'mine\n', 0o755);
      await world.pinfold(['shim', 'install', 'claude'], { env: env() });
      const { stdout } = await world.pinfold(['shim', 'outside', 'claude'], { env: env() });
      expect(stdout).toBe('');
      const refused = await world.pinfold(['shim', 'install', 'codex'], { env: env() });
      expect(refused).toMatchObject({ code: 125 });
      expect(readFileSync(join(shims(), 'codex'), 'utf8')).toBe('mine\n');
    });
  });
});

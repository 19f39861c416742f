/** Unix sockets of the host that `allowedSockets` opens: reached by their own path, through a relay that counts. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lastEvents } from '../fixtures/session-events.ts';
import { client, privateDirectory, type Service, startService } from '../fixtures/unix-service.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let temporary: string;
  /** In a hidden directory, and in a place that is the session's own inside. */
  let services: readonly Service[];
  beforeAll(async () => {
    world = await makeWorld(person);
    temporary = await privateDirectory(world);
    services = [
      await startService(world, `${world.outside}/service`),
      await startService(world, `${temporary}/service`),
    ];
  });
  afterAll(async () => {
    for (const service of services) await service.stop();
    rmSync(temporary, { recursive: true, force: true });
    world.dispose();
  });

  test.each(['strict', 'standard', 'permissive'])(
    'in %s a socket of the host is reached where it is allowed, and nowhere else',
    async (mode) => {
      for (const { path } of services) {
        const shut = await world.inside(client(path), ['--mode', mode]);
        expect(shut.stdout).toMatch(/^1 (FileNotFoundError 2|PermissionError 13)\n$/);
        const open = await world.inside(client(path), ['--mode', mode, '--allow-socket', path]);
        expect(open.stdout).toBe('1 heard 5 bytes: hello\n');
        const other = services.find((each) => each.path !== path)!.path;
        const wrong = await world.inside(client(other), ['--mode', mode, '--allow-socket', path]);
        expect(wrong.stdout).toMatch(/^1 (FileNotFoundError 2|PermissionError 13)\n$/);
      }
    },
  );

  test('a path that leads through a link of the host is reached by both names', async () => {
    const link = `${world.root}/link`;
    await world.run(['ln', '-s', world.outside, link]);
    const flags = ['--allow-socket', `${link}/service`];
    for (const path of [`${link}/service`, `${world.outside}/service`]) {
      expect((await world.inside(client(path), flags)).stdout).toBe('1 heard 5 bytes: hello\n');
    }
  });

  test('two hundred connections at once are all served, and counted', async () => {
    const { path } = services[0]!;
    const text = 'x'.repeat(1000);
    const ran = await world.inside(client(path, text, 200), ['--allow-socket', path]);
    expect(ran.stdout).toBe(`200 heard 1000 bytes: ${'x'.repeat(20)}\n`);
    const sums = lastEvents(world).filter(({ kind, way }) => kind === 'traffic' && way === 'socket');
    expect(sums).toMatchObject([
      { host: path, connections: 200, up: 200 * 1000, down: 200 * 'heard 1000 bytes: '.length + 200 * 20 },
    ]);
  });

  test('the service sees the person who started Pinfold', async () => {
    const service = await startService(world, `${world.outside}/peer`, 'peer');
    const { path } = service;
    const ran = await world.inside(client(path), ['--allow-socket', path]);
    expect(ran.stdout).toBe(`1 you are ${person.uid}\n`);
    await service.stop();
  });

  test('a service that is started again is reached; one that is gone is named', async () => {
    const path = `${world.outside}/again`;
    let service = await startService(world, path);
    const ask = client(path)
      .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
      .join(' ');
    const child = world.startInside(
      ['sh', '-c', `${ask}; read line; ${ask}; read line; ${ask}`],
      ['--allow-socket', path],
      { input: null },
    );
    let said = '';
    let told = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    await expect.poll(() => said, { timeout: 60_000 }).toBe('1 heard 5 bytes: hello\n');
    await service.stop();
    service = await startService(world, path);
    child.stdin!.write('\n');
    await expect.poll(() => said, { timeout: 60_000 }).toBe('1 heard 5 bytes: hello\n'.repeat(2));
    await service.stop();
    child.stdin!.end('\n');
    await ended;
    expect(said.split('\n')[2]).toMatch(/^1 (nothing|ConnectionResetError 104|BrokenPipeError 32)$/);
    expect(told).toContain('nobody answers there');
  });

  test('a real ssh-agent: keys are listed where its socket is allowed, and it is not there else', async () => {
    const key = `${world.root}/agent-key`;
    const socket = `${temporary}/agent.1`;
    const agent = world.start(['ssh-agent', '-D', '-a', socket]);
    try {
      await world.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'of-the-test', '-f', key]);
      const env = { SSH_AUTH_SOCK: socket };
      await expect.poll(async () => (await world.run(['ssh-add', key], { env })).code).toBe(0);
      const shut = await world.inside(['ssh-add', '-l'], [], { env });
      expect(shut.code).toBe(2);
      expect(shut.stderr).toContain('Could not open a connection to your authentication agent');
      const named = await world.inside(['ssh-add', '-l'], ['--env', `SSH_AUTH_SOCK=${socket}`], { env });
      expect(named.stderr).toContain('Error connecting to agent: No such file or directory');
      const open = await world.inside(['ssh-add', '-l'], ['--allow-socket', socket], { env });
      expect(open.stdout).toContain('of-the-test (ED25519)');
    } finally {
      agent.kill('SIGKILL');
    }
  });

  test('a variable that leads to a socket is kept only where that socket is allowed', async () => {
    const { path } = services[1]!;
    const env = {
      SSH_AUTH_SOCK: path,
      DBUS_SESSION_BUS_ADDRESS: `unix:path=${path},guid=0123`,
      DOCKER_HOST: `unix://${path}`,
      XDG_RUNTIME_DIR: temporary,
      GPG_AGENT_INFO: `${services[0]!.path}:1:1`,
    };
    const variables = async (flags: string[]) => {
      const ran = await world.inside(['env'], flags, { env });
      return Object.keys(env).filter((name) => new RegExp(`^${name}=`, 'm').test(ran.stdout));
    };
    expect(await variables([])).toEqual([]);
    expect(await variables(['--allow-socket', path])).toEqual([
      'SSH_AUTH_SOCK',
      'DBUS_SESSION_BUS_ADDRESS',
      'DOCKER_HOST',
      'XDG_RUNTIME_DIR',
    ]);
    expect(await variables(['--allow-socket', path, '--deny', path])).toEqual([]);
  });

  test('a project opens one only after it is trusted', async () => {
    const { path } = services[0]!;
    const project = `${world.root}/asking`;
    world.put(
      `${project}/.pinfold/settings.json`,
      JSON.stringify({ sandbox: { allowedSockets: [{ path, reason: 'the test' }] } }),
    );
    const ask = () => world.inside(client(path), ['--project', project], { cwd: project });
    const untrusted = await ask();
    expect(untrusted.stdout).toMatch(/^1 (FileNotFoundError 2|PermissionError 13)\n$/);
    expect(untrusted.stderr).toContain(`socket ${path} is not granted`);
    expect((await world.pinfold(['trust', '--yes'], { cwd: project })).code).toBe(0);
    expect((await ask()).stdout).toBe('1 heard 5 bytes: hello\n');
    const audit = await world.pinfold(['audit', '--json'], { cwd: project });
    expect(JSON.parse(audit.stdout).grants).toMatchObject([
      { key: 'allowedSockets', text: path, use: { kind: 'counted', connections: 1 } },
    ]);
  });

  test('what a known service gives away is said where it is opened and where it is asked for', async () => {
    const service = await startService(world, `${world.outside}/docker.sock`);
    const { path } = service;
    const gives = 'root on this host';
    for (const words of [
      ['run', '--verbose', '--allow-socket', path, '--', 'true'],
      ['run', '--dry-run', '--allow-socket', path, '--', 'true'],
      ['policy', '--allow-socket', path],
      ['check', '--allow-socket', path],
      ['explain', path, '--allow-socket', path],
    ]) {
      const ran = await world.pinfold(words);
      expect(ran.stdout + ran.stderr).toContain(gives);
    }
    const shut = await world.pinfold(['explain', path]);
    expect(shut.stdout).toContain(`pinfold run --allow-socket ${path} -- COMMAND`);
    // Where nobody watches hidden names, nobody sees it looked for.
    const refused = await world.inside(client(path));
    expect(refused.stderr).toContain(world.either(path, ''));
    await service.stop();
  });

  test('allow and revoke keep a socket in the list of sockets', async () => {
    const { path } = services[0]!;
    const listed = async () => (await world.pinfold(['config', 'get', 'allowedSockets', '--json'])).stdout;
    expect((await world.pinfold(['allow', path, '--user'])).code).toBe(0);
    expect(await listed()).toContain('outside/service');
    expect((await world.inside(client(path))).stdout).toBe('1 heard 5 bytes: hello\n');
    expect((await world.pinfold(['revoke', path, '--user'])).code).toBe(0);
    expect(await listed()).not.toContain('outside/service');
  });
});

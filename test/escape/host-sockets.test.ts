/** Ways to more of the host than the one service whose socket is relayed. */
import { chownSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { client, privateDirectory, type Service, startService } from '../fixtures/unix-service.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const HEARD = '1 heard 5 bytes: hello\n';

/** Every socket beneath a directory. */
function socketsIn(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isSocket())
    .map(({ name }) => name);
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let service: Service;
  let secret: Service;
  beforeAll(async () => {
    world = await makeWorld(person);
    service = await startService(world, `${world.outside}/service`);
    secret = await startService(world, `${world.outside}/secret`, 'peer');
  });
  afterAll(async () => {
    await service.stop();
    await secret.stop();
    world.dispose();
  });

  /** A run inside that asks, waits for `change` on the host, and asks again: both answers. */
  async function askTwice(
    path: string,
    change: () => Promise<unknown>,
  ): Promise<{ said: string; told: string }> {
    const ask = quoted(client(path));
    const child = world.startInside(['sh', '-c', `${ask}; read line; ${ask}`], ['--allow-socket', path], {
      input: null,
    });
    let said = '';
    let told = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    await expect.poll(() => said + told, { timeout: 60_000 }).toBe(HEARD);
    await change();
    child.stdin!.end('\n');
    await ended;
    return { said: said.slice(HEARD.length), told };
  }

  test('a descriptor that the service sends does not arrive inside', async () => {
    const giving = await startService(world, `${world.outside}/giving`, 'descriptor');
    const outside = await world.run(client(giving.path));
    expect(outside.stdout).toBe('1 take this with a descriptor\n');
    const inside = await world.inside(client(giving.path), ['--allow-socket', giving.path]);
    expect(inside.stdout).toBe('1 take this\n');
    await giving.stop();
  });

  test('a socket exchanged for a link during the run is not followed', async () => {
    const path = `${world.outside}/exchanged`;
    const real = await startService(world, path);
    const { said, told } = await askTwice(path, () =>
      world.run(['sh', '-c', `rm ${path} && ln -s ${secret.path} ${path}`]),
    );
    expect(said).not.toContain('you are');
    expect(told).toContain('it is no socket any more');
    // The control: whoever goes by the name follows the link.
    expect((await world.run(client(path))).stdout).toBe(`1 you are ${person.uid}\n`);
    await real.stop();
  });

  test('a directory on the way exchanged for a link is not followed', async () => {
    const directory = `${world.outside}/way`;
    await world.run(['mkdir', directory, `${world.outside}/other`]);
    const real = await startService(world, `${directory}/service`);
    const other = await startService(world, `${world.outside}/other/service`, 'peer');
    const { said, told } = await askTwice(real.path, () =>
      world.run(['sh', '-c', `mv ${directory} ${directory}.old && ln -s other ${directory}`]),
    );
    expect(said).not.toContain('you are');
    expect(told).toContain('its name leads elsewhere now');
    expect((await world.run(client(real.path))).stdout).toBe(`1 you are ${person.uid}\n`);
    await real.stop();
    await other.stop();
  });

  test('a link that a run left in the project is not followed to a hidden socket', async () => {
    const planted = await world.shell(`ln -s ${secret.path} planted.sock`);
    expect(planted.code).toBe(0);
    const ran = await world.inside(client('planted.sock'), ['--allow-socket', 'planted.sock']);
    expect(ran).toMatchObject({ code: 125, stdout: '' });
    expect(ran.stderr).toContain('which a program inside could have made');
    const control = await world.inside(client(secret.path), ['--allow-socket', secret.path]);
    expect(control.stdout).toBe(`1 you are ${person.uid}\n`);
    rmSync(join(world.project, 'planted.sock'));
  });

  test('what is no socket is refused, and what is missing is named and not there', async () => {
    for (const [path, why] of [
      [`${world.outside}/canary`, 'is no socket'],
      [world.outside, 'is a directory'],
    ] as const) {
      const ran = await world.inside(['true'], ['--allow-socket', path]);
      expect(ran.code).toBe(125);
      expect(ran.stderr).toContain(why);
    }
    const missing = `${world.outside}/later`;
    const ran = await world.inside(client(missing), ['--allow-socket', missing]);
    expect(ran.stdout).toMatch(/^1 FileNotFoundError 2\n$/);
    expect(ran.stderr).toContain('does not exist');
    expect((await world.inside(client(service.path), ['--allow-socket', service.path])).stdout).toBe(HEARD);
  });

  test('a socket in allowedPaths is refused: as a file it would let descriptors through', async () => {
    const ran = await world.inside(client(service.path), ['--allow', service.path]);
    expect(ran.code).toBe(125);
    expect(ran.stderr).toContain('--allow-socket');
  });

  test("Pinfold's own sockets are never opened, by no name", async () => {
    const other = world.startInside(['sleep', '60'], [], {});
    const sessions = join(world.home, '.local/state/pinfold/sessions');
    try {
      await expect.poll(() => socketsIn(sessions), { timeout: 30_000 }).toContain('control');
      const id = readdirSync(sessions).find((name) => readdirSync(join(sessions, name)).includes('control'))!;
      const control = join(sessions, id, 'control');
      const direct = await world.inside(client(control), ['--allow-socket', control]);
      expect(direct.stdout).toMatch(/^1 (FileNotFoundError 2|PermissionError 13)\n$/);
      expect(direct.stderr).toContain("Pinfold's own");
      const link = `${world.root}/to-control`;
      await world.run(['ln', '-s', control, link]);
      const linked = await world.inside(client(link), ['--allow-socket', link]);
      expect(linked).toMatchObject({ code: 125, stdout: '' });
      expect(linked.stderr).toContain("Pinfold's own");
      // The control: the person reaches it, and it answers what it cannot understand.
      expect((await world.run(client(control, 'x\n'))).stdout).toMatch(/^1 \{/);
    } finally {
      other.kill('SIGKILL');
    }
  });

  test('the relay can be neither changed, moved nor replaced from inside', async () => {
    const flags = ['--allow-socket', service.path, '--allow', world.probe.replace(/\/probe$/, ':ro')];
    const acts = [
      `chmod 777 ${service.path}`,
      `rm -f ${service.path}`,
      `mv ${service.path} ${service.path}.old`,
      `touch ${service.path}`,
    ];
    for (const act of acts) {
      const ran = await world.shell(`${act}; ${quoted(client(service.path))}`, flags);
      expect(ran.stderr).toMatch(/Read-only file system|Device or resource busy|Permission denied/);
      expect(ran.stdout).toBe(HEARD);
    }
  });

  test('with the session its connections end, and SIGKILL leaves no socket behind', async () => {
    const holding = await startService(world, `${world.outside}/holding`, 'hold');
    const sessions = join(world.home, '.local/state/pinfold/sessions');
    const script = `import socket, time
s = socket.socket(socket.AF_UNIX)
s.connect('${holding.path}')
print(s.recv(9).decode(), flush=True)
time.sleep(600)`;
    const child = world.startInside(['/usr/bin/python3', '-c', script], ['--allow-socket', holding.path]);
    let said = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await expect.poll(() => said, { timeout: 60_000 }).toBe('go on\n');
    expect(holding.output()).toBe('ready\n');
    expect(socketsIn(sessions).filter((name) => /^\d+$/.test(name))).toEqual([]);
    child.kill('SIGKILL');
    await expect.poll(() => holding.output(), { timeout: 30_000 }).toBe('ready\nclosed\n');
    const left = readdirSync(sessions, { recursive: true }).filter((name) =>
      String(name).includes('sockets-'),
    );
    expect(left).toEqual([]);
    await holding.stop();
  });

  test.runIf(process.getuid?.() === 0)("another user's socket in /tmp is refused", async () => {
    const directory = await privateDirectory(world);
    const path = `/tmp/pinfold-stranger-${process.pid}-${person.uid}`;
    const stranger = await startService(world, path);
    try {
      expect((await world.inside(client(path), ['--allow-socket', path])).stdout).toBe(HEARD);
      chownSync(path, 65534, 65534);
      const ran = await world.inside(client(path), ['--allow-socket', path]);
      expect(ran.code).toBe(125);
      expect(ran.stderr).toContain('belongs to user 65534');
      // In a directory of its own a service may be anybody.
      const own = await startService(world, `${directory}/service`);
      chownSync(own.path, 65534, 65534);
      if (person.uid === 0)
        expect((await world.inside(client(own.path), ['--allow-socket', own.path])).stdout).toBe(HEARD);
      expect(statSync(own.path).uid).toBe(65534);
      await own.stop();
    } finally {
      await stranger.stop();
      rmSync(path, { force: true });
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

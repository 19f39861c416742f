/** Programs inside against the parts of Pinfold's own network: its places cannot be taken, filled up or outlived. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alive, childrenOf } from '../fixtures/host-tree.ts';
import { networkActs } from '../fixtures/network-acts.ts';
import { networkProcessOf } from '../fixtures/network-process.ts';
import { makeNetworkWorld, type NetworkWorld } from '../fixtures/network-world.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const FILTERED = ['--net', 'filtered', '--allow-domain', 'allowed.test', '--allow-domain', '*.wild.test'];

let net: NetworkWorld;
beforeAll(async () => {
  net = await makeNetworkWorld();
});
afterAll(() => net.dispose());

/** The next line that `child` prints. */
async function line(child: ChildProcess): Promise<string> {
  const [chunk] = await once(child.stdout!, 'data');
  return String(chunk).trim();
}

/** Answers come one by one, to acts written one by one. */
async function ask(child: ChildProcess, act: string): Promise<string> {
  const answer = line(child);
  child.stdin!.write(`${act}\n`);
  return await answer;
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let acts: ReturnType<typeof networkActs>;
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
    acts = networkActs(world);
  });
  afterAll(() => world.dispose());

  test('the resolver’s place cannot be taken, before it stands or after', async () => {
    const places = ['198.18.0.1:53', '198.18.0.1:53:free', '0.0.0.0:53'];
    const words = ['udp', 'tcp'].flatMap((kind) => places.map((place) => `bind:${kind}:${place}`));
    const { answers } = await acts.inside(
      [...words, 'resolve:allowed.test', ...words, 'bind:udp:0.0.0.0:5353'],
      FILTERED,
    );
    for (const answer of answers.slice(0, -1).filter((each) => each !== '198.18.1.0'))
      expect(['EACCES', 'EADDRINUSE', 'EADDRNOTAVAIL']).toContain(answer);
    // The control: a port that is nobody's.
    expect(answers.at(-1)).toBe('ok');
  });

  test('a server inside does not take a name’s connections: where it has the one address, the other one leads to the host', async () => {
    const { answers } = await acts.inside(
      ['intercept:allowed.test:9000', 'intercept-later:a.wild.test:9000', 'named:allowed.test:9000'],
      FILTERED,
    );
    expect(answers).toEqual(['CANARY allowed /', 'EADDRINUSE', 'CANARY allowed /']);
  });

  test('eleven hundred names on as many ports, more than are kept open, do not fill up what others need', async () => {
    const { answers } = await acts.inside(['fill:wild.test:1100', 'named:allowed.test:8080'], FILTERED);
    expect(answers).toEqual(['done', 'CANARY allowed /']);
  }, 180_000);

  test('ports below 1024, ports of services and more than 64 ports are not given to the host', async () => {
    const script = `
import socket, sys
kept = []
for port in [9229, 2375, *range(21000, 21100)]:
    s = socket.socket()
    s.bind(('127.0.0.1', port))
    s.listen()
    kept.append(s)
print('up', flush=True)
sys.stdin.read()`;
    const scan = `
import socket, sys
found = 0
for port in [9229, 2375, *range(21000, 21100)]:
    with socket.socket() as s:
        failed = s.connect_ex(('127.0.0.1', port))
        found += not failed
        if port < 21000 and not failed: print('service', port)
print(found)`;
    const child = world.startInside(['/usr/bin/python3', '-c', script], ['--net', 'local'], { input: null });
    expect(await line(child)).toBe('up');
    const outside = async () => (await world.run(['/usr/bin/python3', '-c', scan])).stdout.trim();
    // The two services count among the 64 when they are seen first.
    await expect.poll(outside).toMatch(/^6[234]$/);
    expect(await outside()).toMatch(/^6[234]$/);
    child.stdin!.end();
    await once(child, 'close');
    expect(await outside()).toBe('0');
  });

  test('N-D35: with the network process killed no new way opens', async () => {
    const child = world.startInside(acts.command, FILTERED, { input: null });
    expect(await ask(child, 'named:allowed.test:8080')).toBe('CANARY allowed /');
    process.kill(networkProcessOf(child.pid!, net.host), 'SIGKILL');
    await net.visits();
    expect(await ask(child, 'named:allowed.test:9000')).toBe('EACCES');
    expect(await ask(child, 'tcp:93.184.216.35:8080')).toBe('EACCES');
    expect((await net.visits()).map(({ name }) => name)).not.toContain('denied');
    child.stdin!.end();
    await once(child, 'close');
  });

  test('N-D35: with Pinfold killed, and the gate with it, the sandbox ends', async () => {
    const child = world.startInside(acts.command, FILTERED, { input: null });
    expect(await ask(child, 'named:allowed.test:8080')).toBe('CANARY allowed /');
    const [launcher = 0] = childrenOf(child.pid!);
    const inside = childrenOf(launcher);
    expect(inside.length).toBeGreaterThan(0);
    // The pipes close when nobody inside holds them any more.
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
    await expect.poll(() => inside.filter(alive)).toEqual([]);
  });
});

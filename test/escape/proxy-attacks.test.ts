/** The catalogue's requests to an HTTP proxy, by their ids: to the proxy that a session has where there are no namespaces. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { A, CONNECTS, D, EITHER, REQUESTS } from '../../src/network/proxy/attack-rows.fixture.ts';
import { hindered } from '../fixtures/hindered.ts';
import { type Actor, actor } from '../fixtures/network-acts.ts';
import { makeNetworkWorld, type NetworkWorld } from '../fixtures/network-world.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

/** Reads what to send as hexadecimal, AUTH in it for the session's credentials, and a second part for when it was told yes. */
const CLIENT = `
import base64, os, socket, sys, urllib.parse
at = urllib.parse.urlsplit(os.environ['HTTP_PROXY'])
given = base64.b64encode(('%s:%s' % (at.username, at.password)).encode())
for line in sys.stdin:
    first, then, seconds = line.strip('\\n').split(' ')
    first, then = bytes.fromhex(first), bytes.fromhex(then)
    with socket.create_connection(('127.0.0.1', at.port), float(seconds)) as s:
        heard = b''
        try:
            s.sendall(first.replace(b'AUTH', b'Proxy-Authorization: Basic ' + given))
            if then:
                heard = s.recv(4096)
                if heard.startswith(b'HTTP/1.1 200'): s.sendall(then)
            while len(heard) < 100000 and b'CANARY' not in heard:
                more = s.recv(65536)
                if not more: break
                heard += more
        except OSError: pass
    print(repr(heard.decode('latin1')), flush=True)
`;

let net: NetworkWorld;
beforeAll(async () => {
  net = await makeNetworkWorld();
});
afterAll(() => net.dispose());

describe.each(people)('as $label', (person) => {
  let world: World;
  let client: Actor;
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
    const command = await hindered(world);
    const script = world.put(join(world.project, 'client.py'), CLIENT);
    const flags = ['--mode', 'standard', '--net', 'filtered', '--allow-domain', 'allowed.test'];
    const argv = command(['/usr/bin/python3', script], [...flags, '--allow-domain', 'a.wild.test']);
    client = actor(world.start(argv, { input: null }));
  });
  afterAll(async () => {
    await client.end();
    world.dispose();
  });

  const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex');
  const send = async (first: string, then = '', seconds = 100) => {
    await net.visits();
    const heard = await client.ask(`${hex(first)} ${hex(then)} ${seconds}`);
    const visits = (await net.visits()).filter(({ kind }) => kind !== 'dns');
    return { heard: heard.slice(1), names: [...new Set(visits.map(({ name }) => name))], visits };
  };
  const inner = (host: string) => `GET /in HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

  test('the control: an allowed name is reached by a tunnel and by a whole address', async () => {
    const tunnel = await send(`CONNECT ${A} HTTP/1.1\r\nHost: ${A}\r\nAUTH\r\n\r\n`, inner(A));
    expect(tunnel).toMatchObject({
      heard: expect.stringContaining('CANARY allowed /in'),
      names: ['allowed'],
    });
    const passed = await send(`GET http://${A}/x HTTP/1.1\r\nHost: ${A}\r\nAUTH\r\n\r\n`);
    expect(passed).toMatchObject({ heard: expect.stringContaining('CANARY allowed /x'), names: ['allowed'] });
  });

  test.each(CONNECTS)('gives no tunnel: $id', async ({ line, host }) => {
    const { heard, names } = await send(
      `CONNECT ${line} HTTP/1.1\r\nHost: ${host ?? line}\r\nAUTH\r\n\r\n`,
      inner(A),
    );
    expect(heard).toMatch(/^HTTP\/1.1 4\d\d /);
    expect(names).toEqual([]);
  });

  test.each(REQUESTS)('passes nothing on: $id', async ({ line, host, extra, body }) => {
    const head = `${line} HTTP/1.1\r\nHost: ${host ?? D}\r\n${extra ?? ''}AUTH\r\n\r\n`;
    const { heard, names } = await send(head + (body ?? 'abcd'));
    expect(heard).toMatch(/^HTTP\/1.1 4\d\d /);
    expect(names).toEqual([]);
  });

  test.each(EITHER)('lets nobody else answer: $id', async ({ line, host, extra, body }) => {
    const { names, visits } = await send(
      `${line} HTTP/1.1\r\nHost: ${host}\r\n${extra ?? ''}AUTH\r\n\r\n${body ?? ''}`,
      '',
      // Some of these are no whole request: nobody answers, and nobody needs to.
      2,
    );
    expect(names.filter((name) => name !== 'allowed')).toEqual([]);
    for (const { head } of visits)
      if (head !== undefined) expect(head).toMatch(/^host: allowed\.test:8080\r?$/im);
  });
});

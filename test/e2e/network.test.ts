/** `networkAccess: none`: every way out fails at once, the private loopback works, and the host's services count no visitor. */
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Act, makeWorld, people, type World } from '../fixtures/world.ts';

const NONE = ['--net', 'none'];
const LOCAL = ['--net', 'local'];

describe.each(people)('as $label', (person) => {
  let world: World;
  let server: Server;
  let datagrams: Socket;
  let visits = 0;
  let port = '';
  let datagramPort = '';
  beforeAll(async () => {
    world = await makeWorld(person);
    server = createServer((socket) => {
      visits += 1;
      socket.destroy();
    });
    await new Promise<void>((accept) => server.listen(0, '127.0.0.1', accept));
    port = String((server.address() as { port: number }).port);
    datagrams = createSocket('udp4', () => {
      visits += 1;
    });
    await new Promise<void>((accept) => datagrams.bind(0, '127.0.0.1', accept));
    datagramPort = String(datagrams.address().port);
  });
  afterAll(() => {
    server.close();
    datagrams.close();
    world.dispose();
  });

  test('a service on the host’s loopback is not reached by TCP, fast open or multipath', async () => {
    const acts: Act[] = [
      ['tcp', '127.0.0.1', port],
      ['tcp-fast-open', '127.0.0.1', port],
    ];
    visits = 0;
    // Fast open connects without connect(); the filter says that the protocol lacks it, and callers fall back.
    expect(await world.probeInside(acts, NONE)).toEqual(['ECONNREFUSED', 'EOPNOTSUPP']);
    expect((await world.probeInside([['mptcp', '127.0.0.1', port]], NONE))[0]).not.toBe('ok');
    expect(visits).toBe(0);
    expect(await world.probeOutside([['tcp', '127.0.0.1', port]])).toEqual(['ok']);
    expect(visits).toBe(1);
  });

  test('addresses beyond the loopback are refused at once', async () => {
    const acts: Act[] = [
      ['tcp', '192.0.2.1', '80'],
      ['tcp', '169.254.169.254', '80'],
      ['tcp', '10.0.0.1', '80'],
      ['tcp6', '2001:db8::1', '80'],
      ['udp', '192.0.2.1', '53'],
    ];
    for (const flags of [NONE, LOCAL])
      expect(await world.probeInside(acts, flags)).toEqual(acts.map(() => 'EACCES'));
  });

  test('an address in memory, which no filter sees, is refused as any other', async () => {
    expect(await world.probeInside([['udp-sendmmsg', '192.0.2.1', '53']], NONE)).toEqual(['EACCES']);
  });

  test('a datagram to the host’s loopback does not arrive', async () => {
    visits = 0;
    for (const flags of [NONE, LOCAL]) await world.probeInside([['udp', '127.0.0.1', datagramPort]], flags);
    expect(visits).toBe(0);
    expect(await world.probeOutside([['udp', '127.0.0.1', datagramPort]])).toEqual(['ok']);
    await expect.poll(() => visits).toBe(1);
  });

  test('raw and ping sockets are refused', async () => {
    expect(await world.probeInside([['raw-icmp']])).toEqual(['EPERM']);
    expect((await world.probeInside([['ping', '192.0.2.1']]))[0]).not.toBe('ok');
  });

  test('a name does not resolve, and says so at once', async () => {
    const script =
      "require('dns').lookup('example.com', (error) => process.stdout.write(error ? error.code : 'resolved'))";
    expect((await world.inside([world.node, '-e', script])).stdout).toMatch(/^(EAI_AGAIN|ENOTFOUND)$/);
    expect((await world.inside([world.node, '-e', script.replace('example.com', 'localhost')])).stdout).toBe(
      'resolved',
    );
  });

  test('a server and a client inside talk over the private loopback', async () => {
    for (const mode of ['strict', 'standard'])
      expect(await world.probeInside([['loopback-inside']], ['--mode', mode])).toEqual(['ok']);
  });

  test('a server inside is not reachable from the host', async () => {
    const script = `require('net').createServer().listen(${port}, '127.0.0.1', function () { console.log(this.address().port); this.close() })`;
    // The host's server holds this port; that binding it succeeds shows the two loopbacks are different ones.
    expect((await world.inside([world.node, '-e', script], NONE)).stdout).toBe(`${port}\n`);
    expect((await world.run([world.node, '-e', script])).stderr).toContain('EADDRINUSE');
  });

  test('only loopback is seen', async () => {
    const script = "console.log(Object.keys(require('os').networkInterfaces()).join())";
    expect((await world.inside([world.node, '-e', script])).stdout).toBe('lo\n');
  });

  test('socket families that reach beyond the namespace are refused', async () => {
    // AF_NETLINK is not here: the private namespace makes it harmless. 38 ALG, 17 PACKET, 40 VSOCK, 16/9 NETLINK_KOBJECT is left out.
    const acts: Act[] = [
      ['family', '38', '5'],
      ['family', '17', '3'],
      ['family', '40', '1'],
      ['family', '44', '3'],
      ['family', '31', '1'],
      ['family', '29', '3'],
    ];
    for (const answer of await world.probeInside(acts))
      expect(['EAFNOSUPPORT', 'EPERM', 'EACCES']).toContain(answer);
    const [algorithm] = await world.probeInside(acts.slice(0, 1));
    expect(algorithm).toBe('EAFNOSUPPORT');
  });
});

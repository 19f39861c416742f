/** `networkAccess: local`: services on the host's loopback are reached from inside, and servers inside from the host's. */
import type { ChildProcess } from 'node:child_process';
import { connect, createServer, type Server } from 'node:net';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SERVICE_PORTS } from '../../src/policy/service-ports.ts';
import { lastEvents } from '../fixtures/session-events.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const LOCAL = ['--net', 'local'];

function listen(port: number, host: string, greeting: string): Promise<Server> {
  return new Promise((done, fail) => {
    const server = createServer((socket) => socket.on('error', () => {}).end(greeting));
    server.once('error', fail).listen(port, host, () => done(server));
  });
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}

/** What a server says, or the code of what went wrong. */
function visit(port: number, host = '127.0.0.1'): Promise<string> {
  return new Promise((done) => {
    let heard = '';
    connect({ port, host })
      .on('data', (chunk) => {
        heard += chunk;
      })
      .on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
      .on('close', () => done(heard));
  });
}

/** The same, as a program to be run inside. */
function visitor(port: number, host = '127.0.0.1'): string {
  return `let heard = '';
require('net').connect({ port: ${port}, host: '${host}' })
  .on('data', (chunk) => { heard += chunk; })
  .on('error', (error) => console.log(error.code))
  .on('close', (failed) => { if (!failed) console.log(heard); });`;
}

/** A server inside that says 'inside' to everyone, and 'up' on stdout; ends with its stdin. */
function server(port: number, host: string): string {
  return `process.stdin.on('end', () => process.exit()).resume();
require('net').createServer((socket) => socket.on('error', () => {}).end('inside'))
  .listen(${port}, '${host}', () => console.log('up'));`;
}

describe.each(people)('as $label', (person) => {
  let world: World;
  const servers: Server[] = [];
  const children: ChildProcess[] = [];
  const host = async (port: number, address: string, greeting: string) => {
    const made = await listen(port, address, greeting);
    servers.push(made);
    return portOf(made);
  };
  const inside = async (script: string, flags = LOCAL) =>
    (await world.inside([world.node, '-e', script], flags)).stdout.trim();
  /** Runs a server inside; resolves once it listens. */
  const start = (port: number, address: string) =>
    new Promise<ChildProcess>((done) => {
      const child = world.startInside([world.node, '-e', server(port, address)], LOCAL, { input: null });
      children.push(child);
      child.stdout?.once('data', () => done(child));
    });
  const stop = (child: ChildProcess) =>
    new Promise<void>((done) => {
      child.once('close', () => done());
      child.stdin?.end();
    });
  /** A port that was free a moment ago. */
  const freePort = async () => {
    const made = await listen(0, '127.0.0.1', '');
    const port = portOf(made);
    await new Promise((done) => made.close(done));
    return port;
  };

  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterEach(async () => {
    for (const made of servers.splice(0)) made.close();
    for (const child of children.splice(0)) if (child.exitCode === null) await stop(child);
  });
  afterAll(() => world.dispose());

  test.each(['127.0.0.1', '::1'])(
    'a service on the host’s %s is reached, and not with --net none',
    async (address) => {
      const port = await host(0, address, 'hello from the host');
      expect(await inside(visitor(port, address))).toBe('hello from the host');
      expect(await inside(visitor(port, address), ['--net', 'none'])).toBe('ECONNREFUSED');
    },
  );

  test('each connection is laid at the door of the program that made it, also those that pass unasked', async () => {
    const port = await host(0, '127.0.0.1', 'hello');
    const visit = `import socket
for _ in range(3):
    with socket.create_connection(('127.0.0.1', ${port})) as s:
        while s.recv(100): pass`;
    const script = `import subprocess, sys
sys.stdout.write(subprocess.run([${JSON.stringify(world.node)}, '-e', sys.argv[2]], stdout=subprocess.PIPE, text=True).stdout)
exec(sys.argv[1])`;
    const ran = await world.inside(['/usr/bin/python3', '-c', script, visit, visitor(port)], LOCAL);
    expect(ran).toMatchObject({ stdout: 'hello\n', code: 0 });
    const sums = lastEvents(world).filter(({ kind, port: to }) => kind === 'traffic' && to === port);
    expect(
      sums.map(({ program, connections, down }) => [basename(String(program)), connections, down]),
    ).toEqual([
      ['node', 1, 5],
      [expect.stringMatching(/^python3/), 3, 15],
    ]);
  });

  test('a port on which nothing listens refuses, as it does outside', async () => {
    const port = await freePort();
    expect(await inside(visitor(port))).toBe('ECONNREFUSED');
    expect(await visit(port)).toBe('ECONNREFUSED');
  });

  test('a service that begins later is reached, and one that ends refuses again', async () => {
    const port = await freePort();
    const script = `const { connect } = require('net');
const ask = () => new Promise((done) => {
  let heard = '';
  connect({ port: ${port}, host: '127.0.0.1' }).on('data', (c) => { heard += c; })
    .on('error', (e) => done(e.code)).on('close', (failed) => { if (!failed) done(heard); });
});
process.stdin.on('data', async () => {
  const answer = await ask();
  console.log(answer);
});
process.stdin.on('end', () => process.exit());`;
    const child = world.startInside([world.node, '-e', script], LOCAL, { input: null });
    children.push(child);
    const ask = () =>
      new Promise<string>((done) => {
        child.stdout?.once('data', (chunk) => done(String(chunk).trim()));
        child.stdin?.write('ask\n');
      });
    expect(await ask()).toBe('ECONNREFUSED');
    const service = await listen(port, '127.0.0.1', 'now');
    expect(await ask()).toBe('now');
    expect(await ask()).toBe('now');
    await new Promise((done) => service.close(done));
    // The first one after the end still finds the listener that stood for the service, and is reset.
    expect(['ECONNRESET', 'ECONNREFUSED', '']).toContain(await ask());
    expect(await ask()).toBe('ECONNREFUSED');
  });

  test('a port whose service runs code for whoever asks is refused', async () => {
    // Any of them that this machine has free.
    const port = await [...SERVICE_PORTS.keys()].reduce(
      async (found: Promise<number>, each) =>
        (await found) || host(each, '127.0.0.1', 'debugger').catch(() => 0),
      Promise.resolve(0),
    );
    const harmless = await host(0, '127.0.0.1', 'harmless');
    expect(await visit(port)).toBe('debugger');
    expect(await inside(visitor(port))).toBe('EACCES');
    expect(await inside(visitor(harmless))).toBe('harmless');
  });

  test('localPorts narrows the host’s ports, and a service port that is listed may be used', async () => {
    const service = await [...SERVICE_PORTS.keys()].reduce(
      async (found: Promise<number>, each) =>
        (await found) || host(each, '127.0.0.1', 'service').catch(() => 0),
      Promise.resolve(0),
    );
    const listed = await host(0, '127.0.0.1', 'listed');
    const other = await host(0, '127.0.0.1', 'other');
    const settings = world.put(
      join(world.root, 'ports.json'),
      JSON.stringify({ sandbox: { localPorts: [listed, service] } }),
    );
    const flags = [...LOCAL, '--settings', settings];
    expect(await inside(visitor(listed), flags)).toBe('listed');
    expect(await inside(visitor(service), flags)).toBe('service');
    expect(await inside(visitor(other), flags)).toBe('EACCES');
    expect(await inside(visitor(other))).toBe('other');
  });

  test('a server inside is reached from the host’s loopback on its port, until it ends', async () => {
    const port = await freePort();
    const child = await start(port, '127.0.0.1');
    await expect.poll(() => visit(port)).toBe('inside');
    await stop(child);
    expect(await visit(port)).toBe('ECONNREFUSED');
  });

  test('a server inside that is bound to every address is reached from 127.0.0.1 alone', async () => {
    const port = await freePort();
    await start(port, '0.0.0.0');
    await expect.poll(() => visit(port)).toBe('inside');
    expect(await visit(port, '127.0.0.2')).toBe('ECONNREFUSED');
  });

  test('a port that is taken outside can be used inside, and the service outside stays what it is', async () => {
    const port = await host(0, '127.0.0.1', 'outside');
    await start(port, '127.0.0.1');
    expect(await visit(port)).toBe('outside');
  });

  test('a server inside takes the port over from a service outside that was in use', async () => {
    const port = await host(0, '127.0.0.1', 'outside');
    const script = `${visitor(port)}
process.on('beforeExit', () => {
  if (globalThis.served) return;
  globalThis.served = require('net').createServer((socket) => socket.end('inside')).listen(${port}, '127.0.0.1', () => {
    ${visitor(port).replace('console.log(heard)', '{ console.log(heard); process.exit(); }')}
  });
});`;
    expect(await inside(script)).toBe('outside\ninside');
  });

  test('two sandboxes use the same port inside', async () => {
    const port = await freePort();
    const first = await start(port, '127.0.0.1');
    const second = await start(port, '127.0.0.1');
    await expect.poll(() => visit(port)).toBe('inside');
    await stop(first);
    await stop(second);
    expect(await visit(port)).toBe('ECONNREFUSED');
  });

  test('a megabyte passes both ways, and an end is passed on as an end', async () => {
    const size = 1 << 20;
    const echo = await new Promise<Server>((done) => {
      const made = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
      made.listen(0, '127.0.0.1', () => done(made));
    });
    servers.push(echo);
    const script = `let got = 0;
const socket = require('net').connect({ port: ${portOf(echo)}, host: '127.0.0.1', allowHalfOpen: true });
socket.on('data', (chunk) => { got += chunk.length; }).on('end', () => { console.log(got); socket.destroy(); });
socket.end(Buffer.alloc(${size}));`;
    expect(await inside(script)).toBe(String(size));
  });
});

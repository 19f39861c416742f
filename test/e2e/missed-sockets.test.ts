/** A client whose service's socket the host has is told by Pinfold why it is not there; nobody else is told anything. */
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWorld, people, type World } from '../fixtures/world.ts';

/** In a directory that is there inside as well, and private. */
const SOCKET = '/tmp/buildkitd.sock';
const ABSENT = '/tmp/crio.sock';

/** Connects to each, and prints what came of it. */
const CONNECT = `
import errno, os, socket, sys
for path in sys.argv[1:]:
    client = socket.socket(socket.AF_UNIX)
    try:
        client.connect(path)
        print('ok')
    except OSError as error: print(errno.errorcode[error.errno])
`;
const OWN = `import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
`;
const SERVE = `${OWN}print('ready', flush=True)\nsys.stdin.read()`;

describe.each(people)('as $label', (person) => {
  let world: World;
  let stop: () => Promise<unknown>;
  beforeAll(async () => {
    world = await makeWorld(person);
    // Of tests that were killed.
    rmSync(SOCKET, { force: true });
    const server = world.start(['python3', '-c', SERVE, SOCKET], { input: null });
    await once(server.stdout!, 'data');
    stop = () => {
      const closed = once(server, 'close');
      server.stdin!.end();
      return closed;
    };
  });
  afterAll(async () => {
    await stop();
    rmSync(SOCKET, { force: true });
    world.dispose();
  });

  const connect = (...paths: string[]) => ['python3', '-c', CONNECT, ...paths];

  test.each(['strict', 'standard', 'permissive'])('in %s, once, with what to do', async (mode) => {
    const ran = await world.inside(connect(SOCKET, SOCKET, `/tmp/../${SOCKET}`), ['--mode', mode]);
    expect(ran.stdout).toBe('ENOENT\nENOENT\nENOENT\n');
    expect(ran.stderr).toMatch(
      /^✗ pinfold blocked connect \/tmp\/buildkitd\.sock {2}3× .*\n(pinfold .*\n)?$/,
    );
    const why = await world.pinfold(['why', 'b1']);
    expect(why.stdout).toContain('who may ask it is root on this host');
    expect(why.stdout).toContain(`--allow-socket ${SOCKET}`);
    // The control: outside they connect, and inside where it is opened.
    expect((await world.run(connect(SOCKET))).stdout).toBe('ok\n');
    const opened = await world.inside(connect(SOCKET), ['--mode', mode, '--allow-socket', SOCKET]);
    expect(opened.stdout, opened.stderr).toBe('ok\n');
    expect(opened.stderr).not.toContain('✗');
  });

  test('not of one that the host does not have, nor of a look, an IP address, a name that is no path, or one of its own', async () => {
    expect(existsSync(ABSENT)).toBe(false);
    const script = [
      `python3 -c "$0" ${ABSENT} ./${SOCKET.slice(5)}`,
      `ls ${SOCKET} 2>/dev/null; test ! -e ${SOCKET}`,
      `python3 -c "import socket; print(socket.socket().connect_ex(('127.0.0.1', 1)))"`,
      `python3 -c "import socket; print(socket.socket(socket.AF_UNIX).connect_ex(chr(0) + '${SOCKET}'))"`,
      `python3 -c "$1" ${SOCKET} && python3 -c "$0" ${SOCKET}`,
    ].join('\n');
    const ran = await world.inside(['sh', '-c', script, CONNECT, OWN], ['--net', 'local']);
    // Where nobody listens any more the kernel says ECONNREFUSED.
    expect(ran).toMatchObject({ stdout: 'ENOENT\nENOENT\n111\n111\nECONNREFUSED\n', stderr: '' });
  });

  test('not where nothing is to be seen of refusals', async () => {
    const settings = world.put(`${world.root}/quiet.json`, '{ "sandbox": { "monitor": "off" } }');
    const ran = await world.inside(connect(SOCKET), ['--settings', settings]);
    expect(ran).toMatchObject({ stdout: 'ENOENT\n', stderr: '' });
  });
});

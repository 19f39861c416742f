/** Unix sockets: those of the host answer nobody inside; those made inside work. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Act, makeWorld, people, type World } from '../fixtures/world.ts';

/** Listens on every kind of Unix socket beneath a directory and prints a line per visit. */
const SERVICE = `
import os, select, socket, sys
directory, name = sys.argv[1:3]
kinds = {
    'stream': (socket.SOCK_STREAM, directory + '/stream'), 'datagram': (socket.SOCK_DGRAM, directory + '/datagram'),
    'seqpacket': (socket.SOCK_SEQPACKET, directory + '/seqpacket'), 'abstract': (socket.SOCK_STREAM, '\\0' + name),
    'abstract-datagram': (socket.SOCK_DGRAM, '\\0' + name + '-datagram'),
}
listening = {}
for kind, (type_, address) in kinds.items():
    s = socket.socket(socket.AF_UNIX, type_)
    s.bind(address)
    if type_ != socket.SOCK_DGRAM:
        s.listen(8)
    listening[s] = (kind, type_)
print('ready', flush=True)
while True:
    for s in select.select(list(listening), [], [])[0]:
        kind, type_ = listening[s]
        s.recv(16) if type_ == socket.SOCK_DGRAM else s.accept()[0].close()
        print(kind, flush=True)
`;

describe.each(people)('as $label', (person) => {
  let world: World;
  let service: ChildProcess;
  let name = '';
  let visits = '';
  beforeAll(async () => {
    world = await makeWorld(person);
    name = `pinfold-test-${process.pid}-${person.uid}`;
    service = world.start(['python3', '-c', SERVICE, world.outside, name]);
    service.stdout!.on('data', (chunk: Buffer) => {
      visits += chunk.toString();
    });
    await once(service.stdout!, 'data');
  });
  afterAll(() => {
    service.kill('SIGKILL');
    world.dispose();
  });

  test('host sockets by path and by abstract name are not reached', async () => {
    const acts: Act[] = [
      ['unix-stream', `${world.outside}/stream`],
      ['unix-datagram', `${world.outside}/datagram`],
      ['unix-seqpacket', `${world.outside}/seqpacket`],
      ['unix-stream', `@${name}`],
      ['unix-datagram', `@${name}-datagram`],
    ];
    visits = '';
    const inside = await world.probeInside(acts, ['--mode', 'standard']);
    const { hidden } = world;
    expect(inside).toEqual([hidden, hidden, hidden, 'ECONNREFUSED', 'ECONNREFUSED']);
    expect(visits).toBe('');
    expect(await world.probeOutside(acts)).toEqual(acts.map(() => 'ok'));
    await expect
      .poll(() => visits.trim().split('\n').sort())
      .toEqual(['abstract', 'abstract-datagram', 'datagram', 'seqpacket', 'stream']);
  });

  test('the sockets of system services are not there', async () => {
    const paths = [
      '/run/dbus/system_bus_socket',
      '/run/docker.sock',
      '/var/run/docker.sock',
      '/run/systemd/private',
      '/tmp/.X11-unix/X0',
    ];
    expect(await world.probeInside(paths.map((path): Act => ['unix-stream', path]))).toEqual(
      paths.map(() => 'ENOENT'),
    );
  });

  test('a socket pair and a socket made inside work', async () => {
    const acts: Act[] = [
      ['socketpair'],
      ['unix-listen', '/tmp/inside.sock'],
      ['unix-listen', 'in-project.sock'],
    ];
    expect(await world.probeInside(acts, ['--mode', 'standard'])).toEqual(['ok', 'ok', 'ok']);
  });

  test('addresses of host services are not in the environment', async () => {
    const env = {
      SSH_AUTH_SOCK: '/tmp/agent',
      DBUS_SESSION_BUS_ADDRESS: 'unix:path=/run/bus',
      DISPLAY: ':0',
      WAYLAND_DISPLAY: 'wayland-0',
      DOCKER_HOST: 'tcp://127.0.0.1:2375',
      XDG_RUNTIME_DIR: '/run/user/1',
    };
    const ran = await world.inside(['env'], [], { env });
    expect(ran.stdout).toContain('HOME=');
    for (const variable of Object.keys(env)) expect(ran.stdout).not.toContain(`${variable}=`);
  });
});

/** Claims about variables that lead to Unix sockets. */
import { expect, test } from 'vitest';
import { leadsToOpened } from './socket-variables.ts';

const SOCKET = '/run/user/1000/a';
const sockets = { isOpened: (path: string) => path === SOCKET, opened: [SOCKET] };
const ENVIRONMENT = { XDG_RUNTIME_DIR: '/run/user/1000' };

test.each([
  ['SSH_AUTH_SOCK', SOCKET, true],
  ['SSH_AUTH_SOCK', `${SOCKET}2`, false],
  ['SSH_AUTH_SOCK', 'run/user/1000/a', false],
  ['DBUS_SESSION_BUS_ADDRESS', `unix:path=${SOCKET},guid=1`, true],
  ['DBUS_SESSION_BUS_ADDRESS', `unix:abstract=${SOCKET}`, false],
  ['DBUS_SESSION_BUS_ADDRESS', `tcp:host=localhost;unix:path=${SOCKET}`, false],
  ['DOCKER_HOST', `unix://${SOCKET}`, true],
  ['DOCKER_HOST', 'tcp://127.0.0.1:2375', false],
  ['PULSE_SERVER', `unix:${SOCKET}`, true],
  ['WAYLAND_DISPLAY', 'a', true],
  ['WAYLAND_DISPLAY', SOCKET, true],
  ['WAYLAND_DISPLAY', '../1000/a', false],
  ['GPG_AGENT_INFO', `${SOCKET}:1:1`, true],
  ['XDG_RUNTIME_DIR', '/run/user/1000', true],
  ['XDG_RUNTIME_DIR', '/run/user/100', false],
  ['XDG_RUNTIME_DIR', '', false],
  ['DISPLAY', ':0', false],
  ['NOTIFY_SOCKET', SOCKET, false],
  ['constructor', SOCKET, false],
])('%s=%s leads to the opened one: %s', (name, value, expected) => {
  expect(leadsToOpened(name, { ...ENVIRONMENT, [name]: value }, sockets)).toBe(expected);
});

test('a display is the socket of its number', () => {
  const screen = { isOpened: (path: string) => path === '/tmp/.X11-unix/X7', opened: [] };
  const values = [':7', ':7.0', 'unix:7', ':70', 'host:7', 'localhost:7.0'];
  expect(values.filter((value) => leadsToOpened('DISPLAY', { DISPLAY: value }, screen))).toEqual([
    ':7',
    ':7.0',
    'unix:7',
  ]);
});

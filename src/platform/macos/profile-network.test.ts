/** Attacks over the network and by sockets evaluated against profiles, each with its control. */
import { describe, expect, test } from 'vitest';
import { allowed, HOME, macPolicy, PRIVATE_HOME, PROJECT, TEMP_DIR } from '../../../test/fixtures/mac.ts';
import { type Attack, connect, libinfo, lookup, profileOf, refuses, socket } from './attacks.fixture.ts';

const ATTACKS: readonly Attack[] = [
  {
    id: 'Q-10',
    does: 'docker socket',
    attack: socket('/private/var/run/docker.sock'),
    control: socket(`${TEMP_DIR}/s`),
  },
  {
    id: 'Q-10',
    does: 'docker socket of the home',
    attack: socket(`${HOME}/.docker/run/docker.sock`),
    control: socket(`${TEMP_DIR}/s`),
  },
  {
    id: 'Q-10',
    does: 'ssh-agent',
    attack: socket('/private/tmp/com.apple.launchd.abc/Listeners'),
    control: socket(`${TEMP_DIR}/s`),
  },
  {
    id: 'Q-10',
    does: 'socket of a host program in the project',
    attack: socket(`${PROJECT}/server.sock`),
    control: socket(`${TEMP_DIR}/s`),
  },
  {
    id: 'Q-13',
    does: 'name resolution by socket',
    attack: socket('/private/var/run/mDNSResponder'),
    control: socket(`${TEMP_DIR}/s`),
  },
  {
    id: 'Q-13',
    does: 'name resolution by service',
    attack: lookup('com.apple.dnssd.service'),
    control: libinfo,
  },
  {
    id: 'Q-14',
    does: 'loopback of the host',
    attack: connect('localhost:5432'),
    control: socket(`${TEMP_DIR}/s`),
    in: ['strict', 'permissive'],
  },
  {
    id: 'Q-14',
    does: 'a loopback port that runs code',
    attack: connect('localhost:2375'),
    control: connect('localhost:5432'),
    in: ['standard'],
    more: { network: { loopback: true, refusedPorts: [2375] } },
  },
  {
    id: 'Q-15',
    does: 'a host past the gate',
    attack: connect('203.0.113.7:443'),
    control: connect('localhost:8899'),
    more: { network: { loopback: false, proxyPorts: [8899] } },
  },
  {
    id: 'Q-15',
    does: 'another port than the gate',
    attack: connect('localhost:8898'),
    control: connect('localhost:8899'),
    more: { network: { loopback: false, proxyPorts: [8899] } },
  },
];

describe('attacks of class Q over the network', () => refuses(ATTACKS));

describe('the network', () => {
  const inside = (loopback: boolean, proxyPorts: readonly number[] = []) =>
    profileOf(macPolicy('standard'), { network: { loopback, proxyPorts } });

  test('none is none: no address, not even to listen on', () => {
    const none = inside(false);
    expect(none.allows(connect('localhost:80'))).toBe(false);
    expect(none.allows({ operation: 'network-bind', local: 'localhost:0' })).toBe(false);
    expect(inside(true).allows({ operation: 'network-bind', local: 'localhost:0' })).toBe(true);
  });

  test('loopback is only that', () => {
    expect(inside(true).allows(connect('localhost:80'))).toBe(true);
    expect(inside(true).allows(connect('192.0.2.1:80'))).toBe(false);
    expect(inside(true).allows({ operation: 'network-bind', local: '*:80' })).toBe(false);
  });
});

describe('sockets', () => {
  test("of a person's path may be reached, and nothing beside it", () => {
    const path = '/private/var/run/docker.sock';
    const policy = macPolicy('standard', allowed({ path: '/var/run/docker.sock', mode: 'write' }));
    expect(profileOf(policy).allows(socket(path))).toBe(true);
    expect(profileOf(policy).allows(socket(`${path}2`))).toBe(false);
    expect(profileOf(policy).allows({ operation: 'network-bind', socket: `${PRIVATE_HOME}/s` })).toBe(true);
  });
});

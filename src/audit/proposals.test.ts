import { describe, expect, test } from 'vitest';
import { denialOf, HOME, HOOKS, makePolicy } from '../violations/cases.fixture.ts';
import { riskOf } from '../violations/risk.ts';
import type { Denial, Violation } from '../violations/types.ts';
import { type HostView, proposeGrants } from './proposals.ts';

const policy = makePolicy();
const HOST: HostView = { exists: () => true, resolve: (path) => path, isDirectory: () => true };

function seen(...denials: readonly Denial[]): Violation[] {
  return denials.map((denial, index) => {
    const risk = riskOf(denial, policy);
    return { id: `b${index + 1}`, first: 0, last: 0, count: 1, denial, risk };
  });
}

function learn(denials: readonly Denial[], { merge = true, host = HOST } = {}) {
  return proposeGrants({ violations: seen(...denials), policy, host, merge });
}

const hostDenial = (host: string, port?: number): Denial => ({
  act: 'connect',
  subject: { kind: 'host', host, ...(port !== undefined && { port }) },
  observer: 'gate',
  outcome: 'refused',
});

describe('what is proposed', () => {
  test('is the path with the access that was tried, reading and writing of one joined', () => {
    const { proposals } = learn([
      denialOf('/srv/a/x'),
      denialOf('/srv/a/x', { act: 'write' }),
      denialOf('/srv/b'),
    ]);
    expect(proposals).toMatchObject([
      { key: 'allowedPaths', text: '/srv/a/x', mode: 'write', answers: ['b1', 'b2'] },
      { key: 'allowedPaths', text: '/srv/b', mode: 'read', answers: ['b3'] },
    ]);
  });

  test('is the host with its port', () => {
    expect(learn([hostDenial('api.test', 443)]).proposals).toMatchObject([
      { key: 'allowedDomains', text: 'api.test:443', answers: ['b1'] },
    ]);
  });

  test('goes with a directory above it that is proposed anyway and gives as much', () => {
    const { proposals } = learn([
      denialOf('/srv/a'),
      denialOf('/srv/a/x'),
      denialOf('/srv/a/y', { act: 'write' }),
    ]);
    expect(proposals.map(({ text, mode, answers }) => [text, mode, answers])).toEqual([
      ['/srv/a', 'read', ['b1', 'b2']],
      ['/srv/a/y', 'write', ['b3']],
    ]);
  });

  test('is of medium risk at least where a directory just beneath the root was asked for as a whole', () => {
    const levels = ['/srv', '/srv/data'].map((path) => {
      const { proposals } = learn([denialOf(path, { act: 'list' })]);
      return proposals.map(({ text, risk }) => [text, risk.level]);
    });
    expect(levels).toEqual([[['/srv', 'medium']], [['/srv/data', 'low']]]);
  });

  test('names a way that needs no grant', () => {
    expect(learn([denialOf(`${HOME}/.cache/pip/x`, { act: 'write' })]).proposals[0]?.instead).toBe(
      'PIP_CACHE_DIR=$TMPDIR/pip',
    );
  });
});

describe('siblings', () => {
  const three = (directory: string) => ['a', 'b', 'c'].map((name) => denialOf(`${directory}/${name}`));

  test('three of a directory become it, at no less than medium risk, where merging is wanted', () => {
    expect(learn(three('/srv/data')).proposals).toMatchObject([
      { text: '/srv/data', mode: 'read', merged: 3, risk: { level: 'medium' }, answers: ['b1', 'b2', 'b3'] },
    ]);
    expect(learn(three('/srv/data'), { merge: false }).proposals).toHaveLength(3);
    expect(learn(three('/srv/data').slice(1)).proposals).toHaveLength(2);
  });

  test.each([
    ['the home directory', HOME, HOST],
    ['one just beneath it', `${HOME}/Documents`, HOST],
    ['one just beneath the root', '/srv', HOST],
    [
      'one that holds a credential store',
      `${HOME}/.config/tools`,
      { ...HOST, resolve: (path: string) => path.replace('/.config/tools', '/.ssh') },
    ],
    [
      'one that is a link',
      '/srv/data',
      { ...HOST, resolve: (path: string) => (path === '/srv/data' ? '/elsewhere/data' : path) },
    ],
  ])('never become %s', (_what, directory, host) => {
    const texts = learn(three(directory), { host }).proposals.map(({ text }) => text);
    expect(texts).not.toContain(directory);
  });
});

describe('what is withheld', () => {
  const control = denialOf('/srv/plain');

  test.each<readonly [string, Denial, HostView]>([
    ['a credential store', denialOf(`${HOME}/.ssh/id_ed25519`), HOST],
    ['what holds one', denialOf(`${HOME}/.config`), HOST],
    ['a file whose name says that it is secret', denialOf('/srv/app/.env'), HOST],
    ['the whole home', denialOf(HOME), HOST],
    ['a file that the host runs', denialOf(`${HOME}/.bashrc`, { act: 'write' }), HOST],
    [
      'a protected name of the project',
      denialOf(`${HOME}/projects/app/.git/hooks/x`, { act: 'create', rule: HOOKS }),
      HOST,
    ],
    ['a part of the system, to be written', denialOf('/usr/lib/x', { act: 'write' }), HOST],
    ['a link to a credential store', denialOf('/srv/innocent'), { ...HOST, resolve: () => `${HOME}/.ssh` }],
    ['a link to the home', denialOf('/srv/innocent'), { ...HOST, resolve: () => HOME }],
    [
      'a service of the host',
      { ...control, act: 'connect', subject: { kind: 'socket', path: '/run/docker.sock' } },
      HOST,
    ],
    ['the metadata service', hostDenial('169.254.169.254', 80), HOST],
    [
      'what a person denied',
      denialOf('/srv/x', {
        rule: { ...HOOKS, access: 'none', category: 'setting', origin: { scope: 'user', text: '"/srv/x"' } },
      }),
      HOST,
    ],
  ])('%s, with the reason; what is beside it is proposed', (_what, denial, host) => {
    const { proposals, withheld } = learn([denial], { host });
    expect(proposals).toEqual([]);
    expect(withheld).toEqual([{ id: 'b1', denial, why: expect.stringMatching(/./) }]);
    expect(learn([control]).proposals).toHaveLength(1);
  });
});

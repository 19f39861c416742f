/** The inside may ask for a grant, through a socket that can do nothing else; asking opens nothing. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

/** The socket comes with the first refusal. */
const REFUSED = 'mkdir .vscode 2>&-; until [ -S /run/pinfold/request ]; do :; done;';

/** Writes each argument to a connection of its own, one after the other, and prints what came back and how many were heard. */
const CLIENT = `
const { connect } = require('node:net');
let heard = 0, answer = '';
const next = (messages) => {
  if (messages.length === 0) return console.log(JSON.stringify({ heard, answer }));
  const socket = connect('/run/pinfold/request', () => { heard += 1; socket.end(messages[0]); });
  socket.on('data', (data) => { answer += data; });
  socket.on('error', () => {});
  socket.on('close', () => next(messages.slice(1)));
};
next(JSON.parse(process.argv[1]));
`;

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  const ours = ['--allow', `${inject('install')}:ro`];
  const ask = (words: string) => `${pinfold().join(' ')} request ${words}`;

  async function recorded(): Promise<Record<string, unknown>[]> {
    return JSON.parse((await world.pinfold(['violations', '--json'])).stdout).requests;
  }

  async function send(messages: readonly string[]): Promise<{ heard: number; answer: string }> {
    const script = `${REFUSED} exec "$0" -e "$1" "$2"`;
    const ran = await world.inside(['sh', '-c', script, world.node, CLIENT, JSON.stringify(messages)]);
    return JSON.parse(ran.stdout);
  }

  test('a request is told to the person with its reason and the command that would grant it, and opens nothing', async () => {
    const data = join(world.outside, 'canary');
    const ran = await world.shell(`${REFUSED} ${ask(`${data} --reason "tests read it"`)}; cat ${data}`, ours);
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toContain(
      `cat: ${data}: ${world.either('Permission denied', 'No such file or directory')}`,
    );
    expect(ran.stderr).toContain('Nothing is open yet: a person decides.');
    expect(ran.stderr).toContain('pinfold was asked for 1 grant from inside: pinfold violations');
    expect(await recorded()).toMatchObject([
      { id: 'r1', want: 'read', subject: { kind: 'path', path: data }, reason: 'tests read it' },
    ]);
    const shown = (await world.pinfold(['violations'])).stdout;
    expect(shown).toContain(`pinfold was asked for read ${data}  [r1]\n  says  tests read it\n`);
    expect(shown).toContain(`pinfold run --allow ${data}:ro -- COMMAND   risk `);
    const granted = await world.shell(`cat ${data}`, ['--allow', `${data}:ro`]);
    expect(granted.stdout).toBe('canary-content\n');
  });

  test('nothing is answered, and what is no request is not recorded', async () => {
    const request = '{"want":"read","subject":"/data"}';
    const messages = [
      'x',
      '{"want":"exec","subject":"/bin/sh"}',
      `{"pad":"${'x'.repeat(100_000)}"}`,
      request,
    ];
    expect(await send(messages)).toEqual({ heard: messages.length, answer: '' });
    expect(await recorded()).toMatchObject([{ id: 'r1', subject: { path: '/data' } }]);
  });

  test('after 64 connections the socket is gone, and the command goes on', async () => {
    const messages = Array.from({ length: 200 }, (_, at) => `{"want":"read","subject":"/data/${at}"}`);
    expect(await send(messages)).toEqual({ heard: 64, answer: '' });
    expect(await recorded()).toHaveLength(20);
  });

  test('the socket can be neither removed nor replaced, and no other is made beside it', async () => {
    for (const act of [
      'rm -f /run/pinfold/request',
      'mv /run/pinfold/request /run/x',
      'touch /run/pinfold/y',
    ]) {
      expect({ act, code: (await world.shell(`${REFUSED} ${act}`)).code }).toEqual({ act, code: 1 });
    }
    expect((await world.shell('touch /run/y && mv /run/y /run/x && rm /run/x')).code).toBe(0);
  });

  test('before the first refusal, and outside, there is nobody to ask', async () => {
    expect((await world.shell(ask('/data'), ours)).stderr).toContain('ERR_REQUEST_UNHEARD');
    expect((await world.pinfold(['request', '/data'])).stderr).toContain('this one is not inside');
  });

  test('it works however long the way to the session is', async () => {
    const state = join(world.home, ...Array(8).fill('a-long-directory-name'));
    world.put(join(state, 'mark'));
    const ran = await world.shell(`${REFUSED} ${ask('/data')}`, ours, { env: { XDG_STATE_HOME: state } });
    expect(ran.stderr).toContain('Asked for read /data');
  });
});

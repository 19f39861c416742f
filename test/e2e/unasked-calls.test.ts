/** Connections that pass without being asked about: the program is still known, and none passes once its rule is gone. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { library } from '../fixtures/library.ts';
import { makeNetworkWorld, type NetworkWorld } from '../fixtures/network-world.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

let net: NetworkWorld;
beforeAll(async () => {
  net = await makeNetworkWorld();
});
afterAll(() => net.dispose());

const fetch = (url: string) => `['curl', '-sS', '-m', '8', '-o', '/dev/null', '${url}']`;

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person, net.host);
  });
  afterAll(() => world.dispose());

  test('every connection is counted for the program that made it', async () => {
    const program = `
      await using sandbox = await createSandbox({ mode: 'strict', allowedDomains: ['allowed.test'] });
      const counts = {};
      sandbox.on('egress', ({ program }) => { counts[program] = (counts[program] ?? 0) + 1; });
      const url = 'http://allowed.test:8080/';
      const get = "for (let i = 0; i < 4; i++) await (await fetch('" + url + "', { headers: { connection: 'close' } })).text();";
      const answers = [
        await sandbox.run('sh', ['-c', 'for i in 1 2 3; do curl -sS -o /dev/null ' + url + '; done']),
        await sandbox.run('${world.node}', ['--input-type=module', '-e', get]),
      ];
      const all = () => Object.values(counts).reduce((sum, count) => sum + count, 0);
      while (all() < 7) await once(sandbox, 'egress');
      report({ counts, codes: answers.map(({ exitCode }) => exitCode) });
    `;
    const { counts, codes } = await library<{ counts: Record<string, number>; codes: number[] }>(
      world,
      program,
    );
    expect(codes).toEqual([0, 0]);
    expect(
      Object.fromEntries(Object.entries(counts).map(([path, count]) => [path.split('/').at(-1), count])),
    ).toEqual({
      curl: 3,
      node: 4,
    });
  });

  test.each([
    ['a name', 'allowed.test', 'http://allowed.test:8080/', 9000],
    ['a port of the host’s loopback', '127.0.0.1', 'http://127.0.0.1:8080/', 8080],
  ])(
    'what a rule opened for %s ends with the rule, and is not opened again',
    async (_what, host, url, port) => {
      const holder = `const socket = require('net').connect(${port}, '${host}');
      socket.on('connect', () => console.log('open')).on('error', () => {}).on('close', () => console.log('ended'));`;
      const program = `
      await using sandbox = await createSandbox({ mode: 'strict', allowedDomains: ['127.0.0.1:1'] });
      const code = async () => { const [file, ...args] = ${fetch(url)}; return (await sandbox.run(file, args)).exitCode; };
      const codes = [await code()];
      await sandbox.allow({ host: '${host}' });
      codes.push(await code(), await code());
      const held = sandbox.spawn('${world.node}', ['-e', ${JSON.stringify(holder)}], { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      held.stdout.on('data', (chunk) => { said += chunk; });
      await once(held.stdout, 'data');
      // Attached before: the child may be over before the answer to the revoking is read.
      const over = closed(held);
      await sandbox.revoke({ host: '${host}' });
      await over;
      codes.push(await code());
      await sandbox.allow({ host: '${host}' });
      codes.push(await code());
      report({ codes, said });
    `;
      const refused = host === '127.0.0.1' ? 7 : 6;
      expect(await library(world, program)).toEqual({
        codes: [refused, 0, 0, refused, 0],
        said: 'open\nended\n',
      });
    },
  );
});

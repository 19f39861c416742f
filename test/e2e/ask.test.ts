/** What is refused and could be opened becomes a question, and whoever tried waits for the answer within the call. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { library } from '../fixtures/library.ts';
import { makeNetworkWorld, type NetworkWorld } from '../fixtures/network-world.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

/** A sandbox that asks: `answer` decides, `asked` has what was asked. `sh` gives what a script wrote, errors too. */
const PROLOGUE = `
  const asked = [];
  let answer = () => 'session';
  const sandbox = await createSandbox({ mode: 'strict', projectDir: process.cwd(), ...OPTIONS,
    ask: (question, { signal }) => {
      const { path, host, port } = question.subject;
      asked.push([question.want, path ?? host + ':' + port, question.actor?.program?.split('/').at(-1)]);
      return answer(question, signal);
    } });
  const refused = [];
  sandbox.on('violation', ({ act, subject }) => refused.push(act + ' ' + (subject.path ?? subject.host)));
  const sh = async (script) => {
    const { stdout, stderr } = await sandbox.run('sh', ['-c', script]);
    return (stdout + stderr).trim().replaceAll('\\n', ' | ');
  };
`;

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
    world.put(`${world.home}/.config/pinfold/settings.json`, '{ "sandbox": { "deniedPaths": ["~/shut"] } }');
    world.put(`${world.home}/data/file`, 'content\n');
    world.put(`${world.home}/data/other`, 'other\n');
    world.put(`${world.home}/data/tool`, '#!/bin/sh\necho ran\n', 0o755);
    world.put(`${world.home}/shut/key`, 'denied\n');
    for (let index = 0; index < 12; index += 1) world.put(`${world.home}/many/${index}`, `${index}\n`);
  });
  afterAll(() => world.dispose());

  const ask = <T>(program: string, options = '{}'): Promise<T> =>
    library<T>(
      world,
      `const home = ${JSON.stringify(world.home)};
       const OPTIONS = ${options};
       ${PROLOGUE}
       ${program}
       await sandbox.close();`,
      { device: true },
    );

  test('a yes opens within the call, whatever the call is; without anybody to ask each of them is refused', async () => {
    const acts = [
      'cat HOME/data/file',
      'HOME/data/tool',
      'stat -c %s HOME/many/1',
      'test -r HOME/many/2 && echo readable',
      'cd HOME/shared && cat name',
      'ls HOME/listed',
    ].map((line) => line.replace('HOME', world.home));
    world.put(`${world.home}/shared/name`, 'shared\n');
    world.put(`${world.home}/listed/entry`, 'entry\n');
    const program =
      'const said = []; for (const line of ACTS) said.push(await sh(line)); report({ said, asked, refused });';
    const text = program.replace('ACTS', JSON.stringify(acts));
    const yes = await ask<{ said: string[]; asked: unknown[][]; refused: string[] }>(text);
    expect(yes.said).toEqual(['content', 'ran', '2', 'readable', 'shared', 'entry']);
    expect(yes.refused).toEqual([]);
    const h = world.home;
    expect(yes.asked).toEqual([
      ['read', `${h}/data/file`, 'cat'],
      ['read', `${h}/data/tool`, expect.any(String)],
      ['read', `${h}/many/1`, 'stat'],
      ['read', `${h}/many/2`, expect.any(String)],
      ['read', `${h}/shared`, expect.any(String)],
      ['read', `${h}/listed`, 'ls'],
    ]);
    const silent = await library<string[]>(
      world,
      `const sandbox = await createSandbox({ mode: 'strict' });
       const said = [];
       for (const line of ${JSON.stringify(acts)}) {
         const { stdout, exitCode } = await sandbox.run('sh', ['-c', line]);
         said.push(stdout + (exitCode === 0));
       }
       report(said);
       await sandbox.close();`,
      { device: true },
    );
    expect(silent).toEqual(acts.map(() => 'false'));
  });

  test('a no is EACCES, is a violation, and is not asked again, nor for what lies beneath', async () => {
    const said = await ask<unknown>(`
      answer = () => 'no';
      const first = await sh('ls ' + home + '/data');
      const again = await sh('ls ' + home + '/data; cat ' + home + '/data/file');
      report([first, again.split(' | ').length, asked.length, refused.length]);`);
    expect(said).toEqual([expect.stringContaining('Permission denied'), 2, 1, 3]);
  });

  test('nothing is asked about what is denied on purpose, absent, shown, or too much', async () => {
    const said = await ask<{ out: string[]; asked: unknown[] }>(`
      const out = [];
      for (const line of ['cat ~/absent', 'cat HOME/shut/key', 'cat HOME/absent', 'cat README', 'ls HOME', 'ls -d HOME/shut'])
        out.push(await sh(line.replace('HOME', home)));
      report({ out, asked });`);
    expect(said.asked).toEqual([]);
    expect(said.out[1]).toContain('Permission denied');
    expect(said.out[2]).toContain('No such file');
    expect(said.out[3]).toBe('a project');
  });

  test('an answer for a time ends by itself, and then it is asked anew', async () => {
    const said = await ask<unknown>(`
      answer = () => ({ forMs: 2000 });
      const path = home + '/data/file';
      const one = await sh('cat ' + path);
      while ((await sandbox.run('cat', ['/proc/self/mountinfo'])).stdout.includes(path))
        await new Promise((done) => setTimeout(done, 20));
      answer = () => 'no';
      report([one, await sh('cat ' + path), asked.length]);`);
    expect(said).toEqual(['content', expect.stringContaining('Permission denied'), 2]);
  });

  test('a file can be opened for the one open that waits, and the log has its use; a directory cannot', async () => {
    const said = await ask<unknown>(`
      const offered = [];
      answer = ({ once }) => { offered.push(once); return once ? 'once' : 'no'; };
      const path = home + '/data/file';
      const one = await sh('cat ' + path);
      answer = ({ once }) => { offered.push(once); return 'no'; };
      const again = await sh('cat ' + path);
      await sh('ls ' + home + '/many');
      const { readFileSync } = await import('node:fs');
      const log = readFileSync(home + '/.local/state/pinfold/sessions/' + sandbox.id + '/events.jsonl', 'utf8');
      const events = log.trim().split('\\n').map((line) => JSON.parse(line)).filter(({ kind }) => /^(grant|question)/.test(kind));
      report([one, again, offered, events.map(({ kind, lasts, by, why, program, answer }) => [kind, lasts ?? by ?? why ?? program ?? answer?.kind])]);`);
    expect(said).toEqual([
      'content',
      expect.stringContaining('Permission denied'),
      [true, true, false],
      [
        ['question', 'once'],
        ['grant', 'once'],
        ['grant-used', expect.stringMatching(/\/cat$/)],
        ['grant-ended', 'used'],
        ['question', 'no'],
        ['question', 'no'],
      ],
    ]);
  });

  test('many who try the same wait for one answer', async () => {
    const said = await ask<unknown>(`
      let open;
      answer = () => new Promise((done) => { open = done; });
      const all = Array.from({ length: 5 }, () => sh('cat ' + home + '/data/file'));
      while (open === undefined) await new Promise((done) => setTimeout(done, 10));
      open('session');
      report([await Promise.all(all), asked.length]);`);
    expect(said).toEqual([Array(5).fill('content'), 1]);
  });

  test('while somebody waits, others go on, and may name the same path', async () => {
    const said = await ask<unknown>(`
      const path = home + '/data/file';
      let meanwhile;
      answer = async ({ want }) => {
        if (want === 'write') return 'no';
        meanwhile = await sh('mkdir ' + path + '; touch here; cat README');
        return 'session';
      };
      const reading = sh('cat ' + path);
      while (asked.length === 0) await new Promise((done) => setTimeout(done, 10));
      const writing = sh('echo x > ' + path);
      report([await reading, meanwhile, await writing, asked.map(([want]) => want)]);`);
    const refused = expect.stringMatching(/Read-only|Permission denied/);
    expect(said).toEqual(['content', expect.stringMatching(/a project.*exists/), refused, ['read', 'write']]);
  });

  test('a yes to write lets the very call pass, whatever it changes; without anybody to ask each is refused', async () => {
    world.put(`${world.home}/shown/file`, 'shown\n');
    world.put(`${world.home}/shown/old/file`, 'old\n');
    world.put(`${world.home}/shown/gone/file`, 'gone\n');
    world.put(`${world.home}/data/own`, 'own\n');
    world.put(`${world.home}/shown/here/file`, 'here\n');
    const options = `{ allowedPaths: [{ path: ${JSON.stringify(`${world.home}/shown`)}, mode: 'read' }] }`;
    const acts = [
      'echo x > HOME/shown/file && cat HOME/shown/file',
      'mkdir HOME/shown/old/new && ls HOME/shown/old',
      'rm HOME/shown/gone/file && ls -A HOME/shown/gone',
      'mv HOME/shown/here/file HOME/shown/here/moved && ls HOME/shown/here',
      'echo x > HOME/data/own && cat HOME/data/own',
    ].map((line) => line.replaceAll('HOME', world.home));
    const each = `const said = []; for (const line of ${JSON.stringify(acts)}) said.push(await sh(line));`;
    const said = await ask<{ said: string[]; asked: unknown[]; refused: unknown[] }>(
      `${each} report({ said, asked: asked.map(([want, path]) => want + ' ' + path), refused });`,
      options,
    );
    const h = world.home;
    expect(said).toEqual({
      said: ['x', 'file | new', '', 'moved', 'x'],
      asked: [
        `write ${h}/shown/file`,
        `write ${h}/shown/old`,
        `write ${h}/shown/gone`,
        `write ${h}/shown/here`,
        `write ${h}/data/own`,
      ],
      refused: [],
    });
    const silent = await library<string[]>(
      world,
      `const sandbox = await createSandbox({ mode: 'strict', ...${options} });
       const said = [];
       for (const line of ${JSON.stringify(acts)})
         said.push(String((await sandbox.run('sh', ['-c', line.replace(/ &&.*/, '')])).exitCode !== 0));
       report(said);
       await sandbox.close();`,
      { device: true },
    );
    expect(silent).toEqual(acts.map(() => 'true'));
  });

  test('nobody is asked to write what is denied, what the host runs code from, or the whole home directory', async () => {
    const said = await ask<unknown>(`
      const lines = ['mkdir .vscode', 'echo x > HOME/shut/key', 'rm .git/hooks/*', 'rm -r .git/hooks', 'echo x > HOME/new', 'echo x > here'];
      const said = [];
      for (const line of lines) said.push((await sh(line.replace('HOME', home) + ' || echo refused')).includes('refused'));
      report([said, asked.filter(([want]) => want === 'write')]);`);
    expect(said).toEqual([[true, true, true, true, true, false], []]);
  });

  test('whoever is killed while they wait is gone at once, and the question with them', async () => {
    const said = await ask<unknown>(`
      let gone;
      answer = (question, signal) => new Promise((done) => {
        signal.addEventListener('abort', () => { gone = true; done('session'); });
        child.kill('SIGKILL');
      });
      const child = sandbox.spawn('cat', [home + '/data/file'], { stdio: 'ignore' });
      const [code, signal] = await once(child, 'close');
      report([code, signal, gone, refused.length]);
      answer = () => 'no';`);
    expect(said).toEqual([null, 'SIGKILL', true, expect.any(Number)]);
  });

  test('a sandbox that is closed leaves nobody waiting', async () => {
    const said = await ask<unknown>(`
      const aborted = new Promise((done) => {
        answer = (question, signal) => new Promise(() => signal.addEventListener('abort', () => done('aborted')));
      });
      const running = sandbox.run('cat', [home + '/data/file']);
      while (asked.length === 0) await new Promise((done) => setTimeout(done, 10));
      await sandbox.close();
      report([await aborted, (await running).stdout]);`);
    expect(said).toEqual(['aborted', '']);
  });

  test('ten questions in a minute are the most, and what throws or makes no sense is a no', async () => {
    const said = await ask<unknown>(`
      answer = ({ id }) => { if (id === 'q1') throw new Error('broken'); return id === 'q2' ? 'perhaps' : 'session'; };
      const said = [];
      for (let index = 0; index < 12; index += 1) said.push(await sh('cat ' + home + '/many/' + index + ' 2>/dev/null'));
      report([said, asked.length]);`);
    expect(said).toEqual([['', '', '2', '3', '4', '5', '6', '7', '8', '9', '', ''], 10]);
  });

  test('what the inside asks for in words is an event, and a question', async () => {
    const said = await ask<unknown>(
      `
      const PINFOLD = ${JSON.stringify(pinfold().join(' '))};
      const requests = [];
      sandbox.on('request', ({ want, subject, reason }) => requests.push([want, subject.path, reason]));
      let reason;
      answer = (question) => { reason ??= question.reason; return question.reason ? 'session' : 'no'; };
      await sh('cat ' + home + '/many/1');
      await sh('until [ -S /run/pinfold/request ]; do :; done; ' + PINFOLD + ' request ' + home + '/data/file --reason "to test"');
      while (requests.length === 0 || asked.length < 2) await new Promise((done) => setTimeout(done, 10));
      let shown = '';
      while (shown === '') shown = (await sandbox.run('cat', [home + '/data/file'])).stdout;
      report([requests, reason, shown]);`,
      `{ allowedPaths: [{ path: ${JSON.stringify(inject('install'))}, mode: 'read' }] }`,
    );
    expect(said).toEqual([[['read', `${world.home}/data/file`, 'to test']], 'to test', 'content\n']);
  });
});

describe.each(people)('hosts, as $label', (person) => {
  let net: NetworkWorld;
  let world: World;
  beforeAll(async () => {
    net = await makeNetworkWorld();
    world = await makeWorld(person, net.host);
  });
  afterAll(async () => {
    world.dispose();
    await net.dispose();
  });

  test('a connection waits for the answer, by its name and port; a no is told in its protocol', async () => {
    const said = await library<{ said: string[]; asked: unknown[][]; refused: string[] }>(
      world,
      `const OPTIONS = { deniedDomains: ['denied.test'] };
       ${PROLOGUE}
       answer = ({ subject }) => (subject.port === 9000 ? 'no' : 'session');
       const fetch = (url) => sh('curl -sS -m 8 -o /dev/null -w "%{http_code}" ' + url + ' 2>/dev/null; echo " $?"');
       const said = [];
       for (const url of ['http://allowed.test:8080/', 'http://allowed.test:8080/', 'http://denied.test:8080/', 'http://a.wild.test:9000/'])
         said.push(await fetch(url));
       answer = () => 'session';
       said.push(await fetch('http://a.wild.test:8080/'));
       report({ said, asked, refused });
       await sandbox.close();`,
    );
    expect(said.said).toEqual(['200 0', '200 0', '000 6', '403 0', '000 6']);
    expect(said.asked).toEqual([
      ['connect', 'allowed.test:8080', 'curl'],
      ['connect', 'a.wild.test:9000', 'curl'],
    ]);
    expect(said.refused).toContain('connect a.wild.test');
    expect(said.refused).toContain('resolve denied.test');
  });

  test('a person who wrote that there is no network has answered', async () => {
    const said = await library<unknown>(
      world,
      `const OPTIONS = { networkAccess: 'none' };
       ${PROLOGUE}
       report([await sh('curl -sS -m 8 http://allowed.test:8080/ 2>/dev/null; echo $?'), asked]);
       await sandbox.close();`,
    );
    expect(said).toEqual(['6', []]);
  });
});

/** Exit codes, standard streams and arguments: what a command sees must be what its caller gave. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { finished, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  test('a command runs and its output and success come back', async () => {
    expect(await world.inside(['echo', 'hi'])).toMatchObject({ code: 0, stdout: 'hi\n' });
  });

  test.each([0, 1, 2, 7, 42, 124, 255])('exit code %i is the command’s own', async (code) => {
    expect((await world.shell(`exit ${code}`)).code).toBe(code);
  });

  test.each([
    ['TERM', 143],
    ['KILL', 137],
    ['SEGV', 139],
    ['INT', 130],
    ['HUP', 129],
  ])('death by SIG%s is exit code %i', async (signal, code) => {
    expect((await world.shell(`kill -${signal} $$`)).code).toBe(code);
  });

  test('a missing command is 127 and is named', async () => {
    const ran = await world.inside(['no-such-command-here']);
    expect(ran).toMatchObject({ code: 127, stdout: '' });
    expect(ran.stderr).toContain('no-such-command-here');
  });

  test('a file that may not be executed is 126 and is named', async () => {
    world.put(`${world.project}/plain-file`, 'echo never\n');
    const ran = await world.inside(['./plain-file']);
    expect(ran).toMatchObject({ code: 126, stdout: '' });
    expect(ran.stderr).toContain('plain-file');
    world.put(`${world.project}/plain-file`, '#!/bin/sh\necho now\n', 0o755);
    expect(await world.inside(['./plain-file'])).toMatchObject({ code: 0, stdout: 'now\n' });
  });

  test('arguments arrive as they were given', async () => {
    const given = ['a b', "it's", '$HOME', '', '--mode', '-c', '@file', '--', '*', 'new\nline', '"', 'ünï'];
    const script = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
    const ran = await world.inside([world.node, '-e', script, '--', ...given]);
    expect(JSON.parse(ran.stdout)).toEqual(given);
  });

  test('words after -- are the command, whatever they look like', async () => {
    const ran = await world.inside(['--mode', 'permissive']);
    expect(ran.code).toBe(127);
    expect(ran.stderr).toContain('--mode');
  });

  test('standard input arrives, and its end', async () => {
    expect(await world.inside(['cat'], [], { input: 'x' })).toMatchObject({ code: 0, stdout: 'x' });
    expect(await world.inside(['cat'], [], { input: '' })).toMatchObject({ code: 0, stdout: '' });
  });

  test('a megabyte passes through unchanged', async () => {
    const input = Buffer.alloc(1 << 20, 'pinfold ').toString();
    const ran = await world.inside(['cat'], [], { input });
    expect(ran.stdout === input).toBe(true);
  });

  test('standard error stays apart from standard output, and Pinfold adds nothing to the latter', async () => {
    const ran = await world.shell('echo out; echo err >&2');
    expect(ran.stdout).toBe('out\n');
    expect(ran.stderr).toContain('err\n');
  });

  test('the working directory is the one it was started in', async () => {
    expect((await world.inside(['pwd'], [], { cwd: `${world.project}/src` })).stdout).toBe(
      `${world.project}/src\n`,
    );
  });

  // Java and ssh ask passwd(5) and not $HOME: in a home that is hidden they would find nothing, and could write nothing.
  test('whoever asks the list of users for the home is led to the private one, and every other entry is the host’s', async () => {
    const ask = `getent passwd ${person.uid} | cut -d: -f6; echo "$HOME"; cat /etc/passwd`;
    const host = (await world.run(['cat', '/etc/passwd'])).stdout;
    for (const mode of ['strict', 'standard']) {
      const [home, own, ...lines] = (await world.shell(ask, ['--mode', mode])).stdout.split('\n');
      expect(home).toBe(own);
      expect(own).toContain('/.local/share/pinfold/homes/');
      const fields = (line: string) => line.split(':');
      const expected = host
        .split('\n')
        .map((line) =>
          fields(line)[2] === String(person.uid) ? fields(line).with(5, own!).join(':') : line,
        );
      expect(lines).toEqual(expected);
    }
    // The control: where the home is open, nothing is rewritten.
    const open = await world.inside(['cat', '/etc/passwd'], ['--mode', 'permissive']);
    expect(open.stdout).toBe(host);
    const written = await world.shell('echo x >> /etc/passwd');
    expect(written.stderr).toContain('/etc/passwd: Read-only file system');
  });

  test('a list of users that is denied stays denied', async () => {
    expect((await world.inside(['wc', '-l', '/etc/passwd'])).code).toBe(0);
    const denied = await world.inside(['cat', '/etc/passwd'], ['--deny', '/etc/passwd']);
    expect(denied).toMatchObject({ code: 1, stdout: '' });
    expect(denied.stderr).toContain('cat: /etc/passwd: No such file or directory');
  });

  test('SIGTERM reaches a child that traps it', async () => {
    const child = world.startInside([
      'sh',
      '-c',
      'trap "echo trapped; exit 9" TERM; echo ready; while :; do sleep 0.05; done',
    ]);
    const ended = finished(child);
    await once(child.stdout!, 'data');
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 9, stdout: 'ready\ntrapped\n' });
  });

  test('SIGTERM ends a child that does not, with 143', async () => {
    const child = world.startInside(['sh', '-c', 'echo ready; exec sleep 60']);
    const ended = finished(child);
    await once(child.stdout!, 'data');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(143);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
    'a pipeline whose reader leaves early ends, time %i of ten',
    async () => {
      expect(await world.shell('yes | head -1')).toMatchObject({ code: 0, stdout: 'y\n' });
    },
  );
});

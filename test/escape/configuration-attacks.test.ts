/** Every row of the catalogue's attacks by configuration, by its id: what is no setting stops the run, and no setting gives more than it says. */
import { chmodSync, existsSync, lchownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { REFUSED_ROWS } from '../fixtures/configuration-attacks.ts';
import { KEPT_ROWS, NAMES, type Places } from '../fixtures/configuration-kept.ts';
import { treeOf } from '../fixtures/host-tree.ts';
import { startSpeaking } from '../fixtures/speaking-session.ts';
import { type Act, makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

const STRICT = '{ "sandbox": { "mode": "strict" } }';

/** `ok` of a file that was read comes with its first line. */
const withoutText = (answer: string) => answer.replace(/^ok:.*/, 'ok');

describe.each(people)('as $label', (person) => {
  let world: World;
  let at: Places;
  /** The person's own file, and the one of the project. */
  let file: string;
  let projects: string;
  beforeAll(async () => {
    world = await makeWorld(person);
    const { project, outside, home } = world;
    at = { project, outside, home };
    file = `${home}/.config/pinfold/settings.json`;
    projects = `${project}/.pinfold/settings.json`;
    for (const name of ['a', 'b', ...NAMES.map(([, each]) => each)]) world.put(`${outside}/${name}/f`);
    for (const name of ['secret/key', 'secret/pub/f', 'SECRET/key', 'relative/dir/f', 'src/relative/dir/f'])
      world.put(`${project}/${name}`, 'x\n');
    for (const name of ['.aws/key', 'data/f', '.local/state/pinfold/f']) world.put(`${home}/${name}`, 'x\n');
    for (const name of ['project\\..\\..', 'project']) world.put(`${world.root}/${name}/f`);
    world.put(`${project}/.git/hooks/f`);
    link('secret', `${project}/secret-link`);
  });
  afterAll(() => world.dispose());
  afterEach(() => {
    rmSync(file, { recursive: true, force: true });
    rmSync(projects, { recursive: true, force: true });
  });

  function link(target: string, path: string): void {
    symlinkSync(target, path);
    lchownSync(path, person.uid, person.gid);
  }
  const marker = () => `${world.project}/it-ran`;
  async function started(): Promise<Ran & { readonly ran: boolean }> {
    rmSync(marker(), { force: true });
    const outcome = await world.pinfold(['run', '--', 'touch', marker()]);
    return { ...outcome, ran: existsSync(marker()) };
  }
  async function expectRefused(...words: readonly string[]): Promise<void> {
    const { code, ran, stderr } = await started();
    expect({ code, ran }, stderr).toEqual({ code: 125, ran: false });
    for (const word of words) expect(stderr).toContain(word);
  }
  async function expectToRun(): Promise<void> {
    const { code, ran, stderr } = await started();
    expect({ code, ran }, stderr).toEqual({ code: 0, ran: true });
  }
  const settings = (inside: object) => JSON.stringify({ sandbox: inside });

  /** Most rows have in common what stands in the file without the defect. */
  const mended = new Map<string, Promise<void>>();

  test.each(REFUSED_ROWS)('$id: $what is refused where it stands', async (row) => {
    writeFileSync(world.put(file), row.text);
    await expectRefused(`  ${file}:${row.place} ${row.says}`);
    world.put(file, row.mended);
    if (!mended.has(row.mended)) mended.set(row.mended, expectToRun());
    await mended.get(row.mended);
  });

  async function met(acts: readonly Act[]): Promise<{ readonly answers: string[]; readonly stderr: string }> {
    const words = acts.flatMap((act, index) => (index === 0 ? [...act] : ['--', ...act]));
    const flags = ['--allow', `${world.root}/bin:ro`];
    // Not where the project begins: nothing depends on where somebody stands.
    const options = { cwd: `${world.project}/src` };
    const { code, stdout, stderr } = await world.pinfold(
      ['run', ...flags, '--', world.probe, ...words],
      options,
    );
    expect(code, stderr).toBe(0);
    return { answers: stdout.trimEnd().split('\n').map(withoutText), stderr };
  }
  const said = (word: string) => (word === 'hidden' ? world.hidden : word);

  test('without settings each act of a row that is kept meets what the row says', async () => {
    const acts = KEPT_ROWS.flatMap((row) => row.acts(at));
    const { answers } = await met(acts.map(([act]) => act));
    expect(acts.map(([act], index) => [...act, answers[index]])).toEqual(
      acts.map(([act, , otherwise]) => [...act, said(otherwise)]),
    );
  });

  test.each(KEPT_ROWS)('$id: $what', async (row) => {
    const text = row.settings(at);
    world.put(file, typeof text === 'string' ? text : JSON.stringify(text));
    const acts = row.acts(at);
    const before = Object.keys(treeOf(world.outside));
    const { answers, stderr } = await met(acts.map(([act]) => act));
    expect(acts.map(([act], index) => [...act, answers[index]])).toEqual(
      acts.map(([act, answer]) => [...act, said(answer)]),
    );
    if (row.notice === undefined) expect(stderr).not.toContain('notice');
    else expect(stderr).toContain(row.notice);
    expect(Object.keys(treeOf(world.outside))).toEqual(before);
  });

  test('F-23: what switches another product off makes this one refuse, and never run without a sandbox', async () => {
    world.put(file, '{ "sandbox": {\n"enabled": false } }');
    await expectRefused(`"enabled": false in ${file}:2`, '--sandbox');
    world.put(file, '{ "sandbox": {\n"enabled": true } }');
    await expectToRun();
  });

  test('F-30.20: a path that does not exist is told, is not made, and opens for nobody who makes it later', async () => {
    const late = `${world.outside}/late`;
    world.put(file, settings({ mode: 'strict', allowedPaths: [late] }));
    const session = await startSpeaking(world, []);
    try {
      expect(existsSync(late)).toBe(false);
      world.put(`${late}/f`, 'host\n');
      expect(await session.say(`sh -c 'echo x > ${late}/f && echo wrote'`)).not.toContain('wrote');
    } finally {
      session.child.kill('SIGKILL');
      await session.ended;
    }
    // The control: it is there from the start.
    expect((await met([['write', `${late}/f`]])).answers).toEqual(['ok']);
    rmSync(late, { recursive: true });
  });

  test('F-30.21: a link in the project that leads out of it is refused, whoever may have made it', async () => {
    const way = `${world.project}/way`;
    link(world.outside, way);
    world.put(file, settings({ allowedPaths: [way] }));
    await expectRefused(`Cannot allow ${way} (${file}:1: `, `it leads to ${world.outside}`);
    world.put(file, settings({ allowedPaths: [world.outside] }));
    await expectToRun();
    rmSync(way);
  });

  test.each([
    ['F-40', 'an empty list of hosts', { allowedDomains: [] }],
    ['F-41', 'no list of hosts', {}],
  ])('%s: %s is no host at all', async (_id, _what, hosts) => {
    const asked = ['run', '--', 'getent', 'hosts', 'allowed.test'];
    world.put(file, settings({ mode: 'permissive', ...hosts }));
    expect(await world.pinfold(asked)).toMatchObject({ code: 2, stdout: '' });
    expect((await met([['tcp', '192.0.2.1', '80']])).answers).toEqual(['EACCES']);
    // The control: named, it gets the address that stands for it.
    world.put(file, settings({ mode: 'permissive', allowedDomains: ['allowed.test'] }));
    expect(await world.pinfold(asked)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('allowed.test'),
    });
  });

  test.each([
    [
      'F-44',
      'capitals and a dot at the end are one spelling',
      ['ALLOWED.Test.'],
      [],
      'allowed.test',
      'evilallowed.test',
    ],
    [
      'F-45',
      'a denied host beneath a wildcard is denied',
      ['*.wild.test'],
      ['a.wild.test'],
      'b.wild.test',
      'a.wild.test',
    ],
  ])('%s: %s', async (_id, _what, allowedDomains, deniedDomains, open, shut) => {
    world.put(file, settings({ mode: 'permissive', allowedDomains, deniedDomains }));
    const script = 'for host in "$@"; do getent hosts "$host" >/dev/null; echo $?; done';
    const { stdout } = await world.pinfold(['run', '--', 'sh', '-c', script, 'sh', open, shut]);
    expect(stdout).toBe('0\n2\n');
  });

  test('F-50: a file of the project tightens at once (refused in the catalogue), and widens when it is trusted', async () => {
    const acts: Act[] = [
      ['write', `${world.outside}/a/f`],
      ['read', `${world.project}/secret/key`],
    ];
    world.put(projects, settings({ allowedPaths: [`${world.outside}/a`], deniedPaths: ['secret'] }));
    const before = await met(acts);
    expect(before.answers).toEqual([world.hidden, 'EACCES']);
    expect(before.stderr).toContain('pinfold trust');
    expect((await world.pinfold(['trust', '--yes'])).code).toBe(0);
    expect((await met(acts)).answers).toEqual(['ok', 'EACCES']);
    // As soon as it says something else, it is nobody's word again.
    world.put(projects, settings({ allowedPaths: [`${world.outside}/b`] }));
    expect((await met([['write', `${world.outside}/b/f`]])).answers).toEqual([world.hidden]);
  });

  test('F-51: a person’s file that everybody may write is refused', async () => {
    world.put(file, STRICT, 0o666);
    await expectRefused(`${file}:1:1 every user may write it`);
    chmodSync(file, 0o644);
    await expectToRun();
  });

  test.each([
    ['a pipe', 'a device, pipe or socket', (path: string) => ['mkfifo', path]],
    ['a directory', 'a directory', (path: string) => ['mkdir', path]],
    [
      'a socket',
      'a socket or a pipe',
      (path: string) => [
        'python3',
        '-c',
        `import socket; socket.socket(socket.AF_UNIX).bind(${JSON.stringify(path)})`,
      ],
    ],
    ['a device', 'a device, pipe or socket', (path: string) => ['ln', '-s', '/dev/zero', path]],
  ])('F-52: %s in the place of the file is refused', async (_what, words, make) => {
    expect((await world.run(make(file))).code).toBe(0);
    await expectRefused(`${file}:1:1 ${words} stands in place of the settings file`);
    rmSync(file, { recursive: true });
    world.put(file, STRICT);
    await expectToRun();
  });

  test('F-53: a person’s file that is a link into the project is refused', async () => {
    mkdirSync(`${world.home}/.config/pinfold`, { recursive: true });
    const inside = world.put(`${world.project}/mine.json`, STRICT);
    link(inside, file);
    await expectRefused(`${file}:1:1 it is a symbolic link to ${inside}, inside the project`);
    rmSync(file);
    link(world.put(`${world.home}/dotfiles/mine.json`, STRICT), file);
    await expectToRun();
  });

  test('outside, the person reads and writes what is hidden inside', async () => {
    const acts: Act[] = ['canary', 'a/f', 'b/f'].flatMap((name) => [
      ['read', `${world.outside}/${name}`],
      ['append', `${world.outside}/${name}`],
    ]);
    expect((await world.probeOutside(acts)).map(withoutText)).toEqual(acts.map(() => 'ok'));
    expect((await met(acts)).answers).toEqual(acts.map(() => world.hidden));
  });
});

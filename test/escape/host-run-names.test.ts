/** Absent names that the host would run by itself: no syscall, no route and no race brings one into being. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Act, compileFixture, makeWorld, people, type World } from '../fixtures/world.ts';

const NAMES = [
  '.mcp.json',
  '.envrc',
  '.vscode',
  '.idea',
  '.claude',
  '.pinfold',
  '.codex',
  '.cursor/mcp.json',
  '.gemini',
];

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
    // What git runs must be absent for these tests; git itself does not mind.
    rmSync(`${world.project}/.git/hooks`, { recursive: true });
  });
  afterAll(() => world.dispose());
  beforeEach(() => {
    rmSync(`${world.project}/material`, { recursive: true, force: true });
    world.put(`${world.project}/material/file`, 'planted\n');
    world.put(`${world.project}/material/directory/pre-commit`, '#!/bin/sh\n', 0o755);
  });

  /** Every way of bringing `name` into being beneath `directory`. */
  const ways = (directory: string, name: string): Act[] => {
    const path = `${directory}/${name}`;
    const material = `${world.project}/material`;
    return [
      ['create', path],
      ['create-excl', path],
      ['openat-creat', path],
      ['creat', path],
      ['open-creat', path],
      ['create-at', directory, name],
      ['create-in', directory, name],
      ['mkdir', path],
      ['mkdir-at', directory, name],
      ['fifo', path],
      ['node', path],
      ['symlink', '/tmp/elsewhere', path],
      ['link', `${material}/file`, path],
      ['tmpfile-link', material, path],
      ['rename', `${material}/file`, path],
      ['rename', `${material}/directory`, path],
      ['rename-noreplace', `${material}/file`, path],
      ['create', `${directory}/./${name}`],
      ['create', `${directory}//${name}`],
      ['mkdir', `${path}/`],
    ];
  };

  test('.git/hooks comes into being by no syscall', async () => {
    const acts = ways(`${world.project}/.git`, 'hooks');
    const results = await world.probeInside(acts);
    expect(Object.fromEntries(acts.map((act, index) => [act.join(' '), results[index]]))).toEqual(
      Object.fromEntries(acts.map((act) => [act.join(' '), 'EACCES'])),
    );
    expect(existsSync(`${world.project}/.git/hooks`)).toBe(false);
    // The control: each way works on the host, alone.
    for (const act of acts) {
      const [answer] = await world.probeOutside([act]);
      expect({ act, answer }).toEqual({ act, answer: 'ok' });
      rmSync(`${world.project}/.git/hooks`, { recursive: true, force: true });
      world.put(`${world.project}/material/file`, 'planted\n');
      world.put(`${world.project}/material/directory/pre-commit`, '#!/bin/sh\n', 0o755);
    }
  });

  test('openat2 and io_uring, which no filter can look into, are absent', async () => {
    expect(
      await world.probeInside([['openat2-create', `${world.project}/.mcp.json`], ['io_uring_setup']]),
    ).toEqual(['ENOSYS', 'ENOSYS']);
    expect(existsSync(`${world.project}/.mcp.json`)).toBe(false);
  });

  test.each(NAMES)('%s cannot be made, as a file or a directory, nor by a rename', async (name) => {
    const path = `${world.project}/${name}`;
    if (name.includes('/')) world.put(`${dirname(path)}/note`);
    const acts: Act[] = [
      ['create', path],
      ['mkdir', path],
      ['rename', `${world.project}/material/file`, path],
      ['symlink', '/tmp/x', path],
    ];
    expect(await world.probeInside(acts)).toEqual(['EACCES', 'EACCES', 'EACCES', 'EACCES']);
    expect(existsSync(path)).toBe(false);
  });

  test('the same holds in a sub-directory and in one made during the run', async () => {
    mkdirSync(`${world.project}/sub`, { recursive: true });
    const script = `mkdir -p fresh/deep; for d in sub fresh fresh/deep; do for n in .mcp.json .envrc; do echo x > $d/$n; done; mkdir $d/.vscode; done; true`;
    await world.run(['chmod', '777', 'sub']);
    await world.shell(script);
    for (const directory of ['sub', 'fresh', 'fresh/deep'])
      expect(readdirSync(`${world.project}/${directory}`).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(readdirSync(world.project)).toContain('fresh');
    rmSync(`${world.project}/fresh`, { recursive: true, force: true });
  });

  test('a directory that already holds the name cannot be moved into its place', async () => {
    await world.shell(
      'mkdir -p carrier/inner && echo x > carrier/inner/settings.json && mv carrier/inner .vscode; mv carrier/inner carrier/.vscode; true',
    );
    expect(existsSync(`${world.project}/.vscode`)).toBe(false);
    expect(existsSync(`${world.project}/carrier/.vscode`)).toBe(false);
  });

  test('a directory is moved with the protected files in it, which stay as they are', async () => {
    world.put(`${world.project}/package/.npmrc`, 'mine\n');
    world.put(`${world.project}/package/.vscode/tasks.json`, '{}\n');
    const script =
      'mv package moved && echo ok; echo x >> moved/.npmrc; rm -rf moved/.vscode; ln moved/.npmrc second; mv moved/.npmrc moved/other; true';
    const ran = await world.shell(script);
    expect({ code: ran.code, stdout: ran.stdout }).toEqual({ code: 0, stdout: 'ok\n' });
    const moved = (name: string) => readFileSync(`${world.project}/moved/${name}`, 'utf8');
    expect([moved('.npmrc'), moved('.vscode/tasks.json')]).toEqual(['mine\n', '{}\n']);
    expect(readdirSync(world.project)).not.toContain('second');
    await world.run(['sh', '-c', script.replace('mv package moved && ', '')]);
    expect(moved('other')).toBe('mine\nx\n');
    rmSync(`${world.project}/moved`, { recursive: true });
    rmSync(`${world.project}/second`);
  });

  test('a repository cannot be assembled under another name and moved to .git', async () => {
    const script =
      'mkdir -p build/git && cp -r .git/objects .git/refs .git/HEAD build/git/ && echo "[core]" > build/git/config && mkdir build/git/hooks && echo x > build/git/hooks/pre-commit; mv build/git build/.git; mv .git old; true';
    await world.shell(script);
    expect(existsSync(`${world.project}/.git/HEAD`)).toBe(true);
    expect(existsSync(`${world.project}/build/.git/hooks/pre-commit`)).toBe(false);
    rmSync(`${world.project}/build`, { recursive: true, force: true });
  });

  test('names in other case, with trailing dots or spaces harm nothing and crash nothing', async () => {
    const names = ['.GIT', '.Vscode', '.mcp.JSON', '.envrc.', '.envrc ', 'x'.repeat(255), 'ünï'];
    const results = await world.probeInside(names.map((name): Act => ['create', `${world.project}/${name}`]));
    for (const answer of results) expect(['ok', 'EACCES']).toContain(answer);
    expect(results.slice(-2)).toEqual(['ok', 'ok']);
    expect(
      await world.probeInside([
        ['create', `${world.project}/${'x'.repeat(256)}`],
        ['create', ''],
      ]),
    ).toEqual(['ENAMETOOLONG', 'ENOENT']);
  });

  test('a thread that rewrites the path during the refused call wins nothing that stays', async () => {
    const race = await compileFixture('race');
    const program = `${world.root}/bin/race`;
    copyFileSync(race, program);
    chmodSync(program, 0o755);
    const guarded = `${world.project}/.mcp.json`;
    const ran = await world.inside(
      [program, `${world.project}/innocent0`, guarded, '4000'],
      ['--allow', `${dirname(program)}:ro`],
    );
    expect(existsSync(guarded)).toBe(false);
    // Either every call was refused or renamed in time, or the one that won ended the session and was reported.
    if (ran.code !== 0) expect(ran.stderr).toContain('.mcp.json');
    else expect(ran.stdout).toMatch(/made innocent: [1-9]/);
    const control = await world.run([program, `${world.project}/innocent0`, guarded, '4000']);
    expect(control.stdout).toMatch(/made guarded: [1-9]/);
    rmSync(guarded);
  });

  test('an attempt is reported when the run ends, with the name and the rule', async () => {
    const ran = await world.shell('echo x > .mcp.json; exit 0');
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain('.mcp.json');
    const silent = await world.shell('exit 0');
    expect(silent.stderr).not.toContain('.mcp.json');
  });
});

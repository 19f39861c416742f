/** Names and values that are not UTF-8: a command is given the very bytes, and what has to be text is refused. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  /** By a shell, since Node cannot hand such words on. `$1` and `$bad` are `a`, byte 0xff, `é` and byte 0xc3. */
  function outside(script: string): Promise<Ran> {
    const given = `bad=$(printf 'a\\377\\303\\251\\303'); export bad; ${script}`;
    return world.run(['sh', '-c', given, 'sh', ...pinfold()]);
  }
  const BYTES = ' 61 ff c3 a9 c3';

  test.each(['run', 'run --detach --stdin none'])(
    '%s: words and variables arrive as they were given',
    async (line) => {
      world.put(
        `${world.project}/dump`,
        'for each in "$1" "$bad" "$longer"; do printf %s "$each" | od -An -tx1; done > bytes; : > done\n',
      );
      const ran = await outside(`longer="x$bad" "$@" ${line} -q -- sh dump "$bad"`);
      expect(ran.code, ran.stderr).toBe(0);
      while (!existsSync(`${world.project}/done`)) await new Promise((resolve) => setTimeout(resolve, 50));
      expect(readFileSync(`${world.project}/bytes`, 'utf8')).toBe(`${BYTES}\n${BYTES}\n 78${BYTES}\n`);
      await world.run(['rm', 'bytes', 'done']);
    },
  );

  test('a command acts on the file that was named, and on no other', async () => {
    const ran = await outside(
      `echo meant > "$bad"; echo other > "$(printf 'a\\357\\277\\275\\303\\251\\357\\277\\275')"; "$@" run -q -- cat "$bad"; "$@" run -q -- rm "$bad"; ls -b; rm -f a*`,
    );
    expect(ran.stdout).toContain('meant\n');
    expect(ran.stdout).not.toContain('other');
    expect(ran.stdout).not.toContain('\\377');
  });

  test('pinfold exec and the log know it too', async () => {
    const session = world.startInside(['sh', '-c', 'echo up; exec sleep 1000']);
    await new Promise((resolve) => session.stdout!.once('data', resolve));
    try {
      const ran = await outside(`"$@" exec -- sh -c 'printf %s "$1" | od -An -tx1' sh "$bad"`);
      expect(ran).toMatchObject({ code: 0, stdout: `${BYTES}\n` });
    } finally {
      session.kill('SIGTERM');
      await new Promise((resolve) => session.once('close', resolve));
    }
    const listed = await outside('"$@" run -q -- true "$bad"; "$@" log');
    expect(listed.stdout).toContain("true $'a\\xffé\\xc3'");
  });

  test.each([
    ['run --allow "$bad" -- touch ran', '--allow cannot be a\\xffé\\xc3'],
    ['explain "$bad"', 'WHAT cannot be a\\xffé\\xc3'],
  ])('%s is refused', async (line, what) => {
    const ran = await outside(`"$@" ${line}`);
    expect(ran.code).toBe(125);
    expect(ran.stderr).toContain(what);
    expect(ran.stderr).toContain('it is not valid UTF-8');
    expect(existsSync(`${world.project}/ran`)).toBe(false);
  });

  test.each([
    ['os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")', 'it has been removed'],
    ['n = "d" * 200; [(os.mkdir(n), os.chdir(n)) for _ in range(25)]', 'its path is too long'],
  ])('a working directory without a path is refused: %s', async (moves, why) => {
    const program = `import os, sys; ${moves}; os.execv(sys.argv[1], sys.argv[1:])`;
    const ran = await world.run(['python3', '-c', program, ...pinfold(), 'run', '--', 'touch', 'ran']);
    await world.run(['rm', '-rf', 'd'.repeat(200)]);
    expect(ran).toMatchObject({ code: 125, stdout: '' });
    expect(ran.stderr).toContain(why);
    expect(ran.stderr).toContain('ERR_PROJECT_INVALID');
  });

  test('a working directory that cannot be named is refused, also beside one whose name looks the same', async () => {
    const twin = "$(printf 'a\\357\\277\\275\\303\\251\\357\\277\\275')";
    const ran = await outside(
      `mkdir "$bad" "${twin}"; cd "$bad" && "$@" run -- touch ran; echo $?; cd "../${twin}" && "$@" run -q -- touch ran; echo $?; cd ..; ls a*; rm -r a*`,
    );
    expect(ran.stderr).toContain('the path of this directory is not valid UTF-8');
    const [first, second] = ran.stdout.split('\n');
    expect([first, second]).toEqual(['125', '0']);
    expect(ran.stdout.match(/^ran$/gm)).toHaveLength(1);
  });
});

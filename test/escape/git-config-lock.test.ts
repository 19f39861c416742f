/** The change of a repository's configuration that is written for the inside: nothing but what was judged gets in. */
import { linkSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const HARMLESS = '[branch "x"]\n\tremote = origin\n\tmerge = refs/heads/x\n';
const HARMFUL = '[core]\n\tfsmonitor = touch /tmp/planted\n';

describe.each(people)('as $label', (person) => {
  let world: World;
  let config: string;
  let before: string;
  beforeAll(async () => {
    world = await makeWorld(person);
    config = `${world.project}/.git/config`;
    before = readFileSync(config, 'utf8');
  });
  afterAll(() => world.dispose());
  beforeEach(() => writeFileSync(config, before));

  const rename = 'mv -T .git/config.lock .git/config 2>&1; echo "rc $?"';
  const write = (text: string) =>
    `cp .git/config .git/config.lock; printf '${text.replaceAll('\n', '\\n')}' >> .git/config.lock; `;

  test('a harmless change is written, into the very file, and the lock is gone', async () => {
    const ran = await world.shell(`${write(HARMLESS)}${rename}; cat .git/config`);
    expect(ran.stdout).toBe(`rc 0\n${before}${HARMLESS}`);
    expect(readFileSync(config, 'utf8')).toBe(before + HARMLESS);
    expect(readdirSync(`${world.project}/.git`)).not.toContain('config.lock');
  });

  test('a shorter file leaves nothing of the longer one', async () => {
    writeFileSync(config, before + HARMLESS);
    const ran = await world.shell(`git config --remove-section branch.x; echo "rc $?"`);
    expect(ran.stdout).toBe('rc 0\n');
    expect(readFileSync(config, 'utf8')).toBe(before);
  });

  test('a harmful key is refused and named', async () => {
    const ran = await world.shell(`${write(HARMLESS + HARMFUL)}${rename}`);
    expect(ran.stdout).toMatch(/Permission denied\nrc 1/);
    expect(ran.stderr).toContain('core.fsmonitor');
    expect(readFileSync(config, 'utf8')).toBe(before);
    // The control: on the host the same rename is obeyed.
    expect((await world.run(['sh', '-c', `${write(HARMFUL)}${rename}`])).stdout).toBe('rc 0\n');
    expect(readFileSync(config, 'utf8')).toBe(before + HARMFUL);
  });

  test('bytes that are changed after the judgement are nowhere', async () => {
    // The descriptor of the lock file stays open over the rename, and is written to afterwards.
    const script = `${write(HARMLESS)}exec 7>>.git/config.lock; ${rename}; printf '${HARMFUL.replaceAll('\n', '\\n')}' >&7`;
    expect((await world.shell(script)).stdout).toBe('rc 0\n');
    expect(readFileSync(config, 'utf8')).toBe(before + HARMLESS);
  });

  test('a lock file that is rewritten all the time is never written but whole and harmless', async () => {
    const script = `
      cp .git/config good; cp .git/config bad
      printf '${HARMLESS.replaceAll('\n', '\\n')}' >> good; printf '${HARMFUL.replaceAll('\n', '\\n')}' >> bad
      (while [ -e good ]; do cp bad .git/config.lock 2>&-; cp good .git/config.lock 2>&-; ln -sf ../bad .git/config.lock; ln -f bad .git/config.lock 2>&-; done) &
      n=0; while [ $n -lt 30 ]; do mv -fT .git/config.lock .git/config 2>&-; n=$((n+1)); done
      rm good; wait; rm -f .git/config.lock bad; true`;
    await world.shell(script);
    expect([before, before + HARMLESS]).toContain(readFileSync(config, 'utf8'));
  });

  test('a lock file that is a link, a pipe or a directory is refused', async () => {
    const outside = world.put(`${world.outside}/config`, before + HARMLESS);
    for (const lock of [
      `ln -s ${outside} .git/config.lock`,
      'ln -s ../good .git/config.lock',
      'mkfifo .git/config.lock',
      'mkdir .git/config.lock',
    ]) {
      const ran = await world.shell(
        `cp .git/config good; printf '${HARMLESS.replaceAll('\n', '\\n')}' >> good; rm -rf .git/config.lock; ${lock}; ${rename}; rm -rf .git/config.lock`,
      );
      expect({ lock, out: ran.stdout }).toEqual({ lock, out: expect.stringContaining('rc 1') });
      expect(readFileSync(config, 'utf8')).toBe(before);
    }
  });

  test('neither an exchange nor a directory takes its place', async () => {
    world.put(`${world.project}/other`, before + HARMLESS);
    const answers = await world.probeInside([
      ['exchange', `${world.project}/other`, config],
      ['link', `${world.project}/other`, config],
      ['symlink', `${world.project}/other`, config],
    ]);
    expect(answers).toEqual(['EACCES', 'EACCES', 'EACCES']);
    expect(readFileSync(config, 'utf8')).toBe(before);
  });

  test('a configuration that is a link to elsewhere is not followed', async () => {
    const nested = `${world.project}/nested/.git`;
    const target = world.put(`${world.outside}/target`, before);
    world.put(`${nested}/HEAD`, 'ref: refs/heads/main\n');
    symlinkSync(target, `${nested}/config`);
    linkSync(target, `${world.outside}/second`);
    const ran = await world.shell(
      `cd nested; printf '${HARMLESS.replaceAll('\n', '\\n')}' > .git/config.lock; ${rename}; rm -f .git/config.lock`,
    );
    expect(ran.stdout).toContain('rc 1');
    expect(readFileSync(target, 'utf8')).toBe(before);
  });
});

/** `pinfold run --ask`: a question on the person's terminal, which is theirs and ours while it is asked. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { onTerminal, type Screen, type Step, sandboxed } from '../fixtures/terminal.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const PROMPT = '  > ';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
    world.put(`${world.home}/.config/pinfold/settings.json`, '{ "sandbox": { "deniedPaths": ["~/shut"] } }');
    world.put(`${world.home}/data/file`, 'content\n');
    world.put(`${world.home}/data/other`, 'second\n');
    world.put(`${world.home}/shut/key`, 'denied\n');
  });
  afterAll(() => world.dispose());

  const asked = (script: string, steps: readonly Step[]): Promise<Screen> =>
    onTerminal(
      world,
      sandboxed(['sh', '-c', script.replaceAll('HOME', world.home)], ['--mode', 'strict', '--ask']),
      steps,
      { device: true },
    );
  const answer = (text: string): Step[] => [{ expect: PROMPT }, { send: text }];

  test('a yes opens within the call, a no leaves it refused, and the exit code is the command’s', async () => {
    const screen = await asked('cat HOME/data/file; cat HOME/data/other; exit 3', [
      ...answer('s\r'),
      ...answer('n\r'),
    ]);
    expect(screen).toMatchObject({ code: 3, modesKept: true });
    expect(screen.failedAt).toBeUndefined();
    expect(screen.transcript).toMatch(
      /cat \S*data\/file wants to read [^\r]*data\/file.*risk .*MEDIUM.*opened.*content/s,
    );
    expect(screen.transcript).toMatch(/stays closed.*Permission denied.*1 refusal/s);
  });

  test('a yes to write writes within the call, and a name is made after a yes to its directory', async () => {
    world.put(`${world.home}/written/file`, 'before\n');
    const script =
      'echo after > HOME/written/file; cat HOME/written/file; echo x > HOME/written/new; echo over';
    const screen = await asked(script, [
      ...answer('s\r'),
      { expect: 'after' },
      ...answer('n\r'),
      { expect: 'over' },
    ]);
    expect(screen.failedAt).toBeUndefined();
    expect(screen.transcript).toMatch(
      /wants to write [^\r]*written\/file\S* .*risk .*opened.*after.*wants to write [^\r]*written\S* .*stays closed.*over/s,
    );
    expect(readFileSync(`${world.home}/written/file`, 'utf8')).toBe('after\n');
    expect(existsSync(`${world.home}/written/new`)).toBe(false);
  });

  test('what makes no sense is asked again, and Control-C is a no that ends nothing', async () => {
    const screen = await asked('cat HOME/data/file; echo after', [
      ...answer('what\r'),
      ...answer('x\u007f10m\r'),
      { expect: 'content' },
      { expect: 'after' },
    ]);
    expect(screen.failedAt).toBeUndefined();
    const refused = await asked('cat HOME/data/file; echo after', [...answer('\u0003'), { expect: 'after' }]);
    expect(refused.failedAt).toBeUndefined();
    expect(refused.transcript).toMatch(/stays closed.*Permission denied.*after/s);
  });

  test('what the command writes waits while a question is open, and what is typed goes to the question alone', async () => {
    const script =
      '(while sleep 0.01; do echo covering; touch made; done) & until [ -e made ]; do :; done; ' +
      'cat HOME/data/file; kill $!; read line; echo "got <$line>"';
    const screen = await asked(script, [
      ...answer('s\r'),
      { expect: 'content' },
      { send: 'hello\r' },
      { expect: 'got <hello>' },
    ]);
    expect(screen.failedAt).toBeUndefined();
    expect(screen.transcript).toContain('covering');
    const [, during = ''] = /wants to read(.*)opened/s.exec(screen.transcript) ?? [];
    expect(during).toContain(PROMPT);
    expect(during).not.toContain('covering');
  });

  test('with input from a pipe the answer still comes from the terminal', async () => {
    const [program, ...rest] = pinfold();
    const inner = `cat; cat ${world.home}/data/file`;
    const line = `printf 's\\ns\\n' | "$@" run --mode strict --ask -- sh -c ${JSON.stringify(inner)}`;
    const screen = await onTerminal(
      world,
      ['sh', '-c', line, 'sh', program!, ...rest],
      [...answer('n\r'), { expect: 'Permission denied' }],
      { device: true },
    );
    expect(screen.failedAt).toBeUndefined();
    expect(screen.transcript).toMatch(/stays closed/);
  });

  test('what is denied on purpose never becomes a question', async () => {
    const screen = await asked('cat HOME/shut/key; echo after', [{ expect: 'after' }]);
    expect(screen.failedAt).toBeUndefined();
    expect(screen.transcript).toContain('Permission denied');
    expect(screen.transcript).not.toContain('wants to');
  });

  test('without a terminal it is refused before anything is started', async () => {
    const ran = await world.inside(['touch', 'started'], ['--ask']);
    expect(ran).toMatchObject({ code: 125, stdout: '' });
    expect(ran.stderr).toContain('Cannot ask');
    expect((await world.run(['ls', world.project])).stdout).not.toContain('started');
    expect((await world.inside(['touch', 'started'])).code).toBe(0);
  });
});

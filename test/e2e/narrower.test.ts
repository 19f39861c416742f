/** Commands with less than their session: what they see, what is refused to be asked, and what is said to hold. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { library } from '../fixtures/library.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
    world.put(join(world.home, 'notes'), 'of the person\n');
    world.put(join(world.home, '.config/pinfold/settings.json'), '{}\n');
  });
  afterAll(() => world.dispose());

  test('strict in a permissive session hides the home, and gives one that is empty', async () => {
    const said = await library<unknown>(
      world,
      `await using sandbox = await createSandbox({ mode: 'permissive' });
       const look = async (options) => {
         const script = 'cat ~person/notes README; echo x > made && rm made && echo made; git config user.name; ls -A ~; echo $PINFOLD_MODE';
         const { stdout } = await sandbox.run('sh', ['-c', script.replace('~person', ${JSON.stringify(world.home)})], options);
         return stdout.trim().split('\\n').slice(0, 4).concat(stdout.trim().split('\\n').at(-1));
       };
       report([await look({}), await look({ mode: 'strict' })]);`,
    );
    expect(said).toEqual([
      ['of the person', 'a project', 'made', 'Person', 'permissive'],
      ['a project', 'made', 'strict', 'strict'],
    ]);
  });

  test('what holds is said with each command, and that nothing more holds', async () => {
    const said = await library<unknown>(
      world,
      `await using sandbox = await createSandbox({ mode: 'standard' });
       const states = (all) => all.map(({ mechanism, state }) => mechanism + ' ' + state);
       const child = sandbox.spawn('true', [], { networkAccess: 'none' });
       await closed(child);
       report([
         states(child.narrowing),
         states((await sandbox.run('true', [], { readOnly: true })).narrowing),
         (await sandbox.run('true')).narrowing,
       ]);`,
    );
    expect(said).toEqual([['landlock full', 'seccomp full'], ['landlock partial', 'seccomp full'], []]);
  });

  test('a wider policy, and a denial that only mounts could hold, are refused by name', async () => {
    const said = await library<string[][]>(
      world,
      `const config = ${JSON.stringify(join(world.home, '.config'))};
       await using standard = await createSandbox({ mode: 'standard' });
       await using open = await createSandbox({ mode: 'permissive', allowedPaths: [{ path: config, mode: 'read' }] });
       const refusal = async (sandbox, options) => {
         const error = await sandbox.run('true', [], options).then(() => ({}), (error) => error);
         return [error.code ?? 'none', error.why ?? ''];
       };
       report([
         await refusal(standard, { mode: 'permissive' }),
         await refusal(standard, { networkAccess: 'filtered' }),
         await refusal(open, { mode: 'strict' }),
         await refusal(open, { networkAccess: 'none', readOnly: true }),
       ]);`,
    );
    expect(said.map(([code]) => code)).toEqual(['ERR_NARROWING', 'ERR_NARROWING', 'ERR_NARROWING', 'none']);
    expect(said[0]![1]).toBe("it is wider than the session's, which is standard");
    expect(said[2]![1]).toContain(`${world.home}/.config/pinfold would have to be hidden beneath`);
  });

  test('a narrower command runs what programs do, and is killed with its group', async () => {
    const said = await library<unknown>(
      world,
      `await using sandbox = await createSandbox({ mode: 'standard' });
       const narrow = { mode: 'strict', networkAccess: 'none', readOnly: true };
       const script = 'cat <(echo one) && f=$(mktemp) && echo two > $f && cat $f && echo three | tr a-z A-Z && git log --format=%s';
       const { stdout, stderr } = await sandbox.run('bash', ['-c', script], narrow);
       const node = await sandbox.run(process.execPath, ['-e', 'console.log(require("child_process").execSync("echo four")+"")'], narrow);
       const child = sandbox.spawn('sleep', ['100'], narrow);
       child.kill('SIGTERM');
       const [, signal] = await once(child, 'close');
       const all = await Promise.all(Array.from({ length: 60 }, (_, i) => sandbox.run('echo', [String(i)], narrow)));
       report([stdout, stderr, node.stdout, node.stderr, signal, all.every(({ stdout }, i) => stdout === i + '\\n')]);`,
    );
    const log = (await world.run(['git', 'log', '--format=%s'])).stdout;
    expect(said).toEqual([`one\ntwo\nTHREE\n${log}`, '', 'four\n\n', '', 'SIGTERM', true]);
  });
});

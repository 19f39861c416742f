/** The ready tools for agents work inside and nowhere else, and say what was refused. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { library } from '../fixtures/library.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  test('files are named from where the shell is, and none outside is reached', async () => {
    const outside = join(world.outside, 'planted');
    const said = await library<Record<string, unknown>[]>(
      world,
      `await using sandbox = await createSandbox({ mode: 'strict' });
       const { call, close } = sandboxTools(sandbox);
       const results = [
         await call('bash', { command: 'cd src; export A=1' }),
         await call('read', { path: 'main.txt' }),
         await call('write', { path: 'made/deep', content: 'x'.repeat(200000) }),
         await call('bash', { command: 'wc -c < made/deep; echo $A' }),
         await call('read', { path: 'made/deep' }),
         await call('write', { path: ${JSON.stringify(outside)}, content: 'x' }),
         await call('read', { path: ${JSON.stringify(join(world.outside, 'canary'))} }),
         await call('bash', { command: 'exit 3' }),
         await call('bash', { command: 'echo $A again' }),
         await call('bash', { command: 'sleep 100', timeout: 100 }),
         await call('bash', { cmd: 'ls' }),
       ];
       await close();
       report(results);`,
    );
    const [cd, main, made, count, long, planted, canary, exit, again, late, odd] = said;
    expect([cd, main, made]).toEqual([{ exitCode: 0, stdout: '', stderr: '' }, { content: 'main\n' }, {}]);
    expect(count).toEqual({ exitCode: 0, stdout: '200000\n1\n', stderr: '' });
    expect(String(long!.content)).toMatch(/^x{15000}\n\[… 170000 characters left out …\]\nx{15000}$/);
    expect(String(planted!.error)).toMatch(/Permission denied|Read-only file system|Directory nonexistent/);
    expect(existsSync(outside)).toBe(false);
    expect(String(canary!.error)).toContain(world.either('Permission denied', 'No such file'));
    expect([exit!.exitCode, again!.stdout]).toEqual([3, 'again\n']);
    expect([late!.exitCode, late!.timedOut]).toEqual([130, true]);
    expect(odd).toEqual({ error: 'command is missing' });
  });

  test('each form of the tools names the same three, and what is refused comes with what to do', async () => {
    const said = await library<unknown[]>(
      world,
      `await using sandbox = await createSandbox({ mode: 'strict' });
       const { tools, openai, anthropic, call } = sandboxTools(sandbox);
       const { refused } = await tools.bash.execute({ command: 'mkdir .vscode; mkdir .vscode' });
       const schema = tools.write.inputSchema;
       report([
         Object.keys(tools), openai.map((each) => each.function.name), anthropic.map(({ name }) => name),
         refused,
         [schema[Symbol.for('vercel.ai.schema')], schema.validate({ path: 1 }).success, schema.jsonSchema.required],
         await call('delete', {}).catch(({ code }) => code),
       ]);`,
    );
    const names = ['bash', 'read', 'write'];
    expect(said).toEqual([
      names,
      names,
      names,
      [
        {
          act: 'create',
          subject: { kind: 'path', path: join(world.project, '.vscode') },
          rule: 'an editor or debugger runs what it says',
          retry: 'will_fail',
          instead: 'write the change to a file in the project and ask the person to apply it',
          grant: expect.objectContaining({ by: 'human' }),
        },
      ],
      [true, false, ['path', 'content']],
      'ERR_USAGE',
    ]);
  });
});

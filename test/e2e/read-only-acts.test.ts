/** What the kernel refuses on read-only ground is recorded: the act, the path, the program and the rule. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Denial } from '../../src/violations/types.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  let flags: string[];
  beforeAll(async () => {
    world = await makeWorld(person);
    world.put(join(world.outside, 'file'), 'text');
    flags = ['--allow', `${world.outside}:ro`];
  });
  afterAll(() => world.dispose());

  function lastDenials(): Denial[] {
    const sessions = join(world.home, '.local/state/pinfold/sessions');
    const log = join(sessions, readdirSync(sessions).sort().at(-1)!, 'events.jsonl');
    return readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .flatMap(({ violation }) => (violation === undefined ? [] : [violation.denial]));
  }

  test.each([
    ['echo x > FILE', 'write', 'file'],
    ['echo x >> FILE', 'write', 'file'],
    ['echo x > DIR/new', 'create', 'new'],
    ['mkdir DIR/made', 'create', 'made'],
    ['ln -s / DIR/link', 'link', 'link'],
    ['mv made-here DIR/moved', 'rename', 'moved'],
  ])('%s on a read-only grant is one record', async (script, act, name) => {
    const words = script.replace('FILE', `${world.outside}/file`).replace('DIR', world.outside);
    const prepare = 'touch made-here; ';
    const ran = await world.shell(`${prepare}${words}`, flags);
    expect([1, 2]).toContain(ran.code);
    expect(ran.stderr).toContain('Read-only file system');
    const told = lastDenials().filter(
      ({ subject }) => subject.kind === 'path' && subject.path.endsWith(`/${name}`),
    );
    expect(told).toMatchObject([
      {
        act,
        subject: { kind: 'path', path: join(world.outside, name) },
        // Between two mounts the kernel moves nothing, and says so first.
        errno: act === 'rename' ? 18 : 30,
        rule: { category: 'setting' },
      },
    ]);
    expect(told[0]?.actor?.program).toMatch(/\/(dash|bash|mkdir|ln|mv|busybox)$/);
    // The control: with a grant to write the same act succeeds and is no record.
    const allowed = await world.shell(
      `${prepare}${words}; rm -rf ${world.outside}/new ${world.outside}/made ${world.outside}/link ${world.outside}/moved`,
      ['--allow', world.outside],
    );
    expect(allowed.stderr).toBe('');
    expect(lastDenials()).toEqual([]);
  });

  test('what is allowed, devices and standard output among it, is no record', async () => {
    const ran = await world.shell(
      'echo x > inside; echo y >> inside; echo z > /dev/null; echo e > /dev/stderr; mkdir -p d; mv inside d/; cat < d/inside; : > /tmp/t; true',
      flags,
    );
    expect(ran.code).toBe(0);
    expect(lastDenials()).toEqual([]);
  });

  test('with monitor "off" only the making of guarded names is one', async () => {
    const settings = world.put(join(world.root, 'off.json'), '{ "sandbox": { "monitor": "off" } }');
    const script = `echo x > ${world.outside}/file; rm ${world.outside}/file; mkdir .vscode; true`;
    const off = await world.shell(script, [...flags, '--settings', settings]);
    expect(off.stderr.match(/Read-only file system|Permission denied/g)?.length).toBe(3);
    expect(lastDenials()).toMatchObject([
      { act: 'create', subject: { path: join(world.project, '.vscode') } },
    ]);
    await world.shell(script, flags);
    expect(lastDenials().map(({ act }) => act)).toEqual(['write', 'remove', 'create']);
  });

  test('byte code that Python would keep beside the source is no record', async () => {
    const module = world.put(join(world.outside, 'mod.py'), 'x = 1');
    const script = `import sys; sys.path.insert(0, ${JSON.stringify(world.outside)}); import mod; print(mod.x)`;
    const ran = await world.inside(['python3', '-c', script], flags);
    expect(ran.stdout).toBe('1\n');
    expect(lastDenials()).toEqual([]);
    expect(module).toContain('mod.py');
  });
});

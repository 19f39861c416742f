/** `pinfold explain` agrees with the kernel, and the grant that it names is one that opens the path. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gitRepository, makeWorld, people, type World } from '../fixtures/world.ts';

interface Explanation {
  readonly decision: { readonly allowed: boolean; readonly access: string };
  readonly private: boolean;
  /** `--allow PATH`, when a grant would open it. */
  readonly grant?: string;
}

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeEach(async () => {
    world = await makeWorld(person);
    world.put(`${world.project}/vendor/lib/file`, 'content\n');
    await gitRepository(world, `${world.project}/vendor/lib`);
  });
  afterEach(() => world.dispose());

  const explain = async (path: string, wanted: 'read' | 'write'): Promise<Explanation> => {
    const ran = await world.pinfold(['explain', '--json', path, ...(wanted === 'write' ? ['--write'] : [])]);
    const explanation = JSON.parse(ran.stdout) as Explanation;
    expect(ran.code, ran.stderr).toBe(explanation.decision.allowed ? 0 : 1);
    return explanation;
  };

  test('what it says of reading is what the kernel does', async () => {
    const paths = [
      `${world.project}/README`,
      `${world.project}/.git/config`,
      `${world.project}/vendor/lib/.git/config`,
      `${world.outside}/canary`,
      `${world.home}/.ssh/id_ed25519`,
      `${world.home}/.gitconfig`,
      '/etc/passwd',
      '/usr/bin/env',
    ];
    const results = await world.probeInside(
      paths.map((path) => ['read', path] as const),
      ['--mode', 'standard'],
    );
    for (const [index, path] of paths.entries()) {
      const { decision } = await explain(path, 'read');
      expect({ path, allowed: decision.allowed }).toEqual({
        path,
        allowed: results[index]!.startsWith('ok'),
      });
    }
  });

  test('what it says of writing is what the kernel does', async () => {
    const paths = [
      `${world.project}/README`,
      `${world.project}/.git/HEAD`,
      `${world.project}/.git/config`,
      `${world.project}/vendor/lib/file`,
      `${world.project}/vendor/lib/.git/config`,
      `${world.outside}/canary`,
      `${world.home}/.gitconfig`,
      '/usr/bin/env',
    ];
    const results = await world.probeInside(
      paths.map((path) => ['append', path] as const),
      ['--mode', 'standard'],
    );
    for (const [index, path] of paths.entries()) {
      const { decision } = await explain(path, 'write');
      expect({ path, allowed: decision.allowed }).toEqual({ path, allowed: results[index] === 'ok' });
    }
  });

  test('the grant that it names opens the path', async () => {
    const cases = [
      [`${world.outside}/canary`, 'read', 'read'],
      [`${world.home}/.ssh/id_ed25519`, 'read', 'read'],
      [`${world.outside}/canary`, 'write', 'append'],
      [`${world.project}/.git/config`, 'write', 'append'],
      [`${world.project}/.git/hooks`, 'write', 'create'],
      [`${world.project}/.vscode`, 'write', 'mkdir'],
    ] as const;
    for (const [path, wanted, act] of cases) {
      const target = act === 'create' ? `${path}/pre-commit` : path;
      const [before] = await world.probeInside([[act, target]], ['--mode', 'standard']);
      const { grant } = await explain(path, wanted);
      const flags = grant!.split(' ');
      const [after] = await world.probeInside([[act, target]], ['--mode', 'standard', ...flags]);
      expect({ path, refused: before!.startsWith('E'), opened: after!.startsWith('ok') }).toEqual({
        path,
        refused: true,
        opened: true,
      });
    }
  });

  test('a grant is not named where nothing could be opened by it', async () => {
    // The directory above is mounted read-only as a whole, so a name that is absent in it cannot be granted alone.
    const target = `${world.project}/.git/hooks/pre-commit`;
    const { grant } = await explain(target, 'write');
    if (grant === undefined) return;
    expect(
      await world.probeInside([['create', target]], ['--mode', 'standard', ...grant.split(' ')]),
    ).toEqual(['ok']);
  });

  test('an allowed path that does not exist is reported, and the rest stays in force', async () => {
    const ran = await world.shell(`cat ${world.outside}/canary`, ['--allow', `${world.root}/not-there`]);
    expect(ran.stderr).toContain('not-there');
    expect(ran).toMatchObject({ code: 1, stdout: '' });
  });
});

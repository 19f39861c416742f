import { rename, symlink } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { findExisting, followMatches } from './existing.ts';
import { makeTree, personal, policyOf, rule } from './host.fixture.ts';
import { resolvePolicy } from './resolve.ts';

describe('resolving a policy', () => {
  test('follows the links of a literal rule and remembers them', async () => {
    await using tree = await makeTree(['real/dir/', 'link -> real', 'real/two -> dir']);
    const { rules } = resolvePolicy(policyOf([personal(tree.at('link/two'), 'read')]));
    expect(rules[0]).toMatchObject({
      pattern: tree.at('link/two'),
      resolved: tree.at('real/dir'),
      links: [tree.at('link'), tree.at('real/two')],
    });
  });

  test('leaves a path without links as it is', async () => {
    await using tree = await makeTree(['real/dir/']);
    const { rules } = resolvePolicy(policyOf([personal(tree.at('real/dir'), 'read')]));
    expect(rules[0]).toMatchObject({ resolved: tree.at('real/dir') });
    expect(rules[0]).not.toHaveProperty('links');
  });

  test.each(['project', 'above'])('refuses a project where a link was put at %s since', async (link) => {
    await using tree = await makeTree(['above/project/', 'project/', 'elsewhere/project/']);
    const policy = { ...policyOf([]), projectDir: tree.at(link === 'above' ? 'above/project' : 'project') };
    expect(resolvePolicy(policy).rules).toEqual([]);
    await rename(tree.at(link), tree.at('away'));
    await symlink(tree.at('elsewhere'), tree.at(link));
    expect(() => resolvePolicy(policy)).toThrow(
      expect.objectContaining({
        code: 'ERR_PROJECT_INVALID',
        why: `${tree.at(link)} was exchanged for a symbolic link while the run started`,
      }),
    );
  });

  test('follows the literal beginning of a glob', async () => {
    await using tree = await makeTree(['real/', 'link -> real']);
    const { rules } = resolvePolicy(policyOf([personal(tree.at('link/**/.env'), 'none')]));
    expect(rules[0]?.resolved).toBe(tree.at('real/**/.env'));
  });

  test('reports an allowed path that is missing, and keeps the rule', async () => {
    await using tree = await makeTree(['real/', 'link -> real']);
    const { rules, notices } = resolvePolicy(policyOf([personal(tree.at('link/not/there'), 'write')]));
    expect(rules[0]?.resolved).toBe(tree.at('real/not/there'));
    expect(notices).toEqual([
      {
        kind: 'missing',
        message: `${tree.at('link/not/there')} does not exist, so it could not be allowed`,
        origin: rules[0]?.origin,
      },
    ]);
  });

  test('says nothing of a denied path or a built-in one that is missing', async () => {
    await using tree = await makeTree([]);
    const rules = [personal(tree.at('a'), 'none'), rule(tree.at('b'), 'read')];
    expect(resolvePolicy(policyOf(rules)).notices).toEqual([]);
  });

  test.each([
    ['dangling', ['link -> gone'], 'leads to nothing'],
    ['looping', ['link -> other', 'other -> link'], 'leads back to itself'],
  ])('refuses a person’s rule with a %s link, naming link, file and line', async (_, entries, why) => {
    await using tree = await makeTree(entries);
    for (const access of ['none', 'read', 'write'] as const) {
      expect(() => resolvePolicy(policyOf([personal(tree.at('link'), access)]))).toThrow(
        expect.objectContaining({
          code: 'ERR_PATH_INVALID',
          what: expect.stringContaining('/settings.json:3'),
          why: `the symbolic link ${tree.at('link')} ${why}`,
        }),
      );
    }
  });

  test('does not stop at a dangling link that only a built-in rule names', async () => {
    await using tree = await makeTree(['link -> gone']);
    const { rules } = resolvePolicy(policyOf([rule(tree.at('link'), 'read')]));
    expect(rules[0]?.resolved).toBe(tree.at('link'));
  });
});

describe('a link that a program inside could have made', () => {
  test('is refused when a grant is reached through it', async () => {
    await using tree = await makeTree(['project/', 'secrets/', 'project/data -> ../secrets']);
    const rules = [rule(tree.at('project'), 'write'), personal(tree.at('project/data'), 'read')];
    expect(() => resolvePolicy(policyOf(rules))).toThrow(
      expect.objectContaining({
        code: 'ERR_PATH_SYMLINK_UNTRUSTED',
        why: expect.stringContaining(tree.at('project/data')),
        fix: expect.stringContaining(tree.at('secrets')),
      }),
    );
  });

  test('is followed when it lies where nothing inside can write', async () => {
    await using tree = await makeTree(['project/', 'secrets/', 'data -> secrets']);
    const rules = [rule(tree.at('project'), 'write'), personal(tree.at('data'), 'read')];
    expect(resolvePolicy(policyOf(rules)).rules[1]?.resolved).toBe(tree.at('secrets'));
  });

  test('is followed when it lies in the host’s /tmp, which inside is another one', async () => {
    await using tree = await makeTree(['secrets/', 'data -> secrets']);
    const rules = [rule(tree.root, 'write', { category: 'private' }), personal(tree.at('data'), 'read')];
    expect(resolvePolicy(policyOf(rules)).rules[1]?.resolved).toBe(tree.at('secrets'));
  });

  test('is followed when it leads to what is allowed anyway', async () => {
    await using tree = await makeTree(['project/real/', 'project/data -> real']);
    const rules = [rule(tree.at('project'), 'write'), personal(tree.at('project/data'), 'write')];
    expect(resolvePolicy(policyOf(rules)).rules[1]?.resolved).toBe(tree.at('project/real'));
  });

  test('is followed for a denial, which it can only widen', async () => {
    await using tree = await makeTree(['project/', 'elsewhere/', 'project/data -> ../elsewhere']);
    const rules = [rule(tree.at('project'), 'write'), personal(tree.at('project/data'), 'none')];
    expect(resolvePolicy(policyOf(rules)).rules[1]?.resolved).toBe(tree.at('elsewhere'));
  });

  test('does not carry a built-in rule to where it would show something', async () => {
    await using tree = await makeTree(['project/', 'secrets/', 'project/.idea -> ../secrets']);
    const rules = [rule(tree.at('project'), 'write'), rule(tree.at('project/.idea'), 'read')];
    expect(resolvePolicy(policyOf(rules)).rules[1]).toMatchObject({
      resolved: tree.at('project/.idea'),
      links: [tree.at('project/.idea')],
    });
  });
});

describe('what exists', () => {
  test('is told for literal rules, and a link is not', async () => {
    await using tree = await makeTree(['dir/', 'file', 'link -> dir']);
    const names = ['dir', 'file', 'link', 'absent', '**/glob'];
    const found = await findExisting(policyOf(names.map((name) => rule(tree.at(name), 'read'))));
    expect(found).toEqual(
      new Map([
        [tree.at('dir'), 'directory'],
        [tree.at('file'), 'file'],
      ]),
    );
  });

  test('is told of matched names with the place that a link leads to', async () => {
    await using tree = await makeTree(['dir/', 'file', 'link -> dir', 'broken -> gone']);
    const hit = (name: string, directory = false) => ({ path: tree.at(name), directory });
    const matches = await followMatches([hit('dir', true), hit('file'), hit('link'), hit('broken')]);
    expect(matches).toEqual([
      hit('dir', true),
      hit('file'),
      { ...hit('link'), leadsTo: { path: tree.at('dir'), directory: true } },
      { ...hit('broken'), leadsTo: 'nowhere' },
    ]);
  });
});

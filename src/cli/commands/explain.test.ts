import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { plainOutput } from '../../../test/fixtures/plain-output.ts';
import { isSessionPlace } from '../../policy/builtin.ts';
import { isWithin } from '../../policy/paths.ts';
import { loadPolicy } from '../../session/prepare.ts';
import type { LoadedPolicy } from '../../session/types.ts';
import { explainPath, renderExplanation } from './explain.ts';

let root = '';
let project = '';
let home = '';
let loaded: LoadedPolicy;

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pinfold-explain-')));
  project = join(root, 'project');
  home = join(root, 'home');
  for (const path of [`${project}/.git/hooks`, `${project}/.pinfold`, `${home}/.ssh`, `${root}/else`])
    mkdirSync(path, { recursive: true });
  writeFileSync(`${home}/.ssh/id`, '');
  writeFileSync(`${root}/else/file`, '');
  symlinkSync(`${root}/else/file`, `${project}/link`);
  writeFileSync(
    `${project}/.pinfold/settings.json`,
    '{ "sandbox": {\n  "deniedPaths": ["secrets"],\n  "allowedPaths": ["../else"]\n} }\n',
  );
  const { policy, ...rest } = await loadPolicy({
    cwd: project,
    environment: { HOME: home, PATH: '/usr/bin:/bin' },
  });
  // Wherever this test has its files: inside, /tmp and its kin are other places, and that is not what is tested here.
  const rules = policy.rules.filter((rule) => !(isSessionPlace(rule) && isWithin(root, rule.pattern)));
  loaded = { ...rest, policy: { ...policy, rules } };
});
afterAll(() => rmSync(root, { recursive: true }));

async function explained(path: string, wanted: 'read' | 'write' = 'read') {
  const explanation = await explainPath(loaded.policy, path, wanted);
  return { ...explanation, shown: renderExplanation(plainOutput(), explanation, loaded.policy) };
}

describe('explain', () => {
  test('a file of the project can be read and written, by the rule of the mode', async () => {
    const { decision, shown } = await explained(`${project}/src/a.ts`, 'write');
    expect(decision).toMatchObject({ allowed: true, rule: { category: 'project' } });
    expect(shown).toContain(`${project}/src/a.ts can be read and written (standard)`);
  });

  test('a denial names its file, line and column, and the grant that would change it', async () => {
    const { decision, shown, grant } = await explained(`${project}/secrets/key`);
    expect(decision.allowed).toBe(false);
    expect(shown).toContain(`${project}/.pinfold/settings.json:2:19 "secrets"`);
    expect(grant).toBe(`--allow ${project}/secrets/key:ro`);
  });

  test('a grant that was not trusted is told with the path that it is about', async () => {
    const { decision, notices, shown } = await explained(`${root}/else/file`);
    expect(decision.allowed).toBe(false);
    expect(notices).toMatchObject([{ kind: 'untrusted' }]);
    expect(shown).toContain('pinfold trust');
    expect((await explained(`${project}/src`)).notices).toEqual([]);
  });

  test('a symbolic link explains what it leads to', async () => {
    const { resolved, decision } = await explained(`${project}/link`);
    expect({ resolved, allowed: decision.allowed }).toEqual({
      resolved: `${root}/else/file`,
      allowed: false,
    });
  });

  test('hooks can be read and not written', async () => {
    expect((await explained(`${project}/.git/hooks/pre-commit`)).decision.allowed).toBe(true);
    const { decision, shown } = await explained(`${project}/.git/hooks/pre-commit`, 'write');
    expect(decision).toMatchObject({ allowed: false, access: 'read', rule: { category: 'host-run' } });
    expect(shown).toContain('can be read, not written');
  });

  test('credentials are denied with the reason', async () => {
    const { decision, shown } = await explained(`${home}/.ssh/id`);
    expect(decision).toMatchObject({ allowed: false, rule: { category: 'credential' } });
    expect(shown).toContain('~/.ssh/id is denied');
  });

  test('a private place is said to be none of the host', async () => {
    const { shown, ...explanation } = await explained('/run/x', 'write');
    expect(explanation).toMatchObject({ private: true, decision: { allowed: true } });
    expect(shown).toContain('/run/x can be written, in a private place: what the host has there is hidden');
  });

  test('a control character in a name is spelled out', async () => {
    expect((await explained(`${root}/a\x1b[2J\u202e`)).shown).toContain('a\\e[2J\\u{202e} is hidden');
  });
});

/** A throw-away directory tree for the tests of this folder. */
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Access, PathRule, Policy } from '../policy/types.ts';

export interface Tree extends AsyncDisposable {
  readonly root: string;
  at(path: string): string;
}

/** Entries: `'dir/'` a directory, `'a -> b'` a symbolic link, anything else an empty file. */
export async function makeTree(entries: readonly string[]): Promise<Tree> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'pinfold-host-')));
  for (const entry of entries) {
    const [path = '', target] = entry.split(' -> ');
    const full = join(root, path);
    await mkdir(entry.endsWith('/') ? full : dirname(full), { recursive: true });
    if (target !== undefined) await symlink(target.replace('ROOT', root), full);
    else if (!entry.endsWith('/')) await writeFile(full, '');
  }
  return {
    root,
    at: (path) => join(root, path),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

export function rule(pattern: string, access: Access, more: Partial<PathRule> = {}): PathRule {
  const origin = { scope: 'builtin', text: pattern } as const;
  return {
    pattern,
    glob: /[*?{]/.test(pattern),
    access,
    category: 'project',
    why: 'made up',
    origin,
    ...more,
  };
}

/** As a person writes it, in a file. */
export function personal(pattern: string, access: Access): PathRule {
  const origin = { scope: 'user', file: '/settings.json', line: 3, column: 5, text: `"${pattern}"` } as const;
  return rule(pattern, access, { category: 'setting', origin });
}

export function policyOf(rules: readonly PathRule[]): Policy {
  const origin = { scope: 'builtin', text: 'made up' } as const;
  return {
    mode: { value: 'strict', origin },
    enabled: { value: true, origin },
    monitor: { value: 'full', origin },
    acceptWeaker: { value: false, origin },
    projectDir: '/nowhere/project',
    homeDir: '/nowhere',
    sandboxHome: '/nowhere/private',
    rules,
    network: { access: { value: 'none', origin }, domains: [] },
    environment: { pass: [], set: {}, drop: [] },
    limits: {},
    notices: [],
  };
}

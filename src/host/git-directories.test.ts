import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findGitDirectory } from './git-directories.ts';

let base: string;

function git(cwd: string, ...args: string[]): void {
  const identity = [
    '-c',
    'user.name=t',
    '-c',
    'user.email=t@example.com',
    '-c',
    'protocol.file.allow=always',
  ];
  execFileSync('git', [...identity, ...args], { cwd, stdio: 'pipe' });
}

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'pinfold-git-')));
  mkdirSync(join(base, 'main'));
  git(join(base, 'main'), 'init', '-q');
  git(join(base, 'main'), 'commit', '-q', '--allow-empty', '-m', 'one');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

describe('the repository outside the project', () => {
  test('is the common directory for a worktree', () => {
    git(join(base, 'main'), 'worktree', 'add', '-q', '../side');
    expect(findGitDirectory(join(base, 'side'))).toBe(join(base, 'main/.git'));
  });

  test('is the module directory for a submodule', () => {
    mkdirSync(join(base, 'super'));
    git(join(base, 'super'), 'init', '-q');
    git(join(base, 'super'), 'submodule', 'add', '-q', join(base, 'main'), 'part');
    expect(findGitDirectory(join(base, 'super/part'))).toBe(join(base, 'super/.git/modules/part'));
  });

  test('is none for an ordinary repository', () => {
    expect(findGitDirectory(join(base, 'main'))).toBeUndefined();
  });

  test('is not believed when it does not point back: a planted .git file opens nothing', () => {
    git(join(base, 'main'), 'worktree', 'add', '-q', '../side');
    mkdirSync(join(base, 'evil'));
    for (const target of ['main/.git', 'main/.git/worktrees/side']) {
      writeFileSync(join(base, 'evil/.git'), `gitdir: ${join(base, target)}\n`);
      expect(findGitDirectory(join(base, 'evil'))).toBeUndefined();
    }
  });

  test('is not believed when it claims to be a repository and is none', () => {
    mkdirSync(join(base, 'keys/worktrees/x'), { recursive: true });
    mkdirSync(join(base, 'evil'));
    writeFileSync(join(base, 'evil/.git'), `gitdir: ${join(base, 'keys/worktrees/x')}\n`);
    writeFileSync(join(base, 'keys/worktrees/x/gitdir'), `${join(base, 'evil/.git')}\n`);
    writeFileSync(join(base, 'keys/worktrees/x/commondir'), '../..\n');
    expect(findGitDirectory(join(base, 'evil'))).toBeUndefined();
  });
});

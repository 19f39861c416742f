import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeTree } from './host.fixture.ts';
import { resolveProject } from './project.ts';

describe('the project', () => {
  test.each(['.git/', '.git', '.pinfold/', '.claude/'])('is the nearest ancestor with %s', async (marker) => {
    await using tree = await makeTree([
      'home/outer/.git/',
      `home/outer/app/${marker}`,
      'home/outer/app/src/deep/',
    ]);
    const request = { cwd: tree.at('home/outer/app/src/deep'), homeDir: tree.at('home') };
    expect(resolveProject(request)).toBe(tree.at('home/outer/app'));
  });

  test('is the working directory when no ancestor has a marker', async () => {
    await using tree = await makeTree(['home/a/b/']);
    expect(resolveProject({ cwd: tree.at('home/a/b'), homeDir: tree.at('home') })).toBe(tree.at('home/a/b'));
  });

  test('is not the home directory, although that has a .claude', async () => {
    await using tree = await makeTree(['home/.claude/', 'home/a/b/']);
    expect(resolveProject({ cwd: tree.at('home/a/b'), homeDir: tree.at('home') })).toBe(tree.at('home/a/b'));
    expect(() => resolveProject({ cwd: tree.at('home'), homeDir: tree.at('home') })).toThrow(
      expect.objectContaining({
        code: 'ERR_PROJECT_INVALID',
        why: 'it is the whole home directory',
      }),
    );
  });

  test('is never the whole system unless named', async () => {
    await using tree = await makeTree(['home/']);
    const homeDir = tree.at('home');
    expect(() => resolveProject({ cwd: '/', homeDir })).toThrow(
      expect.objectContaining({
        code: 'ERR_PROJECT_INVALID',
      }),
    );
    expect(resolveProject({ cwd: '/', homeDir, projectDir: '/' })).toBe('/');
    expect(resolveProject({ cwd: '/', homeDir, projectDir: homeDir })).toBe(homeDir);
  });

  test('is refused where its path is too long for a marker, and is no directory above', async () => {
    await using tree = await makeTree(['home/outer/.git/']);
    const homeDir = tree.at('home');
    /** Made step by step: no call takes a path of more than 4,095 bytes. */
    const at = (length: number): string => {
      let path = tree.at('home/outer');
      while (path.length < length) {
        path = join(path, 'd'.repeat(Math.max(1, Math.min(200, length - path.length - 1))));
        mkdirSync(path, { recursive: true });
      }
      return path;
    };
    expect(resolveProject({ cwd: at(4000), homeDir })).toBe(tree.at('home/outer'));
    expect(() => resolveProject({ cwd: at(4094), homeDir })).toThrow(
      expect.objectContaining({ code: 'ERR_PROJECT_INVALID', what: 'Cannot tell where the project begins' }),
    );
  });

  test('is a real path, also when named by a link and relative to the working directory', async () => {
    await using tree = await makeTree(['home/real/.git/', 'home/link -> real']);
    const homeDir = tree.at('home');
    expect(resolveProject({ cwd: tree.at('home/link'), homeDir })).toBe(tree.at('home/real'));
    expect(resolveProject({ cwd: homeDir, homeDir, projectDir: 'link' })).toBe(tree.at('home/real'));
  });

  test.each([
    ['gone', 'it does not exist'],
    ['file', 'it is not a directory'],
    ['loop', 'its symbolic links loop'],
    ['a\0b', 'it holds a NUL byte'],
  ])('is refused when it is named %j', async (projectDir, why) => {
    await using tree = await makeTree(['file', 'loop -> loop']);
    expect(() => resolveProject({ cwd: tree.root, homeDir: '/root', projectDir })).toThrow(
      expect.objectContaining({
        code: 'ERR_PROJECT_INVALID',
        why,
      }),
    );
  });
});

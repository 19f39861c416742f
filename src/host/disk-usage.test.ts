import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { diskUsage } from './disk-usage.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pinfold-usage-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const MEGABYTE = 1 << 20;
const write = (name: string, bytes = MEGABYTE) => {
  writeFileSync(join(root, name), Buffer.alloc(bytes, 7));
  return statSync(join(root, name)).blocks * 512;
};
const bytesOf = async (path = root) => (await diskUsage(path)).bytes;

describe('what a directory takes', () => {
  test('is what is allocated, at any depth, and nothing where there is none', async () => {
    expect(await bytesOf(join(root, 'nowhere'))).toBe(0);
    const empty = await bytesOf();
    mkdirSync(join(root, 'a/b/c'), { recursive: true });
    const directories = await bytesOf();
    const file = write('a/b/c/file');
    const odd = write(Buffer.from('62ff', 'hex').toString('latin1'), 4096);
    expect((await bytesOf()) - directories).toBe(file + odd);
    expect(directories).toBeGreaterThanOrEqual(empty);
  });

  test('counts what has two names once, and what is behind a link not at all', async () => {
    const file = write('one');
    const before = await bytesOf();
    linkSync(join(root, 'one'), join(root, 'two'));
    symlinkSync('/', join(root, 'host'));
    expect((await bytesOf()) - before).toBeLessThan(file);
    expect(await diskUsage(join(root, 'host'))).toMatchObject({ bytes: 0, unseen: undefined });
  });

  test('names what is too deep to be looked into', async () => {
    mkdirSync(join(root, 'd/'.repeat(256)), { recursive: true });
    expect((await diskUsage(root)).unseen).toBeUndefined();
    mkdirSync(join(root, 'd/'.repeat(257)), { recursive: true });
    expect((await diskUsage(root)).unseen).toBe(`${root}${'/d'.repeat(257)}`);
  });

  test('leaves no descriptor open, stopped or not', async () => {
    mkdirSync(join(root, 'a/b'), { recursive: true });
    for (let at = 0; at < 50; at += 1) write(`a/b/${at}`, 1);
    const open = async () => (await import('node:fs')).readdirSync('/proc/self/fd').length;
    const before = await open();
    let steps = 0;
    await diskUsage(root, () => steps++ > 0);
    await diskUsage(root);
    expect(await open()).toBe(before);
  });

  test('names what may not be looked into; root may', async () => {
    const shut = join(root, 'shut');
    mkdirSync(shut);
    chmodSync(shut, 0);
    expect((await diskUsage(root)).unseen).toBe(process.getuid?.() === 0 ? undefined : shut);
    chmodSync(shut, 0o700);
    expect((await diskUsage(root)).unseen).toBeUndefined();
  });
});

import { expect, test } from 'vitest';
import { makingActOf } from './guarded-acts.ts';
import { ARCH_TABLES, type Arch } from './seccomp/tables.ts';

const WANTED: Readonly<Record<string, string>> = {
  rename: 'rename',
  renameat: 'rename',
  renameat2: 'rename',
  link: 'link',
  linkat: 'link',
  symlink: 'link',
  symlinkat: 'link',
  open: 'create',
  openat: 'create',
  openat2: 'create',
  creat: 'create',
  mkdir: 'create',
  mkdirat: 'create',
  mknod: 'create',
  mknodat: 'create',
};

test.each(Object.keys(ARCH_TABLES) as Arch[])('calls that make names are told apart on %s', (arch) => {
  const { numbers } = ARCH_TABLES[arch];
  const known = Object.keys(WANTED).filter((name) => numbers[name] !== undefined);
  expect(known.length).toBeGreaterThan(6);
  const acts = Object.fromEntries(known.map((name) => [name, makingActOf(numbers[name]!, arch)]));
  expect(acts).toEqual(Object.fromEntries(known.map((name) => [name, WANTED[name]])));
});

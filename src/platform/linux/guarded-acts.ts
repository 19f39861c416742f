/** Which act a refused system call was. */
import type { Arch } from './seccomp/tables.ts';

export type MakingAct = 'create' | 'rename' | 'link';

/** Numbers of those that make a name under another one than open and mkdir do; asm/unistd.h. */
const ACTS: Readonly<Record<Arch, Readonly<Record<number, MakingAct>>>> = {
  x64: { 82: 'rename', 264: 'rename', 316: 'rename', 86: 'link', 265: 'link', 88: 'link', 266: 'link' },
  arm64: { 38: 'rename', 276: 'rename', 37: 'link', 36: 'link' },
};

export function makingActOf(syscall: number, arch: Arch): MakingAct {
  return ACTS[arch][syscall] ?? 'create';
}

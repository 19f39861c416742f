/** Numbers of system calls and the constants of seccomp(2), per architecture. */
import arm64 from '../../../../native/seccomp/syscalls-arm64.json' with { type: 'json' };
import x64 from '../../../../native/seccomp/syscalls-x64.json' with { type: 'json' };

export type Arch = 'x64' | 'arm64';

export interface ArchTable {
  /** AUDIT_ARCH_* of linux/audit.h, which struct seccomp_data carries. */
  readonly auditArch: number;
  readonly numbers: Readonly<Record<string, number>>;
  /** x32 calls arrive with AUDIT_ARCH_X86_64 and this bit in the number (asm/unistd.h). */
  readonly foreignBit?: number;
}

export const ARCH_TABLES: Readonly<Record<Arch, ArchTable>> = {
  x64: { auditArch: 0xc000003e, numbers: x64.numbers, foreignBit: 0x40000000 },
  arm64: { auditArch: 0xc00000b7, numbers: arm64.numbers },
};

/** Return values of a filter: seccomp(2), linux/seccomp.h. */
export const SECCOMP_RET = {
  killProcess: 0x80000000,
  errno: 0x00050000,
  userNotif: 0x7fc00000,
  allow: 0x7fff0000,
} as const;

import { describe, expect, test } from 'vitest';
import { interpret } from '../../../../test/fixtures/bpf-interpreter.ts';
import { BASELINE } from './baseline.ts';
import { compileNarrower, NARROWER } from './narrower.ts';
import { ARCH_TABLES, type Arch, SECCOMP_RET } from './tables.ts';

const EPERM = SECCOMP_RET.errno | 1;
const EACCES = SECCOMP_RET.errno | 13;

describe.each<Arch>(['x64', 'arm64'])('on %s', (arch) => {
  const { numbers, auditArch } = ARCH_TABLES[arch];
  const ask = (network: 'session' | 'none', name: string, ...args: number[]) =>
    interpret(compileNarrower(arch, network).program, {
      number: numbers[name]!,
      arch: auditArch,
      args: [0, 1, 2, 3, 4, 5].map((index) => BigInt(args[index] ?? 0)),
    }).value;

  test.each([
    ['socket', [1, 1], EACCES],
    ['socket', [2, 1], EACCES],
    ['connect', [3], EACCES],
    ['bind', [3], EACCES],
    ['listen', [3], EACCES],
    ['accept4', [3], EACCES],
    ['socketpair', [1, 1], SECCOMP_RET.allow],
    ['socketpair', [1, 0o2000005], SECCOMP_RET.allow],
    ['socketpair', [1, 2], EACCES],
    ['socketpair', [2, 1], EACCES],
  ])('without a network %s(%j) is answered as said', (name, args, answer) => {
    expect(ask('none', name, ...args)).toBe(answer);
    expect(ask('session', name, ...args)).toBe(SECCOMP_RET.allow);
  });

  test.each([
    ['prlimit64', [0], SECCOMP_RET.allow],
    ['prlimit64', [7], EPERM],
    ['setpriority', [0, 0], SECCOMP_RET.allow],
    ['setpriority', [0, 7], EPERM],
    ['setpriority', [2, 0], EPERM],
    ['sched_setaffinity', [0], SECCOMP_RET.allow],
    ['sched_setaffinity', [7], EPERM],
    ['shmat', [1], EACCES],
    ['read', [0], SECCOMP_RET.allow],
    ['execve', [0], SECCOMP_RET.allow],
  ])('in any network %s(%j) is answered as said', (name, args, answer) => {
    expect([ask('none', name, ...args), ask('session', name, ...args)]).toEqual([answer, answer]);
  });

  test('needs no listener', () => {
    expect(compileNarrower(arch, 'none').notify).toBe(false);
  });
});

test('knows as many calls as the baseline', () => {
  expect(Object.values(NARROWER).map(({ highestReviewed }) => highestReviewed)).toEqual([
    BASELINE.highestReviewed,
    BASELINE.highestReviewed,
  ]);
});

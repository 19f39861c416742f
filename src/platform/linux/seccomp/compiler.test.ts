import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpret, listing } from '../../../../test/fixtures/bpf-interpreter.ts';
import {
  type Action,
  BASELINE,
  type Baseline,
  ERRNO,
  LANDLOCK_NETWORK_BASELINE,
  LANDLOCK_TIER_BASELINE,
} from './baseline.ts';
import { compileBaseline } from './compiler.ts';
import { ARCH_TABLES, type Arch, SECCOMP_RET } from './tables.ts';

const ARCHES: readonly Arch[] = ['x64', 'arm64'];
const NOTIFY = ['nothing', 'guarded', 'refused', 'all'] as const;
const BASELINES = {
  '': BASELINE,
  'landlock-tier-': LANDLOCK_TIER_BASELINE,
  'landlock-network-': LANDLOCK_NETWORK_BASELINE,
} as const;
const EVERY = ARCHES.flatMap((arch) =>
  NOTIFY.flatMap((notify) =>
    Object.entries(BASELINES).map(([tier, baseline]) => ({ arch, notify, tier, baseline })),
  ),
);

function answer(action: Action, notify: (typeof NOTIFY)[number]): number {
  if (action === 'notify' && notify !== 'nothing') return SECCOMP_RET.userNotif;
  if (action === 'watch' && notify === 'all') return SECCOMP_RET.userNotif;
  if (action === 'refuse' && (notify === 'refused' || notify === 'all')) return SECCOMP_RET.userNotif;
  if (action === 'refuse') return SECCOMP_RET.errno | ERRNO.EPERM;
  if (action === 'notify' || action === 'watch' || action === 'allow') return SECCOMP_RET.allow;
  return SECCOMP_RET.errno | ERRNO[action];
}

/** The baseline read the slow way, straight from the JSON and with none of the compiler's code. */
function naive(
  baseline: Baseline,
  arch: Arch,
  number: number,
  auditArch: number,
  args: readonly bigint[],
): Action | 'kill' {
  const { numbers } = ARCH_TABLES[arch];
  if (auditArch !== ARCH_TABLES[arch].auditArch) return 'kill';
  if (number === 0xffffffff) return 'ENOSYS';
  if (arch === 'x64' && number >= 0x40000000) return 'kill';
  if (number > numbers[baseline.highestReviewed]!) return 'ENOSYS';
  const name = Object.keys(numbers).find((key) => numbers[key] === number);
  const checked = name === undefined ? undefined : baseline.checked[name];
  if (checked !== undefined) {
    const rule = checked.rules.find(({ when }) =>
      when.every((condition) => {
        const low = BigInt.asUintN(32, args[condition.of]!);
        if ('anyBit' in condition)
          return Object.values(condition.anyBit).some((bit) => (low & BigInt(bit)) !== 0n);
        const half = condition.high ? BigInt.asUintN(32, args[condition.of]! >> 32n) : low;
        const masked = condition.mask === undefined ? half : half & BigInt(condition.mask);
        return Object.values(condition.in).some((value) => BigInt(value) === masked);
      }),
    );
    return rule?.action ?? checked.otherwise;
  }
  return baseline.groups.find((group) => name !== undefined && name in group.calls)?.action ?? 'allow';
}

/** Numbers and arguments that lie where verdicts change, so that random cases meet them. */
const interesting = [BASELINE, LANDLOCK_TIER_BASELINE, LANDLOCK_NETWORK_BASELINE]
  .flatMap(({ checked }) => Object.values(checked))
  .flatMap((call) => call.rules.flatMap((rule) => rule.when))
  .flatMap((condition) => Object.values('in' in condition ? condition.in : condition.anyBit))
  .map(BigInt);

const argument = fc
  .tuple(
    fc.oneof(fc.constantFrom(...interesting, 0n), fc.bigInt(0n, 0xffffffffn)),
    fc.constantFrom(0n, 1n, 0x80000000n, 0xffffffffn),
    fc.constantFrom(0n, 0x80000n, 0x800n),
  )
  .map(([low, high, extra]) => (high << 32n) | low | extra);

function numberOf(arch: Arch, baseline: Baseline) {
  const named = Object.values(ARCH_TABLES[arch].numbers);
  const checked = Object.keys(baseline.checked).flatMap((name) => ARCH_TABLES[arch].numbers[name] ?? []);
  return fc.oneof(
    fc.constantFrom(...checked),
    fc
      .constantFrom(...named)
      .chain((number) => fc.constantFrom(number, number + 1, (number | 0x40000000) >>> 0)),
    fc.integer({ min: 0, max: 600 }),
    fc.constantFrom(0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff),
    fc.nat(0xffffffff),
  );
}

describe.each(EVERY)('the $tier filter for $arch, notify $notify,', ({ arch, notify, tier, baseline }) => {
  const filter = compileBaseline(baseline, { arch, notify });
  const verdict = (number: number, auditArch: number, args: readonly bigint[]) =>
    interpret(filter.program, { number, arch: auditArch, args }).value;

  test('answers every call as the baseline says', () => {
    const auditArch = fc.oneof(
      { weight: 9, arbitrary: fc.constant(ARCH_TABLES[arch].auditArch) },
      {
        weight: 1,
        arbitrary: fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0x40000003, 0xc00000b7, 0xc000003e)),
      },
    );
    const args = fc.array(argument, { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(numberOf(arch, baseline), auditArch, args, (number, from, values) => {
        const expected = naive(baseline, arch, number, from, values);
        const value = expected === 'kill' ? SECCOMP_RET.killProcess : answer(expected, notify);
        expect(verdict(number, from, values)).toBe(value);
      }),
      { numRuns: 20_000 },
    );
  });

  test('answers every number from 0 to 600 as the baseline says', () => {
    const zeros = [0n, 0n, 0n, 0n, 0n, 0n];
    for (let number = 0; number <= 600; number++) {
      const expected = naive(baseline, arch, number, ARCH_TABLES[arch].auditArch, zeros) as Action;
      expect([number, verdict(number, ARCH_TABLES[arch].auditArch, zeros)]).toEqual([
        number,
        answer(expected, notify),
      ]);
    }
  });

  test('stays short and shallow, since its length is paid at every start', () => {
    expect(filter.instructions).toBe(filter.program.length / 8);
    expect(filter.instructions).toBeLessThan(220);
    const { auditArch, numbers } = ARCH_TABLES[arch];
    const steps = Object.values(numbers).map(
      (number) =>
        interpret(filter.program, { number, arch: auditArch, args: [2n, 9n, 9n, 0n, 0n, 0n] }).steps,
    );
    expect(Math.max(...steps)).toBeLessThan(35);
  });

  test('says whether it needs a listener', () => {
    expect(filter.notify).toBe(notify !== 'nothing');
  });

  test('is the listing that was reviewed', async () => {
    await expect(listing(filter.program)).toMatchFileSnapshot(`golden/${tier}${arch}-${notify}.txt`);
  });
});

const X64 = ARCH_TABLES.x64;

function x64(name: string, ...args: bigint[]): number {
  const { program } = compileBaseline(BASELINE, { arch: 'x64', notify: 'all' });
  const padded = [...args, 0n, 0n, 0n, 0n, 0n, 0n].slice(0, 6);
  return interpret(program, { number: X64.numbers[name]!, arch: X64.auditArch, args: padded }).value;
}

const allow = SECCOMP_RET.allow;
/** Refused by the launcher, which says who tried. */
const told = SECCOMP_RET.userNotif;
const errno = (name: keyof typeof ERRNO) => SECCOMP_RET.errno | ERRNO[name];

describe('the baseline', () => {
  test('kills a call through the table of i386 whose number is harmless on x86-64', () => {
    const { program } = compileBaseline(BASELINE, { arch: 'x64', notify: 'all' });
    const getpid = { number: X64.numbers.getpid!, args: [0n, 0n, 0n, 0n, 0n, 0n] };
    expect(interpret(program, { ...getpid, arch: X64.auditArch }).value).toBe(allow);
    expect(interpret(program, { ...getpid, arch: 0x40000003 }).value).toBe(SECCOMP_RET.killProcess);
  });

  test('kills x32 calls, but answers syscall(-1) as a kernel does', () => {
    const { program } = compileBaseline(BASELINE, { arch: 'x64', notify: 'all' });
    const at = (number: number) => interpret(program, { number, arch: X64.auditArch, args: [] }).value;
    expect(at(0x40000000 | X64.numbers.getpid!)).toBe(SECCOMP_RET.killProcess);
    expect(at(0xffffffff)).toBe(errno('ENOSYS'));
  });

  test('refuses TIOCSTI also with a high bit set, and lets a terminal be resized', () => {
    expect(x64('ioctl', 0n, 0x5412n)).toBe(told);
    expect(x64('ioctl', 0n, 0x1_0000_5412n)).toBe(told);
    expect(x64('ioctl', 0n, 0x5414n)).toBe(allow);
  });

  test('N-D17: refuses SCTP whether the kernel has it or not, by its number and by its type, and lets TCP be', () => {
    for (const family of [2n, 10n]) {
      expect(x64('socket', family, 1n, 6n)).toBe(allow);
      expect(x64('socket', family, 1n, 132n)).toBe(errno('EPROTONOSUPPORT'));
      expect(x64('socket', family, 5n, 132n)).toBe(errno('EPROTONOSUPPORT'));
      expect(x64('socket', family, 5n, 0n)).toBe(errno('EPROTONOSUPPORT'));
      expect(x64('socket', family, 1n, 0x1_0000_0084n)).toBe(errno('EPROTONOSUPPORT'));
    }
  });

  test('refuses clone with a namespace flag, high bits or not, and lets threads be', () => {
    const thread = 0x3d0f00n;
    expect(x64('clone', thread)).toBe(allow);
    expect(x64('clone', thread | 0x10000000n)).toBe(told);
    expect(x64('clone', thread | 0x1_1000_0000n)).toBe(told);
    expect(x64('clone3')).toBe(errno('ENOSYS'));
    expect(x64('unshare', 0x400n)).toBe(allow);
    expect(x64('unshare', 0x80n)).toBe(told);
  });

  test('lets personality be asked, and not changed', () => {
    expect(x64('personality', 0xffffffffn)).toBe(allow);
    expect(x64('personality', 0n)).toBe(allow);
    expect(x64('personality', 0x40000n)).toBe(told);
  });

  const CLOEXEC_NONBLOCK = 0x80800n;
  test.each([
    ['a local stream', [1n, 1n, 0n], allow],
    ['a local socket asked for with a high bit', [0x1_0000_0001n, 1n, 0n], allow],
    ['TCP with flags', [2n, 1n | CLOEXEC_NONBLOCK, 6n], allow],
    ['UDP over IPv6', [10n, 2n, 17n], allow],
    ['questions to rtnetlink', [16n, 3n | CLOEXEC_NONBLOCK, 0n], allow],
    ['a raw socket', [2n, 3n, 1n], told],
    ['the old way to a packet socket', [2n, 10n, 3n], told],
    ['MPTCP', [2n, 1n, 262n], errno('EPROTONOSUPPORT')],
    ['SCTP', [2n, 1n, 132n], errno('EPROTONOSUPPORT')],
    ['SCTP as packets', [10n, 5n, 132n], errno('EPROTONOSUPPORT')],
    ['an ICMP echo socket', [2n, 2n, 1n], errno('EPROTONOSUPPORT')],
    ['netfilter', [16n, 3n, 12n], errno('EPROTONOSUPPORT')],
    ['audit', [16n, 3n, 9n], errno('EPROTONOSUPPORT')],
    ['packets', [17n, 3n, 3n], errno('EAFNOSUPPORT')],
    ['the kernel’s cryptography', [38n, 5n, 0n], errno('EAFNOSUPPORT')],
    ['the way to the hypervisor', [40n, 1n, 0n], errno('EAFNOSUPPORT')],
    ['the way to the hypervisor, high bit set', [0x1_0000_0028n, 1n, 0n], errno('EAFNOSUPPORT')],
    ['SMC', [43n, 1n, 0n], errno('EAFNOSUPPORT')],
  ] as const)('answers socket() for %s', (_, args, value) => {
    expect(x64('socket', ...args)).toBe(value);
  });

  test('notifies about opens that can make or change something, and about no others', () => {
    expect(x64('openat', 0n, 0n, 0x0n)).toBe(allow);
    expect(x64('openat', 0n, 0n, 0x88000n)).toBe(allow);
    expect(x64('openat', 0n, 0n, 0x1n)).toBe(SECCOMP_RET.userNotif);
    expect(x64('open', 0n, 0x200n)).toBe(SECCOMP_RET.userNotif);
    expect(x64('openat', 0n, 0n, 0x41n)).toBe(SECCOMP_RET.userNotif);
    expect(x64('open', 0n, 0xc1n)).toBe(SECCOMP_RET.userNotif);
    expect(x64('openat', 0n, 0n, 0x410000n)).toBe(allow);
    expect(x64('linkat')).toBe(SECCOMP_RET.userNotif);
  });

  test('refuses a filter with a listener, and lets a plain one be', () => {
    expect(x64('seccomp', 1n, 0n)).toBe(allow);
    expect(x64('seccomp', 1n, 8n)).toBe(told);
    expect(x64('seccomp', 1n, 0x28n)).toBe(told);
  });

  test('gives every call a reason and only actions, bits and values that mean something', () => {
    const actions = new Set(['allow', 'notify', 'watch', 'refuse', ...Object.keys(ERRNO)]);
    for (const group of LANDLOCK_TIER_BASELINE.groups) {
      expect(actions).toContain(group.action);
      expect(group.why.length).toBeGreaterThan(20);
      for (const [name, reason] of Object.entries(group.calls))
        expect([name, reason.length > 6]).toEqual([name, true]);
    }
    for (const [name, call] of Object.entries({ ...BASELINE.checked, ...LANDLOCK_TIER_BASELINE.checked })) {
      expect(actions).toContain(call.otherwise);
      expect([name, call.why.length > 5]).toEqual([name, true]);
      for (const rule of call.rules) {
        expect(actions).toContain(rule.action);
        for (const condition of rule.when) {
          const values = Object.values('in' in condition ? condition.in : condition.anyBit).map(Number);
          expect(values.every((value) => Number.isInteger(value) && value >= 0 && value <= 0xffffffff)).toBe(
            true,
          );
          expect(values.length).toBeGreaterThan(0);
        }
      }
    }
  });

  test('of the tier without namespaces compares both halves of a pointer that must be NULL', () => {
    const { program } = compileBaseline(LANDLOCK_TIER_BASELINE, { arch: 'x64', notify: 'all' });
    const utimensat = (path: bigint) =>
      interpret(program, {
        number: X64.numbers.utimensat!,
        arch: X64.auditArch,
        args: [3n, path, 0n, 0n, 0n, 0n],
      }).value;
    expect(utimensat(0n)).toBe(allow);
    expect(utimensat(0x1_0000_0000n)).toBe(errno('EPERM'));
    expect(utimensat(0x7fff_0000_1000n)).toBe(errno('EPERM'));
  });

  test('refuses a misspelt call and one that stands twice', () => {
    const group = { name: 'g', action: 'EPERM', why: 'w', calls: { mont: 'typo' } } as const;
    const options = { arch: 'x64', notify: 'nothing' } as const;
    expect(() => compileBaseline({ ...BASELINE, groups: [group] }, options)).toThrow(
      'no table has a number for mont',
    );
    const twice = { ...group, calls: { socket: 'checked too' } };
    expect(() => compileBaseline({ ...BASELINE, groups: [twice] }, options)).toThrow('socket stands twice');
  });
});

/** Compiles a baseline of system calls into a seccomp filter, purely. */
import { assemble, encode, type Line } from './assemble.ts';
import { type Action, type Baseline, type CheckedCall, type Condition, ERRNO } from './baseline.ts';
import { ARCH_TABLES, type Arch, SECCOMP_RET } from './tables.ts';

export interface SeccompOptions {
  readonly arch: Arch;
  /** `nothing`: no supervisor listens, and what the baseline would notify about is allowed; `guarded`: all but what is only told; `refused`: that, and calls that are refused to everybody. */
  readonly notify: 'nothing' | 'guarded' | 'refused' | 'all';
}

export interface SeccompFilter {
  /** `struct sock_filter[]`. */
  readonly program: Uint8Array;
  /** The program answers RET_USER_NOTIF somewhere, so that it needs a listener. */
  readonly notify: boolean;
  readonly instructions: number;
}

/** struct seccomp_data: nr, arch, instruction_pointer, args[6]; little-endian, so the low half of an argument is first. */
const OFFSET = {
  number: 0,
  arch: 4,
  argument: (condition: Condition) => 16 + 8 * condition.of + (isHigh(condition) ? 4 : 0),
};

function isHigh(condition: Condition): boolean {
  return 'in' in condition && condition.high === true;
}

const FOREIGN = 'kill';
const NO_CALL = 0xffffffff;

/** Where a number leads: an action, `kill`, or the name of a checked call. */
type Leaf = string;
interface Segment {
  /** First number; it reaches to the next segment's start. */
  readonly start: number;
  readonly leaf: Leaf;
}

const checkedLeaf = (name: string): Leaf => `call ${name}`;

function effective(action: Action, options: SeccompOptions): Action {
  if (action === 'notify') return options.notify === 'nothing' ? 'allow' : 'notify';
  if (action === 'watch') return options.notify === 'all' ? 'notify' : 'allow';
  if (action === 'refuse') return ['refused', 'all'].includes(options.notify) ? 'notify' : 'EPERM';
  return action;
}

/** Without the last rules that change nothing; a checked call that has none left is no checked call. */
function settle(call: CheckedCall, options: SeccompOptions): CheckedCall | Action {
  const rules = call.rules.map((rule) => ({ ...rule, action: effective(rule.action, options) }));
  const otherwise = effective(call.otherwise, options);
  while (rules.at(-1)?.action === otherwise) rules.pop();
  return rules.length === 0 ? otherwise : { ...call, rules, otherwise };
}

interface Verdicts {
  /** Per number; a number that is absent is allowed. */
  readonly leaves: ReadonlyMap<number, Leaf>;
  readonly checked: ReadonlyMap<string, CheckedCall>;
}

function verdicts(baseline: Baseline, options: SeccompOptions): Verdicts {
  const { numbers } = ARCH_TABLES[options.arch];
  const leaves = new Map<number, Leaf>();
  const checked = new Map<string, CheckedCall>();
  const decide = (name: string, leaf: Leaf) => {
    const number = numbers[name];
    if (number === undefined) {
      // arm64 lacks the old calls (open, iopl); a misspelt name lacks everywhere and would leave a hole.
      if (Object.values(ARCH_TABLES).some((table) => table.numbers[name] !== undefined)) return;
      throw new Error(`no table has a number for ${name}`);
    }
    if (leaves.has(number)) throw new Error(`${name} stands twice in the baseline`);
    leaves.set(number, leaf);
  };
  for (const group of baseline.groups) {
    for (const name of Object.keys(group.calls)) decide(name, effective(group.action, options));
  }
  for (const [name, call] of Object.entries(baseline.checked)) {
    const settled = settle(call, options);
    decide(name, typeof settled === 'string' ? settled : checkedLeaf(name));
    if (typeof settled !== 'string' && numbers[name] !== undefined) checked.set(name, settled);
  }
  return { leaves, checked };
}

/** Cuts the whole range of numbers into stretches that lead to the same place. */
function segments(baseline: Baseline, options: SeccompOptions, leaves: ReadonlyMap<number, Leaf>): Segment[] {
  const { numbers, foreignBit } = ARCH_TABLES[options.arch];
  const highest = numbers[baseline.highestReviewed];
  if (highest === undefined) throw new Error(`no number for ${baseline.highestReviewed}`);
  const cuts: Segment[] = [{ start: 0, leaf: leaves.get(0) ?? 'allow' }];
  const cut = (start: number, leaf: Leaf) => {
    if (cuts.at(-1)!.leaf !== leaf) cuts.push({ start, leaf });
  };
  for (let number = 1; number <= highest; number++) cut(number, leaves.get(number) ?? 'allow');
  // Above: calls nobody has reviewed, and on x86-64 the x32 numbers 512 to 547 that old kernels take without the bit.
  cut(highest + 1, 'ENOSYS');
  if (foreignBit !== undefined) {
    cut(foreignBit, FOREIGN);
    // syscall(-1) is how programs and tracers ask for ENOSYS.
    cut(NO_CALL, 'ENOSYS');
  }
  return cuts;
}

/** Single numbers in a stretch of one other leaf are cheaper to compare one by one than to cut out. */
const CHAIN = 3;

function asChain(parts: readonly Segment[], end: number): { singles: Segment[]; rest: Leaf } | undefined {
  const ends = parts.map((_, index) => parts[index + 1]?.start ?? end);
  const wide = new Set(parts.filter((part, index) => ends[index]! - part.start > 1).map((part) => part.leaf));
  if (wide.size > 1) return undefined;
  const rest = [...wide][0] ?? parts[0]!.leaf;
  const singles = parts.filter((part) => part.leaf !== rest);
  return singles.length <= CHAIN ? { singles, rest } : undefined;
}

/** A binary tree over the segments, depth first, so that every jump leads forward. `end` is exclusive. */
function dispatch(parts: readonly Segment[], end: number): Line[] {
  const chain = asChain(parts, end);
  if (chain !== undefined) {
    const compare = chain.singles.map(
      ({ start, leaf }): Line => ({ op: 'branch', jump: 'equal', value: start, yes: leaf }),
    );
    const last = compare.pop();
    if (last?.op !== 'branch') return [{ op: 'goto', target: chain.rest }];
    return [...compare, { ...last, no: chain.rest }];
  }
  const middle = parts.length >> 1;
  const [left, right] = [parts.slice(0, middle), parts.slice(middle)];
  const boundary = right[0]!.start;
  const label = `from ${boundary}`;
  // A side that is one segment needs no code of its own.
  const [below, above] = [
    left.length === 1 ? left[0]!.leaf : undefined,
    right.length === 1 ? right[0]!.leaf : undefined,
  ];
  return [
    {
      op: 'branch',
      jump: 'at-least',
      value: boundary,
      yes: above ?? label,
      ...(below === undefined ? {} : { no: below }),
    },
    ...(below === undefined ? dispatch(left, boundary) : []),
    ...(above === undefined ? [{ op: 'label', name: label } as const, ...dispatch(right, end)] : []),
  ];
}

/** What the accumulator holds after a condition; equal keys need no second load. */
function accumulatorKey(condition: Condition): string {
  return `${OFFSET.argument(condition)} ${'in' in condition ? (condition.mask ?? '') : ''}`;
}

function loadFor(condition: Condition): Line[] {
  const load: Line = { op: 'load', offset: OFFSET.argument(condition) };
  return 'in' in condition && condition.mask !== undefined
    ? [load, { op: 'and', mask: Number(condition.mask) }]
    : [load];
}

function conditionTest(condition: Condition, ok: string, fail: string): Line[] {
  if ('anyBit' in condition) {
    const bits = Object.values(condition.anyBit).reduce((mask, bit) => mask | Number(bit), 0);
    return [{ op: 'branch', jump: 'any-bit', value: bits, yes: ok, no: fail }];
  }
  const values = Object.values(condition.in).map(Number);
  return values.map((value, index) => ({
    op: 'branch',
    jump: 'equal',
    value,
    yes: ok,
    ...(index === values.length - 1 ? { no: fail } : {}),
  }));
}

function checkedBody(name: string, call: CheckedCall): Line[] {
  const lines: Line[] = [{ op: 'label', name: checkedLeaf(name) }];
  let holds: string | undefined;
  for (const [index, { when, action }] of call.rules.entries()) {
    const last = index === call.rules.length - 1;
    const fail = last ? call.otherwise : `${name} rule ${index + 2}`;
    for (const [position, condition] of when.entries()) {
      if (holds !== accumulatorKey(condition)) lines.push(...loadFor(condition));
      holds = accumulatorKey(condition);
      const next = `${name} rule ${index + 1} test ${position + 2}`;
      const final = position === when.length - 1;
      lines.push(...conditionTest(condition, final ? action : next, fail));
      if (!final) lines.push({ op: 'label', name: next });
    }
    // The next rule is reached from any condition of this one; only a single one leaves a known accumulator.
    if (when.length > 1) holds = undefined;
    if (!last) lines.push({ op: 'label', name: fail });
  }
  return lines;
}

function returns(body: readonly Line[]): Line[] {
  const values: Record<string, number> = {
    [FOREIGN]: SECCOMP_RET.killProcess,
    notify: SECCOMP_RET.userNotif,
    allow: SECCOMP_RET.allow,
  };
  for (const [name, number] of Object.entries(ERRNO)) values[name] = SECCOMP_RET.errno | number;
  const wanted = new Set(
    body.flatMap((line) =>
      line.op === 'branch' ? [line.yes, line.no] : line.op === 'goto' ? [line.target] : [],
    ),
  );
  return Object.entries(values)
    .filter(([name]) => wanted.has(name))
    .flatMap(([name, value]): Line[] => [
      { op: 'label', name },
      { op: 'return', value },
    ]);
}

export function compileBaseline(baseline: Baseline, options: SeccompOptions): SeccompFilter {
  const { leaves, checked } = verdicts(baseline, options);
  const body: Line[] = [
    // First of all: the same number is another call elsewhere (int 0x80 reaches i386's table from 64-bit code).
    { op: 'load', offset: OFFSET.arch },
    { op: 'branch', jump: 'equal', value: ARCH_TABLES[options.arch].auditArch, no: FOREIGN },
    { op: 'load', offset: OFFSET.number },
    ...dispatch(segments(baseline, options, leaves), 2 ** 32),
    ...[...checked].flatMap(([name, call]) => checkedBody(name, call)),
  ];
  const ends = returns(body);
  const instructions = assemble([...body, ...ends]);
  return {
    program: encode(instructions),
    notify: ends.some((line) => line.op === 'label' && line.name === 'notify'),
    instructions: instructions.length,
  };
}

/** Turns BPF instructions with symbolic jumps into `struct sock_filter[]`. Knows nothing of seccomp. */

/** Codes of linux/bpf_common.h for the few instructions that a filter here needs. */
export const BPF = {
  loadAbsolute: 0x20,
  and: 0x54,
  jumpAlways: 0x05,
  jumpEqual: 0x15,
  jumpGreaterOrEqual: 0x35,
  jumpAnyBit: 0x45,
  return: 0x06,
} as const;

export type Jump = 'equal' | 'at-least' | 'any-bit';

const JUMP_CODES: Readonly<Record<Jump, number>> = {
  equal: BPF.jumpEqual,
  'at-least': BPF.jumpGreaterOrEqual,
  'any-bit': BPF.jumpAnyBit,
};

/** One line of a listing. A branch whose `no` is absent goes on with the next instruction, and so does one without `yes`. */
export type Line =
  | { readonly op: 'label'; readonly name: string }
  | { readonly op: 'load'; readonly offset: number }
  | { readonly op: 'and'; readonly mask: number }
  | {
      readonly op: 'branch';
      readonly jump: Jump;
      readonly value: number;
      readonly yes?: string;
      readonly no?: string;
    }
  | { readonly op: 'goto'; readonly target: string }
  | { readonly op: 'return'; readonly value: number };

export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** Offsets of a branch are bytes; one that leads further goes over a `goto` beside it. */
const FURTHEST = 255;
/** BPF_MAXINSNS. */
const MOST_INSTRUCTIONS = 4096;

type Detours = ReadonlyMap<Line, { readonly yes: boolean; readonly no: boolean }>;

function size(line: Line, detours: Detours): number {
  if (line.op === 'label') return 0;
  const detour = detours.get(line);
  return 1 + (detour?.yes ? 1 : 0) + (detour?.no ? 1 : 0);
}

function place(
  lines: readonly Line[],
  detours: Detours,
): { at: number[]; labels: Map<string, number>; length: number } {
  const labels = new Map<string, number>();
  const at: number[] = [];
  let length = 0;
  for (const line of lines) {
    at.push(length);
    if (line.op === 'label') {
      if (labels.has(line.name)) throw new Error(`label ${line.name} stands twice`);
      labels.set(line.name, length);
    }
    length += size(line, detours);
  }
  return { at, labels, length };
}

function distance(labels: ReadonlyMap<string, number>, target: string | undefined, from: number): number {
  if (target === undefined) return 0;
  const to = labels.get(target);
  if (to === undefined) throw new Error(`no label ${target}`);
  // The kernel refuses backward jumps too, but by then nobody knows which one it was.
  if (to < from) throw new Error(`the jump to ${target} leads backwards`);
  return to - from;
}

/** Grows the set of detours until every branch fits; they only ever become more, so this ends. */
function layOut(lines: readonly Line[]): { detours: Detours; at: number[]; labels: Map<string, number> } {
  const detours = new Map<Line, { yes: boolean; no: boolean }>();
  for (;;) {
    const { at, labels, length } = place(lines, detours);
    if (length > MOST_INSTRUCTIONS) throw new Error(`a filter of ${length} instructions is too long`);
    let changed = false;
    for (const [index, line] of lines.entries()) {
      if (line.op !== 'branch') continue;
      const had = detours.get(line) ?? { yes: false, no: false };
      const next = at[index]! + size(line, detours);
      const far = (target: string | undefined) => distance(labels, target, next) + 2 > FURTHEST;
      const now = { yes: had.yes || far(line.yes), no: had.no || far(line.no) };
      if (now.yes === had.yes && now.no === had.no) continue;
      detours.set(line, now);
      changed = true;
    }
    if (!changed) return { detours, at, labels };
  }
}

export function assemble(lines: readonly Line[]): Instruction[] {
  const { detours, at, labels } = layOut(lines);
  const out: Instruction[] = [];
  const plain = (code: number, k: number) => out.push({ code, jt: 0, jf: 0, k: k >>> 0 });
  const emitBranch = (line: Extract<Line, { op: 'branch' }>, position: number) => {
    const detour = detours.get(line) ?? { yes: false, no: false };
    const skip = (detour.yes ? 1 : 0) + (detour.no ? 1 : 0);
    const end = position + 1 + skip;
    // The detours stand right behind the branch: first that of `yes`, then that of `no`.
    const jt = detour.yes ? 0 : skip + distance(labels, line.yes, end);
    const jf = detour.no ? skip - 1 : skip + distance(labels, line.no, end);
    out.push({ code: JUMP_CODES[line.jump], jt, jf, k: line.value >>> 0 });
    if (detour.yes) plain(BPF.jumpAlways, distance(labels, line.yes, position + 2));
    if (detour.no) plain(BPF.jumpAlways, distance(labels, line.no, end));
  };
  for (const [index, line] of lines.entries()) {
    const position = at[index]!;
    if (line.op === 'load') plain(BPF.loadAbsolute, line.offset);
    else if (line.op === 'and') plain(BPF.and, line.mask);
    else if (line.op === 'goto') plain(BPF.jumpAlways, distance(labels, line.target, position + 1));
    else if (line.op === 'return') plain(BPF.return, line.value);
    else if (line.op === 'branch') emitBranch(line, position);
  }
  return out;
}

/** `struct sock_filter[]`; both architectures that we compile for are little-endian. */
export function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, jt, jf, k }] of instructions.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  }
  return bytes;
}

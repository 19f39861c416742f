/** What the calls that notify the supervisor name, as data: which argument is a path, and when a mount refuses the act on it. */
import { ARCH_TABLES, type Arch } from './seccomp/tables.ts';

/** What a call does to the thing that it names. */
export type WatchedAct =
  | 'write'
  | 'create'
  | 'rename'
  | 'link'
  | 'remove'
  | 'metadata'
  | 'execute'
  | 'connect';

/** Flags of a call: those of open(2), renameat2(2), or AT_*. */
type Flag = keyof ReturnType<typeof flagsOf>;

/** One thing that a call names. Arguments are counted from 1; a path without a base starts at the working directory. */
interface Named {
  readonly act: WatchedAct;
  /** What it is where the thing is there already; default: as `act`. */
  readonly actPresent?: WatchedAct;
  readonly base?: number;
  /** Absent: the descriptor `base` itself. */
  readonly path?: number;
  readonly flags?: number;
  /** It is made where it is not there: always, or with one of these flags. */
  readonly absent?: 'always' | readonly Flag[];
  /** It is acted on where it is there; not with a flag of `unless`. */
  readonly present?: 'always' | readonly Flag[];
  readonly unless?: readonly Flag[];
  /** A link is not followed; default: always followed. */
  readonly nofollow?: 'always' | readonly Flag[];
  /** Of what is there its own mount decides, else that of its directory. */
  readonly itself?: true;
  /** Only a regular file is refused. */
  readonly regular?: true;
  readonly directory?: true;
  /**
   * It goes away from there: where it is not there nothing is made, and yet a read-only mount answers EROFS before it is looked
   * for.
   */
  readonly leaves?: true;
  /** What is made may already hold anything: it comes from there, or (without `from`) is a symbolic link. */
  readonly arrives?: { readonly fromBase?: number; readonly from?: number };
  /** The kernel says that there is no writing before it looks the name up: the tripwire does not see who asked for it. */
  readonly unasked?: true;
  /** The path is that of a Unix socket, in an address; what is not there is told of, and nothing is made. */
  readonly address?: true;
}

const flagsOf = (arch: Arch) => ({
  /** asm-generic/fcntl.h. */
  O_WRONLY: 0x1,
  O_RDWR: 0x2,
  O_CREAT: 0x40,
  O_EXCL: 0x80,
  O_TRUNC: 0x200,
  /** The bit that O_TMPFILE has of its own. */
  O_TMPFILE: 0x400000,
  /** arm64 has numbers of its own for two of them. */
  O_NOFOLLOW: arch === 'arm64' ? 0x8000 : 0x20000,
  AT_SYMLINK_NOFOLLOW: 0x100,
  RENAME_EXCHANGE: 0x2,
});

const OPENED = {
  act: 'create',
  actPresent: 'write',
  absent: ['O_CREAT'],
  present: ['O_WRONLY', 'O_RDWR', 'O_TRUNC'],
  unless: ['O_EXCL', 'O_TMPFILE'],
  nofollow: ['O_EXCL', 'O_NOFOLLOW'],
  itself: true,
  regular: true,
} as const;
/** A file without a name, in a directory that is named. */
const NAMELESS = { act: 'create', present: ['O_TMPFILE'], itself: true } as const;
const MADE = { act: 'create', absent: 'always', nofollow: 'always' } as const;
const DIRECTORY = { ...MADE, directory: true } as const;
const LINKED = { act: 'link', absent: 'always', nofollow: 'always' } as const;
const MOVED = {
  act: 'rename',
  absent: 'always',
  present: 'always',
  nofollow: 'always',
  unasked: true,
} as const;
/** Where something moves away from. */
const GOES = {
  absent: 'always',
  present: 'always',
  nofollow: 'always',
  unasked: true,
  leaves: true,
} as const;
const LEFT = { ...GOES, act: 'rename' } as const;
const EXCHANGED = { ...MOVED, absent: ['RENAME_EXCHANGE'], present: ['RENAME_EXCHANGE'] } as const;
const REMOVED = { ...GOES, act: 'remove' } as const;
const CHANGED = { act: 'metadata', present: 'always', itself: true } as const;
const CHANGED_LINK = { ...CHANGED, nofollow: 'always' } as const;
const CHANGED_AT = { ...CHANGED, base: 1, path: 2, nofollow: ['AT_SYMLINK_NOFOLLOW'] } as const;
const EXECUTED = { act: 'execute', present: 'always', itself: true, regular: true } as const;

/** By the names of the calls. Their flags are looked at, their memory is read; no guarantee rests on what is found there. */
export const WATCHED_CALLS: Readonly<Record<string, readonly Named[]>> = {
  open: [
    { ...OPENED, path: 1, flags: 2 },
    { ...NAMELESS, path: 1, flags: 2 },
  ],
  openat: [
    { ...OPENED, base: 1, path: 2, flags: 3 },
    { ...NAMELESS, base: 1, path: 2, flags: 3 },
  ],
  creat: [{ ...OPENED, path: 1, absent: 'always', present: 'always', unless: [], nofollow: [] }],
  mkdir: [{ ...DIRECTORY, path: 1 }],
  mkdirat: [{ ...DIRECTORY, base: 1, path: 2 }],
  mknod: [{ ...MADE, path: 1 }],
  mknodat: [{ ...MADE, base: 1, path: 2 }],
  symlink: [{ ...LINKED, path: 2, arrives: {} }],
  symlinkat: [{ ...LINKED, base: 2, path: 3, arrives: {} }],
  link: [{ ...LINKED, path: 2, arrives: { from: 1 } }],
  linkat: [{ ...LINKED, base: 3, path: 4, arrives: { fromBase: 1, from: 2 } }],
  rename: [
    { ...MOVED, path: 2, arrives: { from: 1 } },
    { ...LEFT, path: 1 },
  ],
  renameat: [
    { ...MOVED, base: 3, path: 4, arrives: { fromBase: 1, from: 2 } },
    { ...LEFT, base: 1, path: 2 },
  ],
  renameat2: [
    { ...MOVED, base: 3, path: 4, flags: 5, arrives: { fromBase: 1, from: 2 } },
    { ...LEFT, base: 1, path: 2 },
    { ...EXCHANGED, base: 1, path: 2, flags: 5, arrives: { fromBase: 3, from: 4 } },
  ],
  unlink: [{ ...REMOVED, path: 1 }],
  unlinkat: [{ ...REMOVED, base: 1, path: 2 }],
  rmdir: [{ ...REMOVED, path: 1 }],
  truncate: [{ ...CHANGED, act: 'write', path: 1, regular: true }],
  chmod: [{ ...CHANGED, path: 1 }],
  fchmod: [{ ...CHANGED, base: 1 }],
  fchmodat: [{ ...CHANGED, base: 1, path: 2 }],
  fchmodat2: [{ ...CHANGED_AT, flags: 4 }],
  chown: [{ ...CHANGED, path: 1 }],
  lchown: [{ ...CHANGED_LINK, path: 1 }],
  fchown: [{ ...CHANGED, base: 1 }],
  fchownat: [{ ...CHANGED_AT, flags: 5 }],
  utime: [{ ...CHANGED, path: 1 }],
  utimes: [{ ...CHANGED, path: 1 }],
  futimesat: [{ ...CHANGED, base: 1, path: 2 }],
  utimensat: [{ ...CHANGED_AT, flags: 4 }],
  setxattr: [{ ...CHANGED, path: 1 }],
  lsetxattr: [{ ...CHANGED_LINK, path: 1 }],
  fsetxattr: [{ ...CHANGED, base: 1 }],
  setxattrat: [{ ...CHANGED_AT, flags: 3 }],
  removexattr: [{ ...CHANGED, path: 1 }],
  lremovexattr: [{ ...CHANGED_LINK, path: 1 }],
  fremovexattr: [{ ...CHANGED, base: 1 }],
  removexattrat: [{ ...CHANGED_AT, flags: 3 }],
  file_setattr: [{ ...CHANGED_AT, flags: 5 }],
  connect: [{ act: 'connect', path: 2, present: 'always', address: true }],
  execve: [{ ...EXECUTED, path: 1 }],
  execveat: [{ ...EXECUTED, base: 1, path: 2, flags: 5, nofollow: ['AT_SYMLINK_NOFOLLOW'] }],
};

/** As the launcher is given it; `struct watched` of spec.h, one for each thing that a call names. */
export interface WatchedRow extends Named {
  /** Its name. */
  readonly call: string;
  readonly number: number;
}

/** In the order in which records name them. */
export function watchedRows(arch: Arch): WatchedRow[] {
  const { numbers } = ARCH_TABLES[arch];
  return Object.entries(WATCHED_CALLS).flatMap(([name, things]) => {
    const number = numbers[name];
    return number === undefined ? [] : things.map((thing) => ({ ...thing, call: name, number }));
  });
}

/** They name no path (`destinations.c` looks at them), but may go on: what no row knows the launcher refuses. */
const ADDRESSED = ['bind', 'listen', 'sendto', 'sendmsg', 'sendmmsg'];

function passingRow(number: number): Buffer {
  const bytes = Buffer.alloc(ROW_BYTES);
  bytes.writeUInt32LE(number, 0);
  return bytes;
}

const KIND = { itself: 1, regular: 2, directory: 4, arrives: 8, address: 16 } as const;
const ALWAYS = 0x80000000;
/** Flags of statvfs(3). */
const MOUNTED = { readOnly: 1, noexec: 8 } as const;
const ROW_BYTES = 36;

/** `seen`: what is refused by the kernel is told; else only names that come into being are asked about. */
export function encodeWatched(arch: Arch, seen: boolean): { readonly count: number; readonly bytes: Buffer } {
  const flags = flagsOf(arch);
  const mask = (wanted: 'always' | readonly Flag[] = []) =>
    wanted === 'always' ? ALWAYS : wanted.reduce((bits, name) => bits | flags[name], 0);
  const rows = watchedRows(arch).map((row) => {
    const bytes = Buffer.alloc(ROW_BYTES);
    const kind =
      (row.itself ? KIND.itself : 0) |
      (row.regular ? KIND.regular : 0) |
      (row.directory ? KIND.directory : 0) |
      (row.arrives ? KIND.arrives : 0) |
      (row.address ? KIND.address : 0);
    const present = row.address && !seen ? [] : row.present;
    const refusing = row.act === 'execute' ? MOUNTED.noexec : MOUNTED.readOnly;
    const words = [
      ...[row.number, kind, mask(row.absent), mask(present), mask(row.unless), mask(row.nofollow)],
      seen && !row.address ? refusing : 0,
    ];
    for (const [index, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, 4 * index);
    const { base = 0, path = 0, arrives: { fromBase = 0, from = 0 } = {} } = row;
    bytes.set([base, path, row.flags ?? 0, fromBase, from], 4 * words.length);
    return bytes;
  });
  const { numbers } = ARCH_TABLES[arch];
  const passing = ADDRESSED.map((name) => passingRow(numbers[name]!));
  return { count: rows.length + passing.length, bytes: Buffer.concat([...rows, ...passing]) };
}

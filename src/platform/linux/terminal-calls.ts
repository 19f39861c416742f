/** A terminal of a command's own, as calls that its process makes: opened inside, joined to Node by a process of ours. Pure. */
import { CallList, struct } from './call-list.ts';
import type { CommandPlan, TerminalSize } from './plan.ts';
import type { Arch } from './seccomp/tables.ts';

const AT_FDCWD = -100;
/** O_RDWR, O_NOCTTY, O_NONBLOCK, O_CLOEXEC; the same numbers on both architectures. */
const TERMINAL_FLAGS = 0o2 | 0o400 | 0o4000 | 0o2000000;
const COMMAND_FLAGS = 0o2 | 0o400 | 0o2000000;
/** asm-generic/ioctls.h. */
const IOCTL = { setLock: 0x40045431, setSize: 0x5414, openPeer: 0x5441, setControlling: 0x540e } as const;
/** Low, since limits on open files are in force. */
const [MASTER, COMMAND] = [4, 5];
/** Streams of such a command: the bytes both ways, and the sizes that the terminal takes on. */
export const TERMINAL_STREAMS: CommandPlan['streams'] = ['pipe', 'pipe', 'ignore'];

/** `struct winsize`: eight bytes, of which the pixels are unknown. */
export function winsize({ columns, rows }: TerminalSize): Buffer {
  return struct([rows, 2], [columns, 2], [0, 4]);
}

export function terminalCalls(arch: Arch, size: TerminalSize): CallList {
  const calls = new CallList(arch);
  calls.step = 'terminal';
  calls.label = 'open a terminal';
  calls.add('openat', [AT_FDCWD, '/dev/pts/ptmx', TERMINAL_FLAGS, 0], { place: MASTER });
  calls.add('ioctl', [MASTER, IOCTL.setLock, struct([0, 4])]);
  calls.add('ioctl', [MASTER, IOCTL.setSize, winsize(size)]);
  // Before the command's side is open: the relay would hold it as well, and never see that the command let it go.
  calls.label = 'join the terminal';
  calls.add('relay', [MASTER, 0, 1]);
  calls.label = 'give the terminal to the command';
  calls.add('ioctl', [MASTER, IOCTL.openPeer, COMMAND_FLAGS], { place: COMMAND });
  calls.add('close', [MASTER]);
  calls.add('ioctl', [COMMAND, IOCTL.setControlling, 0]);
  for (const stream of [0, 1, 2]) calls.add('dup3', [COMMAND, stream, 0]);
  calls.add('close', [COMMAND]);
  return calls;
}

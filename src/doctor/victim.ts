/** A process of doctor's own on the host that is there to be reached: it may be traced, and listens on Unix sockets. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SandboxError } from '../errors.ts';
import { REINSTALL } from '../platform/linux/programs.ts';
import type { Scratch } from './scratch.ts';
import { actWords, type Call, call } from './system-call.ts';

export interface Victim {
  readonly pid: number;
  /** An address in its memory that may be read. */
  readonly address: bigint;
  /** `struct sockaddr_un` of a socket file, and of an abstract name, that it listens on. */
  readonly pathSocket: Uint8Array;
  readonly abstractSocket: Uint8Array;
  stop(): Promise<void>;
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
/** prctl(2): under Yama only a parent may trace, unless the child says otherwise. */
const PR_SET_PTRACER = 0x59616d61;
const PR_SET_PTRACER_ANY = -1;

/** `struct sockaddr_un`; a name that begins with NUL is abstract. */
export function unixAddress(name: string): Uint8Array {
  const end = name.startsWith('\0') ? '' : '\0';
  return Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(`${name}${end}`)]);
}

function listening(address: Uint8Array, descriptor: number): Call[] {
  const socket = { resultOf: descriptor };
  return [
    call('socket', AF_UNIX, SOCK_STREAM, 0),
    call('bind', socket, { bytes: address }, address.length),
    call('listen', socket, 8),
  ];
}

function readableAddress(pid: number): bigint {
  const line = readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .find((entry) => / r...\b/.test(entry));
  return BigInt(`0x${line?.split('-')[0] ?? '0'}`);
}

async function isReady(child: ChildProcess): Promise<void> {
  const output = await Promise.race([
    once(child.stdout!, 'data').then(([chunk]) => String(chunk)),
    once(child, 'error').then(([error]) => (error as Error).message),
    once(child, 'close').then(([code]) => `it ended with ${code}`),
  ]);
  if (output === 'ready\n') return;
  throw new SandboxError('ERR_LAUNCHER_MISSING', {
    what: 'Cannot start the probe of doctor',
    why: output,
    fix: REINSTALL,
  });
}

/** It ends with this process: its standard input closes. */
export async function startVictim(
  probePath: string,
  { temporary, token }: Scratch,
  numbers: Readonly<Record<string, number>>,
): Promise<Victim> {
  const pathSocket = unixAddress(join(temporary, 'socket'));
  const abstractSocket = unixAddress(`\0${token}`);
  const yama = existsSync('/proc/sys/kernel/yama')
    ? [call('prctl', PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)]
    : [];
  const calls = [
    ...listening(pathSocket, 0),
    ...listening(abstractSocket, 3),
    ...yama,
    call('write', 1, { text: 'ready\n' }, 6),
    // The fourth argument is ignored; it is there to be found in the list of processes.
    call('read', 0, { room: 1 }, 1, { text: token }),
  ];
  const child = spawn(probePath, ['here', ...actWords(calls, numbers)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await isReady(child);
  const pid = child.pid!;
  return {
    pid,
    address: readableAddress(pid),
    pathSocket,
    abstractSocket,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

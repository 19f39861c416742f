/**
 * Sockets for the network side where the sandbox has no network of its own: places that it listens at are ports of the host's
 * loopback, and who is let pass to one is connected there by the supervisor.
 */
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import type { SandboxSockets, SocketAddress } from '../network/sandbox-sockets.ts';
import { connectCalls } from '../platform/linux/landlock-tier/connect-calls.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import type { AskedRecord } from '../platform/linux/plan.ts';
import type { Arch } from '../platform/linux/seccomp/tables.ts';

const ECONNREFUSED = 111;

function key({ address, port }: SocketAddress): string {
  return `${address} ${port}`;
}

/** undefined when the caller has gone, or has no such descriptor. */
function flagsOf({ pid, descriptor }: AskedRecord): number | undefined {
  try {
    const octal = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'latin1'));
    return octal === null ? undefined : Number.parseInt(octal[1]!, 8);
  } catch {
    return undefined;
  }
}

export class TierSockets implements SandboxSockets {
  readonly #launcher: Pick<Launcher, 'settle' | 'calls'>;
  readonly #arch: Arch;
  /** The port of the host's loopback where a place is listened at. */
  readonly #ports = new Map<string, number>();
  readonly #waiting = new Map<bigint, AskedRecord>();

  constructor(launcher: Pick<Launcher, 'settle' | 'calls'>, arch: Arch) {
    this.#launcher = launcher;
    this.#arch = arch;
  }

  /** This call is going to be settled. */
  expect(call: AskedRecord): void {
    this.#waiting.set(call.id, call);
  }

  async socket(kind: 'listening' | 'datagrams' | 'connected', at: SocketAddress): Promise<object> {
    if (kind !== 'listening') throw new Error(`no ${kind} socket without a network of its own`);
    const server = createServer();
    await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
    this.#ports.set(key(at), (server.address() as AddressInfo).port);
    // Whoever listens with the handle closes it.
    return (server as unknown as { readonly _handle: object })._handle;
  }

  /** Nothing inside has an address of its own. */
  async own(): Promise<void> {}

  settle({ id, errno, at, remember }: Parameters<SandboxSockets['settle']>[0]): void {
    const call = id === undefined ? undefined : this.#waiting.get(id);
    // Who lets a call pass without more is not listening: the port may be anybody's by now.
    const port = remember === 'telling' ? this.#ports.get(key(at)) : undefined;
    if (call === undefined) this.#ports.delete(key(at));
    else if (errno !== 0) this.refuse(call, errno);
    else if (port === undefined) this.refuse(call, ECONNREFUSED);
    else void this.connect(call, { address: '127.0.0.1', port });
  }

  refuse({ id }: AskedRecord, errno: number): void {
    this.#waiting.delete(id);
    this.#launcher.settle({ id, errno });
  }

  /** Answers the call with a connection to `at`, or with what connect(2) said of that. */
  async connect(call: AskedRecord, at: SocketAddress): Promise<void> {
    this.#waiting.delete(call.id);
    const flags = flagsOf(call);
    if (flags === undefined) {
      this.refuse(call, ECONNREFUSED);
      return;
    }
    try {
      await this.#launcher.calls(connectCalls(call, at, flags, this.#arch));
      this.#launcher.settle({ id: call.id, errno: 'done' });
    } catch (error) {
      // Not by its class: this is in another bundle than the launcher, with a class of its own.
      this.refuse(call, (error as { errno?: number }).errno ?? ECONNREFUSED);
    }
  }
}

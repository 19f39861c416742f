/** A world on loopback for tests of the relay: servers, a gate that knows names, and what was recorded. */
import { once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import type { DomainRule } from '../policy/types.ts';
import type { RelayEvents } from './relay.ts';
import type { ConnectionRecord } from './traffic.ts';
import type { Connected, Destination, Gate, Refusal, Verdict } from './types.ts';
import type { Waiter } from './waiter.ts';

export const ruleFor = (pattern: string, access: 'allow' | 'deny' = 'allow'): DomainRule => ({
  pattern,
  access,
  origin: { scope: 'flag', text: `--allow-domain ${pattern}` },
});

/** Knows each allowed name and dials one loopback port for all of them; records what was dialled. */
export class NameGate implements Gate {
  readonly dialled: Destination[] = [];
  readonly #allowed: ReadonlySet<string>;
  readonly #denied: ReadonlySet<string>;
  /** Of the loopback, where every allowed name leads. */
  port: number;

  constructor(port: number, allowed: readonly string[], denied: readonly string[] = []) {
    this.port = port;
    this.#allowed = new Set(allowed);
    this.#denied = new Set(denied);
  }

  judge(destination: Destination): Verdict {
    const { host } = destination;
    if (this.#denied.has(host)) {
      const rule = ruleFor(host, 'deny');
      return { kind: 'refused', destination, reason: 'denied', rule, detail: `${host} is denied` };
    }
    if (this.#allowed.has(host)) return { kind: 'allowed', destination, rule: ruleFor(host) };
    return { kind: 'refused', destination, reason: 'not-allowed', detail: `no rule allows ${host}` };
  }

  connect(destination: Destination, signal?: Waiter): Promise<Connected | Refusal> {
    const verdict = this.judge(destination);
    if (verdict.kind === 'refused') return Promise.resolve(verdict);
    this.dialled.push(destination);
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true });
      const fail = () =>
        resolve({ kind: 'refused', destination, reason: 'unreachable', detail: 'no address of it answered' });
      const aborted = () => {
        socket.destroy();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', aborted, { once: true });
      socket.once('error', fail);
      socket.once('connect', () => {
        socket.off('error', fail);
        signal?.removeEventListener('abort', aborted);
        resolve({
          kind: 'connected',
          socket,
          destination,
          address: '127.0.0.1',
          rule: verdict.rule,
          via: 'direct',
        });
      });
    });
  }
}

export interface Recorder<Peer> extends RelayEvents<Peer> {
  readonly refusals: Refusal[];
  readonly records: ConnectionRecord<Peer>[];
  /** Resolves when `count` connections are over. */
  ended(count: number): Promise<readonly ConnectionRecord<Peer>[]>;
}

export function record<Peer>(): Recorder<Peer> {
  const refusals: Refusal[] = [];
  const records: ConnectionRecord<Peer>[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  return {
    refusals,
    records,
    refused(refusal) {
      refusals.push(refusal);
      return `event-${refusals.length}`;
    },
    closed(one) {
      records.push(one);
      for (const { count, resolve } of waiting) if (records.length >= count) resolve();
    },
    async ended(count) {
      if (records.length < count) await new Promise<void>((resolve) => waiting.push({ count, resolve }));
      return records;
    },
  };
}

/** A server on a free loopback port, closed with all its connections at the end of the block. */
export class LoopbackServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(server: Server): Promise<LoopbackServer> {
    const started = new LoopbackServer(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return started;
  }

  static of(onConnection: (socket: Socket) => void): Promise<LoopbackServer> {
    return LoopbackServer.start(net.createServer({ allowHalfOpen: true }, onConnection));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Sends the pieces one by one, half-closes if told to, and returns all that came back, or the error's code. */
export async function talk(
  port: number,
  pieces: readonly (string | Buffer)[],
  options: { readonly end?: boolean } = {},
): Promise<{ readonly text: string; readonly error?: string }> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  const over = new Promise<string | undefined>((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    socket.on('end', () => resolve(undefined));
  });
  for (const piece of pieces) {
    if (socket.destroyed) break;
    await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)));
  }
  if (options.end) socket.end();
  const error = await over;
  socket.destroy();
  const text = Buffer.concat(received).toString('latin1');
  return error === undefined ? { text } : { text, error };
}

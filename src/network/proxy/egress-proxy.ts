/** The gate as a proxy, HTTP and SOCKS5 on one port: for hosts without network namespaces, and for macOS. */
import { once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { breakOff } from '../break-off.ts';
import { httpRefusal, sayAndClose } from '../refusal-answer.ts';
import type { Relay, RelayEvents } from '../relay.ts';
import type { Connected, Gate, Refusal } from '../types.ts';
import type { Credentials } from './credentials.ts';
import { type ProxyAsk, ProxyHandshake } from './handshake.ts';
import { ForwardedRequest } from './proxy-request.ts';
import { SOCKS_REPLY, socksReply, socksReplyFor } from './socks-handshake.ts';

export interface EgressProxyOptions<Peer> {
  readonly gate: Gate;
  readonly relay: Relay<Peer>;
  readonly events: Pick<RelayEvents<Peer>, 'refused'>;
  /** Of the one session whose policy `gate` holds. */
  readonly credentials: Credentials;
  /** What is known of a client. */
  readonly peerOf: (client: Socket) => Peer;
  /**
   * Whether a client that waits for an answer is certainly a program of the session: then SOCKS takes an empty password. Default:
   * that is not known of any.
   */
  readonly isOurs?: (client: Socket) => boolean;
  /** Milliseconds until a client must have said where it wants to go. Default 10,000. */
  readonly handshakeMs?: number;
  /** Clients that have not said so yet, at one time. Default 512. */
  readonly mostHandshakes?: number;
}

const NOTHING = Buffer.alloc(0);
const ESTABLISHED = Buffer.from('HTTP/1.1 200 Connection Established\r\n\r\n');

export class EgressProxy<Peer> implements AsyncDisposable {
  readonly #options: EgressProxyOptions<Peer>;
  readonly #server: Server;
  readonly #waiting = new Set<Socket>();

  private constructor(options: EgressProxyOptions<Peer>) {
    this.#options = options;
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  /** Listens on a free port of 127.0.0.1, or on a Unix socket whose directory only the session's user may enter. */
  static async listen<Peer>(options: EgressProxyOptions<Peer>, path?: string): Promise<EgressProxy<Peer>> {
    const proxy = new EgressProxy(options);
    if (path === undefined) proxy.#server.listen(0, '127.0.0.1');
    else proxy.#server.listen(path);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** Absent on a Unix socket. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === 'object' ? (address as AddressInfo | null)?.port : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const client of this.#waiting) breakOff(client);
    await Promise.all([this.#options.relay.close(), once(this.#server, 'close')]);
  }

  #accept(client: Socket): void {
    if (this.#waiting.size >= (this.#options.mostHandshakes ?? 512)) {
      client.on('error', () => {});
      breakOff(client);
      return;
    }
    this.#waiting.add(client);
    client.once('close', () => this.#waiting.delete(client));
    new ProxyHandshake({
      client,
      credentials: this.#options.credentials,
      isOurs: () => this.#options.isOurs?.(client) ?? false,
      timeMs: this.#options.handshakeMs ?? 10_000,
      asked: (ask) => void this.#connect(client, ask),
    });
  }

  async #connect(client: Socket, ask: ProxyAsk): Promise<void> {
    const abort = new AbortController();
    const gone = () => abort.abort();
    client.on('error', gone);
    client.on('close', gone);
    const answer = await this.#options.gate.connect(ask.destination, abort.signal).catch(() => undefined);
    this.#waiting.delete(client);
    client.off('close', gone);
    if (client.destroyed || answer === undefined) {
      if (answer?.kind === 'connected') answer.socket.destroy();
      breakOff(client);
    } else if (answer.kind === 'refused') {
      this.#refuse(client, ask, answer);
    } else {
      client.off('error', gone);
      this.#join(client, ask, answer);
    }
  }

  #join(client: Socket, ask: ProxyAsk, connected: Connected): void {
    const { relay, peerOf } = this.#options;
    const reply = { socks: socksReply(SOCKS_REPLY.granted), tunnel: ESTABLISHED, forward: NOTHING }[ask.kind];
    if (reply.length > 0) client.write(reply);
    const inspection = ask.kind === 'forward' ? new ForwardedRequest() : undefined;
    relay.join(client, connected, peerOf(client), ask.first, inspection);
  }

  #refuse(client: Socket, { kind }: ProxyAsk, refusal: Refusal): void {
    const { events, peerOf } = this.#options;
    const id = events.refused(refusal, peerOf(client));
    // Some clients show a proxy's status line and not its body.
    const fields = [`X-Pinfold-Event: ${id.replace(/[^\w-]/g, '')}`];
    sayAndClose(client, kind === 'socks' ? socksReplyFor(refusal.reason) : httpRefusal(refusal, id, fields));
  }
}

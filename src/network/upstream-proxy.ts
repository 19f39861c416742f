/** The corporate proxy that the gate may have to go through: which one for which host, and CONNECT to it. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { SandboxError } from '../errors.ts';
import { ProxyUrl } from '../policy/proxy-url.ts';
import type { Dialled } from './dial.ts';
import { exceptionsOf } from './no-proxy.ts';
import type { Destination } from './types.ts';
import { signalOf, type Waiter } from './waiter.ts';

/** The proxy for a destination; undefined: it is dialled from here. */
export type Upstream = (destination: Destination) => ProxyUrl | undefined;

export interface UpstreamSource {
  /** A proxy, or `environment`: whatever the host's variables name. Absent: none, whatever the variables say. */
  readonly setting?: ProxyUrl | 'environment';
  /** The host's environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, each in lower case first, as curl has it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

function variable(environment: UpstreamSource['environment'], name: string): ProxyUrl | undefined {
  const spelled = [name.toLowerCase(), name].find((each) => environment[each] !== undefined);
  const text = spelled === undefined ? '' : environment[spelled]!.trim();
  if (spelled === undefined || text === '') return undefined;
  const result = ProxyUrl.parse(text);
  if (result.kind === 'proxy') return result.proxy;
  throw new SandboxError('ERR_UPSTREAM_PROXY', {
    what: `Cannot use the proxy that ${spelled} names`,
    why: result.why,
    fix: `Correct ${spelled}, or set upstreamProxy to the proxy's address`,
  });
}

/**
 * Port 80 goes by HTTP_PROXY, every other by HTTPS_PROXY, both then by ALL_PROXY. NO_PROXY counts for a proxy from the settings
 * as well. Throws ERR_UPSTREAM_PROXY for a variable that names a proxy which cannot be used: to dial past it would be a surprise.
 */
export function upstreamFrom({ setting, environment }: UpstreamSource): Upstream {
  if (setting === undefined) return () => undefined;
  const excepted = exceptionsOf(environment.no_proxy ?? environment.NO_PROXY ?? '');
  if (setting !== 'environment') return ({ host }) => (excepted(host) ? undefined : setting);
  const all = variable(environment, 'ALL_PROXY');
  const plain = variable(environment, 'HTTP_PROXY') ?? all;
  const other = variable(environment, 'HTTPS_PROXY') ?? all;
  return ({ host, port }) => (excepted(host) ? undefined : port === 80 ? plain : other);
}

/** Bytes of a proxy's answer to CONNECT; headers of an honest one take a few hundred. */
const HEAD_LIMIT = 16_384;

/** Everything up to the empty line; what came behind it is put back. Undefined: ended or too long before. */
async function readHead(socket: Socket, signal: AbortSignal): Promise<string | undefined> {
  const done = new AbortController();
  const options = { signal: AbortSignal.any([signal, done.signal]) };
  const over = Promise.race([once(socket, 'end', options), once(socket, 'close', options)]);
  // It may end long after the head was read; that is for whoever uses the tunnel.
  over.catch(() => {});
  let head = Buffer.alloc(0);
  try {
    while (head.length <= HEAD_LIMIT) {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) {
        if (socket.readableEnded || socket.destroyed) return undefined;
        await Promise.race([once(socket, 'readable', options), over]);
        continue;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) continue;
      if (head.length > end + 4) socket.unshift(head.subarray(end + 4));
      return head.toString('latin1', 0, end);
    }
    return undefined;
  } finally {
    done.abort();
  }
}

function connectRequest({ host, port }: Destination, proxy: ProxyUrl): string {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const credentials = proxy.credentials();
  const basic = credentials && Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
  if (basic !== undefined) lines.push(`Proxy-Authorization: Basic ${basic}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Makes a tunnel of a connection to the proxy. Rejects with the signal's reason when it is aborted, and for nothing else. */
export async function openTunnel(
  socket: Socket,
  { destination, proxy, timeoutMs = 20_000 }: TunnelRequest,
  signal?: Waiter,
): Promise<Exclude<Dialled, { kind: 'connected' }> | { readonly kind: 'open' }> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const either = signal === undefined ? timeout : AbortSignal.any([signalOf(signal), timeout]);
  const fail = (why: string) => {
    socket.destroy();
    return { kind: 'failed', why: `the upstream proxy ${proxy.host}:${proxy.port} ${why}` } as const;
  };
  try {
    socket.write(connectRequest(destination, proxy));
    const head = await readHead(socket, either);
    const status = head === undefined ? undefined : /^HTTP\/1\.[01] (\d{3})(?: |\r|$)/.exec(head)?.[1];
    if (status === undefined) return fail('does not answer as an HTTP proxy');
    // RFC 9110 §9.3.6: any 2xx is a tunnel.
    return status.startsWith('2') ? { kind: 'open' } : fail(`answered ${status}`);
  } catch (error) {
    socket.destroy();
    signal?.throwIfAborted();
    return fail(timeout.aborted ? `did not answer within ${timeoutMs / 1000} s` : codeOf(error));
  }
}

export interface TunnelRequest {
  readonly destination: Destination;
  readonly proxy: ProxyUrl;
  /** Default 20,000. */
  readonly timeoutMs?: number;
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'failed';

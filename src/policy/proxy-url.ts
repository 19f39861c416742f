/** The address of an HTTP proxy, with credentials that no message, log or JSON can show. */
import { normaliseHost, parsePort } from './host-pattern.ts';

export interface ProxyCredentials {
  readonly user: string;
  readonly password: string;
}

export type ProxyUrlResult =
  | { readonly kind: 'proxy'; readonly proxy: ProxyUrl }
  /** `why` never repeats the text: it may hold a password. */
  | { readonly kind: 'bad'; readonly why: string };

/** What a proxy without a port is reached on: that of its scheme. */
const DEFAULT_PORT = 80;

export class ProxyUrl {
  /** Normalised, or an address; without brackets. */
  readonly host: string;
  readonly port: number;
  readonly #credentials: ProxyCredentials | undefined;

  private constructor(host: string, port: number, credentials: ProxyCredentials | undefined) {
    this.host = host;
    this.port = port;
    this.#credentials = credentials;
  }

  /** `http://[user[:password]@]host[:port]`; the scheme may be left out, as in the environment it often is. */
  static parse(text: string): ProxyUrlResult {
    const bad = (why: string) => ({ kind: 'bad', why }) as const;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\u0000-\u0020\u007f]/.test(text))
      return bad('an address of a proxy holds no space or control character');
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text);
    if (scheme !== null && scheme[1]!.toLowerCase() !== 'http') {
      return bad('only proxies that are spoken to by plain HTTP (http://) are supported');
    }
    const rest = text.slice(scheme?.[0].length ?? 0).replace(/\/$/, '');
    const at = rest.lastIndexOf('@');
    const place = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(rest.slice(at + 1));
    const host = place === null ? undefined : normaliseHost(place[1]!);
    const port = place?.[2] === undefined ? DEFAULT_PORT : parsePort(place[2]);
    if (host === undefined || port === undefined) return bad('"http://host:port" is expected');
    const credentials = at === -1 ? undefined : readCredentials(rest.slice(0, at));
    if (credentials === 'bad') return bad('its user name or password has a "%" that is no escape');
    return { kind: 'proxy', proxy: new ProxyUrl(host, port, credentials) };
  }

  /** For the proxy alone. */
  credentials(): ProxyCredentials | undefined {
    return this.#credentials;
  }

  /** With `***` for user and password. */
  toString(): string {
    const host = this.host.includes(':') ? `[${this.host}]` : this.host;
    return `http://${this.#credentials === undefined ? '' : '***@'}${host}:${this.port}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

function readCredentials(text: string): ProxyCredentials | 'bad' {
  const colon = text.indexOf(':');
  const [user, password] = colon === -1 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  try {
    return { user: decodeURIComponent(user), password: decodeURIComponent(password) };
  } catch {
    // URIError: a "%" without two hexadecimal digits of UTF-8.
    return 'bad';
  }
}

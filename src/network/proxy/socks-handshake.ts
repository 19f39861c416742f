/** The server's side of a SOCKS5 handshake (RFC 1928, 1929), as a machine without a socket. */
import { formatAddress, parseIpv6 } from '../../policy/ip-address.ts';
import { readHost } from '../authority.ts';
import type { Destination, RefusalReason } from '../types.ts';
import { type Credentials, matches } from './credentials.ts';

/** `reply` is to be sent; then, by `kind`, more must come, a destination is known, or the connection ends. */
export type HandshakeStep =
  | { readonly kind: 'more'; readonly reply: Buffer }
  | {
      readonly kind: 'request';
      readonly reply: Buffer;
      readonly destination: Destination;
      readonly rest: Buffer;
    }
  | { readonly kind: 'failed'; readonly reply: Buffer; readonly why: string };

export const SOCKS5 = 5;
export const SOCKS4 = 4;
/** SOCKS 4 and 4a carry no password, so that nobody is told by them that he may: "request rejected or failed". */
export const SOCKS4_REJECTED = Buffer.from([0, 0x5b, 0, 0, 0, 0, 0, 0]);
const PASSWORD = 2;
const NONE_ACCEPTABLE = 0xff;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;

/** RFC 1928, section 6. */
export const SOCKS_REPLY = {
  granted: 0,
  failed: 1,
  forbidden: 2,
  unreachable: 4,
  command: 7,
  addressType: 8,
} as const;

/** The bound address is left zero: it would tell an inside program about the host, and no client needs it for CONNECT. */
export function socksReply(code: number): Buffer {
  return Buffer.from([SOCKS5, code, 0, IPV4, 0, 0, 0, 0, 0, 0]);
}

export function socksReplyFor(reason: RefusalReason): Buffer {
  const unreachable = reason === 'unresolvable' || reason === 'unreachable';
  return socksReply(unreachable ? SOCKS_REPLY.unreachable : SOCKS_REPLY.forbidden);
}

type Stage = 'greeting' | 'password' | 'request' | 'done';

interface Message {
  /** In octets. */
  readonly length: number;
}

const NOTHING = Buffer.alloc(0);

/** A message is 1,030 octets at most, so that nothing large is ever held. */
export class SocksHandshake {
  readonly #wanted: Credentials;
  readonly #isOurs: () => boolean;
  #stage: Stage = 'greeting';
  #held: Buffer = NOTHING;

  /** `isOurs`: whether the client is certainly a program of the session, which may leave the password empty. Default: it is not known. */
  constructor(wanted: Credentials, isOurs: () => boolean = () => false) {
    this.#wanted = wanted;
    this.#isOurs = isOurs;
  }

  write(chunk: Buffer): HandshakeStep {
    this.#held = Buffer.concat([this.#held, chunk]);
    const replies: Buffer[] = [];
    for (;;) {
      const step = this.#step();
      if (step === undefined) return { kind: 'more', reply: Buffer.concat(replies) };
      replies.push(step.reply);
      if (step.kind !== 'more') return { ...step, reply: Buffer.concat(replies) };
    }
  }

  /** Undefined when the message is not whole. */
  #step(): HandshakeStep | undefined {
    if (this.#held.length > 0 && this.#stage !== 'done') {
      const version = this.#stage === 'password' ? 1 : SOCKS5;
      if (this.#held[0] !== version) return this.#fail(NOTHING, 'it does not speak SOCKS 5');
    }
    if (this.#stage === 'greeting') return this.#greet();
    if (this.#stage === 'password') return this.#authenticate();
    return this.#stage === 'request' ? this.#request() : undefined;
  }

  #take({ length }: Message): Buffer | undefined {
    if (this.#held.length < length) return undefined;
    const message = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return message;
  }

  #greet(): HandshakeStep | undefined {
    const methods = this.#take({ length: 2 + (this.#held[1] ?? 0) });
    if (methods === undefined || methods.length < 2) return undefined;
    if (!methods.subarray(2).includes(PASSWORD)) {
      return this.#fail(Buffer.from([SOCKS5, NONE_ACCEPTABLE]), 'it offers no user name and password');
    }
    this.#stage = 'password';
    return { kind: 'more', reply: Buffer.from([SOCKS5, PASSWORD]) };
  }

  #authenticate(): HandshakeStep | undefined {
    const userLength = this.#held[1];
    const passwordLength = userLength === undefined ? undefined : this.#held[2 + userLength];
    if (userLength === undefined || passwordLength === undefined) return undefined;
    const message = this.#take({ length: 3 + userLength + passwordLength });
    if (message === undefined) return undefined;
    const user = message.toString('latin1', 2, 2 + userLength);
    const password = message.toString('latin1', 3 + userLength);
    // java.net sends its user's name and no password, and reads neither from a property.
    if (!matches({ user, password }, this.#wanted) && !(password === '' && this.#isOurs())) {
      return this.#fail(Buffer.from([1, 1]), 'its user name or password is wrong');
    }
    this.#stage = 'request';
    return { kind: 'more', reply: Buffer.from([1, 0]) };
  }

  #request(): HandshakeStep | undefined {
    if (this.#held.length < 5) return undefined;
    const [, command, , type, first] = this.#held as unknown as readonly number[];
    if (command !== CONNECT)
      return this.#fail(socksReply(SOCKS_REPLY.command), 'it asks for something else than CONNECT');
    const length = type === IPV4 ? 4 : type === IPV6 ? 16 : type === NAME ? 1 + first! : undefined;
    if (length === undefined)
      return this.#fail(socksReply(SOCKS_REPLY.addressType), 'its kind of address is unknown');
    const message = this.#take({ length: 4 + length + 2 });
    if (message === undefined) return undefined;
    const host = readAddress(type!, message.subarray(4, 4 + length));
    const port = message.readUInt16BE(4 + length);
    if (host === undefined || port === 0) {
      return this.#fail(socksReply(SOCKS_REPLY.failed), 'its destination is no host and port');
    }
    this.#stage = 'done';
    const rest = this.#held;
    this.#held = NOTHING;
    return { kind: 'request', reply: NOTHING, destination: { host, port }, rest };
  }

  #fail(reply: Buffer, why: string): HandshakeStep {
    this.#stage = 'done';
    this.#held = NOTHING;
    return { kind: 'failed', reply, why };
  }
}

/** SECURITY: an address has one form from here on, mapped IPv4 included; a name that spells an address in another one is none. */
function readAddress(type: number, bytes: Buffer): string | undefined {
  if (type === IPV4) return bytes.join('.');
  if (type === NAME) return readHost(bytes.toString('latin1', 1));
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  const address = parseIpv6(groups.join(':'));
  return address && formatAddress(address);
}

/** Owns the user name and password by which a session's programs are told from everybody else on the machine. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** 192 random bits, in letters that no URL, header or shell changes. */
export function makeCredentials(): Credentials {
  return { user: 'pinfold', password: randomBytes(24).toString('hex') };
}

/** Equal digests of equal length: the time it takes says nothing about where a guess is wrong. */
export function matches(guess: Credentials, wanted: Credentials): boolean {
  const digest = ({ user, password }: Credentials) =>
    createHash('sha256').update(`${user}\0${password}`).digest();
  return timingSafeEqual(digest(guess), digest(wanted));
}

/** The value of Proxy-Authorization (RFC 7617); undefined for what is not Basic. */
export function readBasic(value: string): Credentials | undefined {
  const match = /^Basic +([A-Za-z0-9+/]{1,2048}={0,2})$/i.exec(value);
  const text = match === null ? '' : Buffer.from(match[1]!, 'base64').toString('latin1');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

export function writeBasic({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'latin1').toString('base64')}`;
}

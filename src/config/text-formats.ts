/** Owns what each kind of text in the settings may look like, and the pattern of it that editors can check. */
import { GROUP_NAMES, isGroup } from '../policy/domain-groups.ts';
import { ProxyUrl } from '../policy/proxy-url.ts';
import { nearest } from '../policy/suggestion.ts';
import { checkHost } from './hosts.ts';
import { checkPath } from './path-text.ts';
import { checkDate } from './quantities.ts';
import type { TextFormat } from './schema.ts';

export interface Complaint {
  readonly message: string;
  readonly suggestion?: string;
}

interface Format {
  check(text: string): Complaint | undefined;
  /** A necessary condition as ECMA-262 pattern, for the JSON Schema; the check above is the whole truth. */
  readonly pattern?: string;
}

const say = (message: string | undefined): Complaint | undefined =>
  message === undefined ? undefined : { message };

function checkVariable(name: string): Complaint | undefined {
  // An inherited name of every object; no program uses it as a variable.
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name !== '__proto__'
    ? undefined
    : { message: 'a variable name has letters, digits and "_", and does not begin with a digit' };
}

/** A socket is a file; what other programs write as an address is none. */
export function checkSocket(text: string): Complaint | undefined {
  const address = /^unix:(?:path=|\/\/)?(\/[^,]*)/.exec(text)?.[1];
  if (address !== undefined)
    return { message: 'a path is expected, not the address of a socket', suggestion: address };
  if (text.startsWith('@')) {
    return { message: 'a socket without a path cannot be opened: it is in a network of the host' };
  }
  return checkPath(text, 'allow');
}

/** A host, or the name of a group of them. */
export function checkAllowedHost(text: string): Complaint | undefined {
  if (!text.startsWith('@')) return checkHost(text, 'allow');
  if (isGroup(text)) return undefined;
  const suggestion = nearest(text, GROUP_NAMES);
  return {
    message: `there is no group of this name; there are ${GROUP_NAMES.join(', ')}`,
    ...(suggestion !== undefined && { suggestion }),
  };
}

/** The word that stands for the proxy variables of the host. */
function checkProxy(text: string): Complaint | undefined {
  if (text === 'environment') return undefined;
  const result = ProxyUrl.parse(text);
  return result.kind === 'bad' ? { message: result.why } : undefined;
}

const PROFILE_NAME = '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$';

export const TEXT_FORMATS: Readonly<Record<TextFormat, Format>> = {
  'allowed-path': { check: (text) => checkPath(text, 'allow'), pattern: '^[^\\u0000\\n\\r*?]+$' },
  'denied-path': { check: (text) => checkPath(text, 'deny'), pattern: '^[^\\u0000\\n\\r]+$' },
  'allowed-socket': { check: checkSocket, pattern: '^[^\\u0000\\n\\r*?@]+$' },
  'allowed-host': { check: checkAllowedHost, pattern: '^(@[a-z]+|(\\*\\.)?[^\\s*/@]+)$' },
  'denied-host': { check: (text) => checkHost(text, 'deny'), pattern: '^(\\*\\.)?[^\\s*/@]+$' },
  proxy: { check: checkProxy, pattern: '^([Hh][Tt][Tt][Pp]://)?[^\\s/?#]+/?$' },
  variable: { check: checkVariable, pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
  'variable-value': {
    check: (text) =>
      say(text.includes('\0') || /\p{Cs}/u.test(text) ? 'a variable cannot hold a NUL character' : undefined),
  },
  date: { check: (text) => say(checkDate(text)), pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$' },
  prose: { check: () => undefined },
  'profile-name': {
    check: (text) =>
      say(
        new RegExp(PROFILE_NAME).test(text) ? undefined : 'a profile name has letters, digits, "_" and "-"',
      ),
    pattern: PROFILE_NAME,
  },
};

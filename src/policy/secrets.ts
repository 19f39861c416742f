/** What gives a secret away, its name or the shape of its value, and command lines and host names without those that stand in them. */

/** Of a variable, or of an option with `_` for each `-`. */
export const SECRET_NAME =
  /(TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SIGNING_?KEY|AUTH(?!OR)|COOKIE|DSN|WEBHOOK|BEARER|JWT|CONNECTION_?STRING)|(^|_)(KEY|PASS|PWD|PAT)$/i;

/** By the shape of the value, from the issuers' published prefixes. Every repetition is bounded, so no value stalls a start. */
export const SECRET_VALUES: readonly (readonly [test: RegExp, why: string])[] = [
  [/\b(sk|pk|rk)-[A-Za-z0-9_-]{16,}|\bsk_(live|test)_[A-Za-z0-9]{16,}/, 'its value looks like an API key'],
  [
    /\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}|\bnpm_[A-Za-z0-9]{30,}/,
    'its value looks like a token',
  ],
  [
    /\b(AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{20,}/,
    'its value looks like a cloud key',
  ],
  [
    /\bxox[abposr]-[A-Za-z0-9-]{10,}|\bhf_[A-Za-z0-9]{20,}|\bdop_v1_[a-f0-9]{32,}|\bpypi-[A-Za-z0-9_-]{30,}|\bhvs\.[A-Za-z0-9_-]{20,}|\bSG\.[A-Za-z0-9_-]{16,}/,
    'its value looks like a token',
  ],
  [
    /\beyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{0,4000}/,
    'its value looks like a signed token (JWT)',
  ],
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY( BLOCK)?-----|\bAGE-SECRET-KEY-1/, 'its value is a private key'],
  [
    /\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]{0,256}:[^\s/@]{1,256}@/i,
    'its value is an address with a password',
  ],
];

/** Stands for what was left out. */
export const LEFT_OUT = '[secret]';

const isSecret = (name: string): boolean => SECRET_NAME.test(name.replaceAll('-', '_'));

/** Each with what stands before the secret, and the name that says that it is one; within a word too, since scripts are words. */
const NAMED: readonly RegExp[] = [
  /(([A-Za-z_][\w.-]{0,100})=)("[^"]*"|'[^']*'|[^\s;&|"']+)/g,
  /(--?([A-Za-z][\w-]{0,100})[ \t]+)("[^"]*"|'[^']*'|[^\s;&|"'-][^\s;&|"']*)/g,
];
/** Fields of HTTP, with what stands before the secret. */
const FIELD = /(\b(?:(?:proxy-)?authorization|cookie|x-[\w-]{0,60}(?:token|key))[ \t]*:[ \t]*)[^"'\r\n]+/gi;
const SHAPES = SECRET_VALUES.map(([shape]) => new RegExp(shape, `${shape.flags}g`));

function withoutSecrets(word: string): string {
  const named = NAMED.reduce(
    (text, pattern) =>
      text.replace(pattern, (whole, before: string, name: string) =>
        isSecret(name) ? `${before}${LEFT_OUT}` : whole,
      ),
    word,
  );
  return SHAPES.reduce((text, shape) => text.replace(shape, LEFT_OUT), named.replace(FIELD, `$1${LEFT_OUT}`));
}

/**
 * A command line for a record: secrets that a name or their shape gives away are left out. Not all can be known, so that what holds
 * the record stays the person's alone.
 */
export function commandWithoutSecrets(words: readonly string[]): string[] {
  return words.map((word, at) => {
    const [, option] = /^--?([A-Za-z][\w-]*)$/.exec(words[at - 1] ?? '') ?? [];
    return option !== undefined && isSecret(option) && !word.startsWith('-')
      ? LEFT_OUT
      : withoutSecrets(word);
  });
}

/** A text from inside for a record, as a command line is kept. */
export function textWithoutSecrets(text: string): string {
  return withoutSecrets(text);
}

/** Names are of one case, whatever was asked for. */
const SHAPES_IN_NAMES = SHAPES.map((shape) => new RegExp(shape, 'gi'));

/**
 * A host name for a record. Who looks up `ghp_….example.com` tells its name server a token: its shape is left out, and that of a JWT
 * over several labels too. Without a digit it is a name like others (`sk-learn-documentation.example`). A label that is such a
 * value in hexadecimal, base32 or base64 is left out as a whole.
 */
export function hostWithoutSecrets(host: string): string {
  const plain = SHAPES_IN_NAMES.reduce(
    (text, shape) => text.replace(shape, (found) => (/\d/.test(found) ? LEFT_OUT : found)),
    host,
  );
  return plain.replace(ENCODED_LABEL, (label) => (isEncodedSecret(label) ? LEFT_OUT : label));
}

/** Of at least sixteen characters; a shorter one holds no secret of those shapes. */
const ENCODED_LABEL = /(?<![a-z0-9_=-])[a-z0-9_=-]{16,1000}(?![a-z0-9_=-])/gi;
/** What the shapes begin with, as far as letters alone do not make a word of it. */
const PREFIXES = [
  ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_', 'glpat-', 'npm_', 'sk-', 'sk_live_', 'sk_test_'],
  ...['AKIA', 'ASIA', 'AIza', 'ya29.', 'xoxb-', 'xoxp-', 'hf_', 'dop_v1_', 'pypi-', 'hvs.', '-----BEGIN '],
];

/**
 * base64 of each beginning, in the one case that is left of a name: then nobody can decode it, but the first characters are known,
 * six bits each.
 */
const BASE64_PREFIXES = PREFIXES.map((prefix) => {
  const whole = btoa(prefix).replace(/=+$/, '');
  return whole.slice(0, Math.floor((prefix.length * 8) / 6)).toLowerCase();
});
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

function isEncodedSecret(label: string): boolean {
  const lower = label.toLowerCase();
  if (/\d/.test(lower) && BASE64_PREFIXES.some((prefix) => lower.startsWith(prefix))) return true;
  const texts = [
    ...(/^([0-9a-f]{2})+$/.test(lower) ? [decoded(lower, '0123456789abcdef', 4)] : []),
    ...(/^[a-z2-7]+=*$/.test(lower) ? [decoded(lower.replace(/=+$/, ''), BASE32, 5)] : []),
  ];
  return texts.some((text) => SHAPES.some((shape) => text.search(shape) >= 0));
}

/** One character for each whole byte. */
function decoded(text: string, alphabet: string, bits: number): string {
  let held = 0;
  let length = 0;
  let out = '';
  for (const digit of text) {
    held = ((held << bits) | alphabet.indexOf(digit)) & 0xffff;
    length += bits;
    if (length < 8) continue;
    length -= 8;
    out += String.fromCharCode((held >> length) & 0xff);
  }
  return out;
}

/** Claims about command lines and host names in records: what a name or a shape gives away is left out, and everything else stays. */
import { expect, test } from 'vitest';
import { commandWithoutSecrets, hostWithoutSecrets } from './secrets.ts';

const long = 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6';

test.each([
  [
    ['curl', '--token', 'hunter2', 'x'],
    ['curl', '--token', '[secret]', 'x'],
  ],
  [
    ['x', '--api-key=hunter2'],
    ['x', '--api-key=[secret]'],
  ],
  [
    ['mysql', '-password', 'hunter2'],
    ['mysql', '-password', '[secret]'],
  ],
  [
    ['env', 'GITHUB_TOKEN=hunter2', 'PORT=80'],
    ['env', 'GITHUB_TOKEN=[secret]', 'PORT=80'],
  ],
  [
    ['npm', 'config', 'set', '//r.example/:_authToken=hunter2'],
    ['npm', 'config', 'set', '//r.example/:_authToken=[secret]'],
  ],
  [
    ['curl', '-H', 'Authorization: Bearer hunter2'],
    ['curl', '-H', 'Authorization: [secret]'],
  ],
  [
    ['sh', '-c', 'PASSWORD="a b" x --secret hunter2 -v; y'],
    ['sh', '-c', 'PASSWORD=[secret] x --secret [secret] -v; y'],
  ],
  [
    ['echo', `ghp_${long}`, 'b'],
    ['echo', '[secret]', 'b'],
  ],
  [
    ['git', 'clone', 'https://me:hunter2@host.example/r'],
    ['git', 'clone', '[secret]host.example/r'],
  ],
])('%j loses its secret', (words, shown) => {
  expect(commandWithoutSecrets(words)).toEqual(shown);
});

test.each([
  [['git', 'commit', '--author', 'A <a@b>', '-m', 'Keep the token for later']],
  [['npm', 'run', 'test', '--', '--tokens']],
  [['login', '--password', '--verbose']],
  [['sh', '-c', 'for i in 1 2; do mkdir x; done']],
  [['curl', '-H', 'Accept: text/html', 'https://host.example/a:b@c']],
  [[]],
])('%j stays as it is', (words) => {
  expect(commandWithoutSecrets(words)).toEqual(words);
});

test('a word of a megabyte is read once', () => {
  for (const unit of ['a=', '--a ', 'x-', 'authorization:', '"']) {
    const word = unit.repeat(500_000);
    expect(commandWithoutSecrets([word])[0]!.length).toBeGreaterThan(0);
  }
});

function base32(text: string): string {
  const bits = [...Buffer.from(text)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups
    .map((group) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(group.padEnd(5, '0'), 2)])
    .join('');
}

test.each([
  [`ghp_${long}.exfil.test`, '[secret].exfil.test'],
  [`a.${`GHP_${long}`.toLowerCase()}.exfil.test`, 'a.[secret].exfil.test'],
  ['akiaabcdefghij234567.exfil.test', '[secret].exfil.test'],
  [`sk-${long}.exfil.test`.toLowerCase(), '[secret].exfil.test'],
  [`eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${long}.exfil.test`.toLowerCase(), '[secret].exfil.test'],
  [`${Buffer.from(`ghp_${long}`).toString('hex')}.exfil.test`, '[secret].exfil.test'],
  [`a.${base32(`sk-${long}`)}.exfil.test`, 'a.[secret].exfil.test'],
  [`${Buffer.from(`ghp_${long}`).toString('base64url')}.exfil.test`, '[secret].exfil.test'],
  [`${Buffer.from(`npm_${long}`).toString('base64url').toLowerCase()}.b.test`, '[secret].b.test'],
  [`${btoa('AKIAABCDEFGHIJ234567').toLowerCase()}.b.test`, '[secret].b.test'],
])('the host %s loses its secret', (host, shown) => {
  expect(hostWithoutSecrets(host)).toBe(shown);
});

test.each([
  ['registry.npmjs.org'],
  ['sk-learn-documentation.example'],
  ['d1a2b3c4e5f6g7.cloudfront.net'],
  ['0123456789abcdef0123456789abcdef.r2.dev'],
  ['eyjafjallajokull2010.example.com'],
  ['2606:2800:220:1::34'],
  [`${Buffer.from('a plain text, not a secret').toString('hex')}.example.com`],
  [`${Buffer.from('a plain text, not a secret').toString('base64url')}.example.com`.toLowerCase()],
  [`${base32('a plain text, not a secret')}.example.com`],
  ['xn--80akhbyknj4f1234567890.example'],
])('the host %s stays as it is', (host) => {
  expect(hostWithoutSecrets(host)).toBe(host);
});

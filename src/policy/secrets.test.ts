/** Claims about command lines in records: what a name or a shape gives away is left out, and everything else stays. */
import { expect, test } from 'vitest';
import { commandWithoutSecrets } from './secrets.ts';

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

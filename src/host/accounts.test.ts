import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { accountsWithHome } from './accounts.ts';
import { makeTree } from './host.fixture.ts';

const LINES = [
  Buffer.from('root:x:0:0:root:/root:/bin/bash'),
  Buffer.from('# ann:x:1000:a comment'),
  Buffer.concat([Buffer.from('ann:x:1000:1000:A'), Buffer.from([0xe9]), Buffer.from(':/home/ann:/bin/sh')]),
  Buffer.from('twin:x:1000:1000::/home/twin:/bin/sh'),
  Buffer.from('bob:x:10000:1000::/home/bob:/bin/sh'),
];
const text = (lines: readonly Uint8Array[]) =>
  Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));

test('whoever has the uid lives in the other home; every other byte stays', async () => {
  await using tree = await makeTree([]);
  const path = tree.at('passwd');
  writeFileSync(path, text(LINES));
  const shown = accountsWithHome('/p/hömé', { path, uid: 1000 });
  const expected = LINES.with(
    2,
    Buffer.concat([Buffer.from('ann:x:1000:1000:A'), Buffer.from([0xe9]), Buffer.from(':/p/hömé:/bin/sh')]),
  ).with(3, Buffer.from('twin:x:1000:1000::/p/hömé:/bin/sh'));
  expect(Buffer.from(shown!)).toEqual(text(expected));
});

test('nothing is rewritten where nobody has the uid, a home would break the line, or there is no file', async () => {
  await using tree = await makeTree([]);
  const path = tree.at('passwd');
  expect(accountsWithHome('/p', { path, uid: 1000 })).toBeUndefined();
  writeFileSync(path, text(LINES));
  expect(accountsWithHome('/p', { path, uid: 7 })).toBeUndefined();
  expect(accountsWithHome('/p:q', { path, uid: 1000 })).toBeUndefined();
  writeFileSync(path, `${'x'.repeat(300_000)}\nann:x:1000:1000::/home/ann:/bin/sh\n`);
  expect(accountsWithHome('/p', { path, uid: 1000 })).toBeUndefined();
});

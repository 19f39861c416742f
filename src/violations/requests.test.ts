import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRequest, RequestBook } from './requests.ts';

const asking = (want: string, subject: unknown, more = {}) => JSON.stringify({ want, subject, ...more });

test.each([
  [asking('read', '/data'), { want: 'read', subject: { kind: 'path', path: '/data' } }],
  [
    asking('write', '/a b', { reason: 'it' }),
    { want: 'write', subject: { kind: 'path', path: '/a b' }, reason: 'it' },
  ],
  [
    asking('connect', 'a.test:443'),
    { want: 'connect', subject: { kind: 'host', host: 'a.test', port: 443 } },
  ],
  [asking('connect', '[::1]:80'), { want: 'connect', subject: { kind: 'host', host: '::1', port: 80 } }],
  [asking('connect', 'a.test'), { want: 'connect', subject: { kind: 'host', host: 'a.test' } }],
])('%s asks for one thing', (text, wanted) => {
  expect(parseRequest(text)).toEqual(wanted);
});

test.each([
  ['', 'null', '[]', '{}', 'x'],
  [asking('grant', '/data'), asking('read', 'data'), asking('read', '/a\0b'), asking('read', 7)],
  [
    asking('connect', ''),
    asking('connect', 'a:0'),
    asking('connect', 'a:99999'),
    asking('connect', 'x'.repeat(300)),
  ],
  [asking('read', `/${'x'.repeat(5000)}`)],
])('what asks for nothing is passed over: %s', (...texts) => {
  expect(texts.map(parseRequest)).toEqual(texts.map(() => undefined));
});

test('no text makes it fail, and a reason is cut', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseRequest(text)));
  fc.assert(fc.property(fc.json(), (text) => void parseRequest(text)));
  expect(parseRequest(asking('read', '/d', { reason: 'x'.repeat(9000) }))?.reason).toHaveLength(300);
});

test('secrets that can be told are left out of what is kept, and what is only asked for stays', () => {
  const token = 'ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6';
  const hex = Buffer.from(token).toString('hex');
  expect(
    parseRequest(asking('connect', `${hex}.a.test:443`, { reason: `curl --token hunter2 or ${token}` })),
  ).toEqual({
    want: 'connect',
    subject: { kind: 'host', host: '[secret].a.test', port: 443 },
    reason: 'curl --token [secret] or [secret]',
  });
  const plain = asking('connect', 'a.test:443', { reason: 'the token of the tests is there' });
  expect(parseRequest(plain)?.reason).toBe('the token of the tests is there');
});

test('the same thing is kept once, and twenty different ones are enough', () => {
  const book = new RequestBook();
  expect(book.take(asking('read', '/0'), 1)).toMatchObject({ id: 'r1', time: 1 });
  expect(book.take(asking('read', '/0', { reason: 'again' }), 2)).toBeUndefined();
  expect(book.take(asking('write', '/0'), 3)).toMatchObject({ id: 'r2' });
  for (let at = 0; at < 100; at += 1) book.take(asking('read', `/${at}`), at);
  expect(book.requests).toHaveLength(20);
});

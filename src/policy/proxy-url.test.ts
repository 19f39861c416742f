/** Claims about the address of a proxy: what is understood, and that its password is never shown. */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ProxyUrl } from './proxy-url.ts';

function read(text: string): unknown {
  const result = ProxyUrl.parse(text);
  return result.kind === 'bad'
    ? result.why
    : [result.proxy.host, result.proxy.port, result.proxy.credentials()];
}

test.each([
  ['http://proxy.test:3128', ['proxy.test', 3128, undefined]],
  ['HTTP://Proxy.Test:3128/', ['proxy.test', 3128, undefined]],
  ['proxy.test:3128', ['proxy.test', 3128, undefined]],
  ['http://proxy.test', ['proxy.test', 80, undefined]],
  ['http://[::1]:8080', ['::1', 8080, undefined]],
  ['http://10.0.0.1:8080', ['10.0.0.1', 8080, undefined]],
  ['http://me:p%40ss@proxy.test:1', ['proxy.test', 1, { user: 'me', password: 'p@ss' }]],
  ['http://me@proxy.test:1', ['proxy.test', 1, { user: 'me', password: '' }]],
  ['http://me:a:b@c@proxy.test:1', ['proxy.test', 1, { user: 'me', password: 'a:b@c' }]],
])('%s is understood', (text, expected) => {
  expect(read(text)).toEqual(expected);
});

const HTTP_ONLY = 'only proxies that are spoken to by plain HTTP (http://) are supported';
const SHAPE = '"http://host:port" is expected';

describe.each([
  ['https://u:secret@proxy.test', HTTP_ONLY],
  ['socks5://u:secret@proxy.test', HTTP_ONLY],
  ['http://u:secret@proxy.test/path', SHAPE],
  ['http://u:secret@proxy.test:99999', SHAPE],
  ['http://u:secret@', SHAPE],
  ['http://u:secret@[::1', SHAPE],
  ['http://u:secret@a b', 'an address of a proxy holds no space or control character'],
  ['http://u:secret%zz@proxy.test', 'its user name or password has a "%" that is no escape'],
])('%s', (text, why) => {
  test('is turned away without repeating what it says', () => {
    expect(read(text)).toBe(why);
    expect(why).not.toContain('secret');
  });
});

test('its credentials appear in no text made of it, and reach who asks for them', () => {
  const result = ProxyUrl.parse('http://me:secret@proxy.test:3128');
  if (result.kind === 'bad') throw new Error(result.why);
  const { proxy } = result;
  const texts = [String(proxy), JSON.stringify({ proxy }), inspect(proxy), `${proxy}`];
  expect(texts.filter((text) => /me|secret/.test(text))).toEqual([]);
  expect(String(proxy)).toBe('http://***@proxy.test:3128');
  expect(proxy.credentials()).toEqual({ user: 'me', password: 'secret' });
});

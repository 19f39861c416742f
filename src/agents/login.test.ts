import { describe, expect, test } from 'vitest';
import { judgeLogin, loginInside } from './login.ts';

const HOST = {
  oauth: { access: 'a1', refresh: 'r1', expires: 10, scopes: ['x'], account: 'me' },
};
const ROTATES = ['oauth.access', 'oauth.refresh', 'oauth.expires'];
const text = (value: unknown) => JSON.stringify(value);
const judge = (inside: unknown, rotates = ROTATES) => judgeLogin(text(HOST), text(inside), rotates);
const withOauth = (more: Record<string, unknown>) => ({ oauth: { ...HOST.oauth, ...more } });

describe('a login that the service renewed', () => {
  test('is taken over, value by value, in the form of the host’s file', () => {
    const inside = withOauth({ access: 'a2', refresh: 'r2', expires: 20 });
    expect(judge(inside)).toEqual({ kind: 'renewed', text: text(inside) });
    const pretty = `${JSON.stringify(HOST, undefined, 2)}\n`;
    expect(judgeLogin(pretty, text(inside), ROTATES)).toEqual({
      kind: 'renewed',
      text: `${JSON.stringify(inside, undefined, 2)}\n`,
    });
  });

  test('is the same when only its layout or the order of its keys changed', () => {
    expect(judgeLogin(text(HOST), `${JSON.stringify(HOST, undefined, 4)}\n`, ROTATES)).toEqual({
      kind: 'same',
    });
    expect(judge({ oauth: Object.fromEntries(Object.entries(HOST.oauth).reverse()) })).toEqual({
      kind: 'same',
    });
  });

  test('a star stands for any one key', () => {
    expect(judge(withOauth({ access: 'a2' }), ['*.access'])).toMatchObject({ kind: 'renewed' });
    expect(judge(withOauth({ access: 'a2' }), ['*'])).toMatchObject({ kind: 'refused' });
  });
});

describe('a login that grew anything else is not taken over', () => {
  const access = { access: 'a2' };
  test.each([
    [
      'a key at the top',
      { ...withOauth(access), mcpServers: { x: { command: 'sh' } } },
      'it gained mcpServers',
    ],
    ['a key deeper', withOauth({ ...access, apiKeyHelper: 'sh' }), 'it gained oauth.apiKeyHelper'],
    ['a lost key', { oauth: { access: 'a2' } }, 'it lost oauth.refresh'],
    ['another account', withOauth({ ...access, account: 'you' }), 'oauth.account changed'],
    ['another list', withOauth({ ...access, scopes: ['x', 'y'] }), 'oauth.scopes changed'],
    ['an object for a token', withOauth({ access: { run: 'sh' } }), 'oauth.access is no token any more'],
    ['a number for a string', withOauth({ access: 1 }), 'oauth.access is no token any more'],
    ['a control character', withOauth({ access: 'a\u001b[2J' }), 'oauth.access is no token any more'],
    ['a token without end', withOauth({ access: 'a'.repeat(16_385) }), 'oauth.access is no token any more'],
    ['a list for the whole', [], 'it is not JSON any more'],
  ])('%s', (_name, inside, why) => {
    expect(judge(inside)).toEqual({ kind: 'refused', why });
  });

  test('a prototype that is written as a key is a key like another', () => {
    const inside = `{"__proto__":{"x":1},${text(withOauth(access)).slice(1)}`;
    expect(judgeLogin(text(HOST), inside, ROTATES)).toEqual({ kind: 'refused', why: 'it gained __proto__' });
  });

  test('what is not JSON never comes back', () => {
    expect(judgeLogin(text(HOST), '#!/bin/sh\n', ROTATES).kind).toBe('refused');
    expect(judgeLogin('key: 1\n', 'key: 2\n', ['key']).kind).toBe('refused');
  });
});

describe('what goes inside', () => {
  test('the whole file, or only the members that are named, over what is there', () => {
    expect(loginInside('anything', undefined, undefined)).toBe('anything');
    const host = text({ account: 1, mcpServers: { x: 1 }, projects: { '/other': {} } });
    const parsed = (inside: string | undefined) => JSON.parse(loginInside(host, inside, ['account'])!);
    expect(parsed(undefined)).toEqual({ account: 1 });
    expect(parsed('{"account":2,"own":3}')).toEqual({ account: 1, own: 3 });
    expect(parsed('not JSON')).toEqual({ account: 1 });
    expect(loginInside('[]', undefined, ['account'])).toBeUndefined();
  });

  test('a member that the host’s file lost is lost inside too', () => {
    expect(JSON.parse(loginInside('{}', '{"account":2,"own":3}', ['account'])!)).toEqual({ own: 3 });
  });
});

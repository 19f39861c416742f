/** Claims about which paths layers of settings open and close. */
import { describe, expect, test } from 'vitest';
import { HOME, PROJECT } from './facts.fixture.ts';
import { accessIn, errorOf, layer, merge } from './layers.fixture.ts';
import type { AllowedPath } from './types.ts';

describe('paths', () => {
  test('relative ones are relative to the project, ~ is the home, and a string means writing', () => {
    const policy = merge([layer('user', { allowedPaths: ['../lib', { path: '~/data', mode: 'read' }] })]);
    expect(accessIn(policy, '/home/ann/projects/lib/x')).toBe('write');
    expect(accessIn(policy, '/home/ann/data/x')).toBe('read');
    expect(accessIn(policy, '/home/ann/other')).toBe('none');
  });

  test('a denial closes what it names, beneath a glob at any depth', () => {
    const policy = merge([layer('user', { deniedPaths: ['**/.env', './secrets', 'keys/**'] })]);
    for (const path of ['.env', 'a/b/.env', 'secrets/x', 'keys', 'keys/a/b']) {
      expect(accessIn(policy, `${PROJECT}/${path}`)).toBe('none');
    }
    expect(accessIn(policy, `${PROJECT}/.env.example`)).toBe('write');
  });

  test('a denial that looks like a pattern closes the directory of that very name too', () => {
    const policy = merge([layer('user', { deniedPaths: ['app/[slug]'] })]);
    expect(accessIn(policy, `${PROJECT}/app/[slug]/page.ts`)).toBe('none');
    expect(accessIn(policy, `${PROJECT}/app/s`)).toBe('none');
    expect(accessIn(policy, `${PROJECT}/app/slug`)).toBe('write');
  });

  test('an allowed path of brackets is that directory and nothing else', () => {
    const policy = merge([layer('user', { allowedPaths: ['/srv/[ab]'] })]);
    expect([accessIn(policy, '/srv/[ab]/x'), accessIn(policy, '/srv/a')]).toEqual(['write', 'none']);
  });

  test('an explicit entry opens a protected place, and one above it does not', () => {
    const policy = merge([
      layer('user', {
        mode: 'permissive',
        allowedPaths: [{ path: '~/.ssh', mode: 'read' }, '~/.config', './.vscode'],
      }),
    ]);
    expect(accessIn(policy, `${HOME}/.ssh/config`)).toBe('read');
    expect(accessIn(policy, `${HOME}/.config/gh/hosts.yml`)).toBe('none');
    expect(accessIn(policy, `${HOME}/.config/autostart/x`)).toBe('read');
    expect(accessIn(policy, `${PROJECT}/.vscode/tasks.json`)).toBe('write');
    expect(accessIn(policy, `${PROJECT}/sub/.vscode/tasks.json`)).toBe('read');
  });

  test('a writable grant is protected as the project is', () => {
    const policy = merge([layer('user', { allowedPaths: ['~/lib', '~/.config'] })]);
    expect(accessIn(policy, `${HOME}/lib/.git/hooks/x`)).toBe('read');
    expect(accessIn(policy, `${HOME}/lib/.git/index`)).toBe('write');
    expect(accessIn(policy, `${HOME}/.config/autostart/x.desktop`)).toBe('read');
    expect(accessIn(policy, `${HOME}/.config/gh/hosts.yml`)).toBe('none');
  });

  test.each(['~', '/', '/home', '~/../ann'])('%s is refused as a writable path without the flag', (path) => {
    expect(errorOf(() => merge([layer('user', { allowedPaths: [path] })]))?.code).toBe('ERR_PATH_TOO_BROAD');
    expect(
      errorOf(() => merge([{ ...layer('user', { allowedPaths: [path] }), unsafeAllowBroad: true }]))?.code,
    ).toBe('ERR_PATH_TOO_BROAD');
    const flagged = merge([{ ...layer('flag', { allowedPaths: [path] }), unsafeAllowBroad: true }]);
    expect(accessIn(flagged, `${HOME}/notes`)).toBe('write');
    expect(accessIn(flagged, `${HOME}/.ssh/id`)).toBe('none');
  });

  test('~ may be named where it is writable anyway', () => {
    expect(accessIn(merge([layer('user', { mode: 'permissive', allowedPaths: ['~'] })]), `${HOME}/x`)).toBe(
      'write',
    );
  });

  test('an expired grant is told and does nothing; one that lasts counts', () => {
    const entry = (expires: string): AllowedPath => ({ path: '/data', mode: 'read', expires });
    const expired = merge([layer('user', { allowedPaths: [entry('2026-05-30')] })]);
    expect([accessIn(expired, '/data'), expired.notices.map(({ kind }) => kind)]).toEqual([
      'none',
      ['expired'],
    ]);
    const lasting = merge([layer('user', { allowedPaths: [entry('2026-06-03')] })]);
    expect([accessIn(lasting, '/data'), lasting.notices]).toEqual(['read', []]);
  });

  test("Pinfold's own directories are not opened by anybody", () => {
    const paths = ['~/.config/pinfold', '~/.local/state/pinfold/sessions', '~/.local/share/pinfold'];
    const policy = merge([layer('flag', { allowedPaths: paths })]);
    for (const path of paths) expect(accessIn(policy, path.replace('~', HOME))).toBe('none');
    expect(policy.notices.map(({ kind }) => kind)).toEqual(['ceiling', 'ceiling', 'ceiling']);
  });
});

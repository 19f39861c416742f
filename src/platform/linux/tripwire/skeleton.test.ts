import { describe, expect, test } from 'vitest';
import type { PathRule } from '../../../policy/types.ts';
import { planMounts } from '../mount-plan.ts';
import { findPlaces, type PathKind } from '../places.ts';
import { FACTS, PROJECT, policyOf, rule } from '../plan-cases.fixture.ts';
import { NodeTable } from './nodes.ts';

const BARE = { ...FACTS, runtime: [], homeFiles: [] };
const WATCHED = ['home', 'root', 'srv', 'var', 'etc', 'usr', 'tmp', 'proc', 'dev', 'run', 'sys'];

function planned(rules: readonly PathRule[], existing: Readonly<Record<string, PathKind>>) {
  const policy = policyOf(rules);
  const known = new Map(Object.entries(existing));
  const places = findPlaces({ policy, facts: BARE, matches: [], existing: known });
  const { mounts, tripwire } = planMounts({ policy, facts: BARE, places, existing: known, watched: WATCHED });
  if (tripwire === undefined) throw new Error('no layout');
  const shown = mounts.flatMap((step) =>
    step.op === 'tripwire' ? [`${step.target} ${tripwire.attached[Number(step.source)]?.path}`] : [],
  );
  return { mounts, tripwire, shown };
}

describe('coverHidden', () => {
  const project = () =>
    planned([rule('/usr', 'read'), rule(PROJECT, 'write')], { '/usr': 'directory', [PROJECT]: 'directory' });

  test('stands over hidden directories of the root, and over no other', () => {
    const { tripwire, shown } = project();
    expect(tripwire.attached.map(({ path, kind }) => [path, kind])).toEqual([
      ['/home', 'directory'],
      ['/root', 'closed-directory'],
      ['/srv', 'closed-directory'],
      ['/var', 'directory'],
    ]);
    expect(shown).toEqual(['/home /home', '/root /root', '/srv /srv', '/var /var']);
  });

  test('holds the way to what is shown, before it is mounted', () => {
    const { mounts, tripwire } = project();
    expect(tripwire.beneath).toContainEqual({ path: PROJECT, kind: 'directory' });
    const order = mounts.flatMap((step) => ('target' in step && step.op !== 'seal' ? [step.target] : []));
    expect(order.indexOf('/home')).toBeGreaterThan(0);
    expect(order.indexOf('/home')).toBeLessThan(order.indexOf(PROJECT));
    expect(() => new NodeTable(tripwire)).not.toThrow();
  });

  test('of /etc, which the plan makes, it stands over credentials that the host has, and over nothing else', () => {
    const secret = (path: string) => rule(path, 'none', { category: 'credential' });
    const rules = [
      secret('/etc/shadow'),
      secret('/etc/gone'),
      secret('/etc/keys'),
      rule('/etc/group', 'read'),
    ];
    const existing = { '/etc/shadow': 'file', '/etc/keys': 'directory', '/etc/group': 'file' } as const;
    const { mounts, tripwire, shown } = planned(rules, existing);
    expect(shown).toContain('/etc/shadow /etc/shadow');
    expect(shown.filter((each) => each.startsWith('/etc'))).toHaveLength(2);
    expect(tripwire.attached.filter(({ path }) => path.startsWith('/etc'))).toEqual([
      { path: '/etc/shadow', kind: 'closed-file' },
      { path: '/etc/keys', kind: 'closed-directory' },
    ]);
    expect(mounts).toContainEqual({ op: 'file', path: '/etc/shadow', mode: 0, content: '' });
    const open = planned([...rules, rule('/etc', 'read')], { ...existing, '/etc': 'directory' });
    expect(open.shown.filter((each) => each.startsWith('/etc')).sort()).toEqual([
      '/etc/keys /etc/keys',
      '/etc/shadow /etc/shadow',
    ]);
    expect(open.mounts.some((step) => step.op === 'file' && step.path === '/etc/shadow')).toBe(false);
  });

  test('makes links of the plan itself: nothing can be made on it', () => {
    const data = rule('/home/ada/data', 'read', { resolved: '/home/ada/real' });
    const { mounts, tripwire } = planned([data], { '/home/ada/real': 'directory' });
    expect(tripwire.beneath).toContainEqual({ path: '/home/ada/data', kind: 'link', to: '/home/ada/real' });
    expect(mounts.some((step) => step.op === 'symlink' && step.path === '/home/ada/data')).toBe(false);
    expect(mounts.some((step) => step.op === 'symlink' && step.path === '/dev/fd')).toBe(true);
  });

  test('stands over what is denied inside a shown tree, in place of a mask', () => {
    const rules = [rule(PROJECT, 'write'), rule(`${PROJECT}/.env`, 'none'), rule(`${PROJECT}/keys`, 'none')];
    const { mounts, tripwire } = planned(rules, {
      [PROJECT]: 'directory',
      [`${PROJECT}/.env`]: 'file',
      [`${PROJECT}/keys`]: 'directory',
    });
    expect(tripwire.attached).toContainEqual({ path: `${PROJECT}/.env`, kind: 'closed-file' });
    expect(tripwire.attached).toContainEqual({ path: `${PROJECT}/keys`, kind: 'closed-directory' });
    expect(mounts.filter((step) => step.op === 'mask' && step.target.startsWith(PROJECT))).toEqual([]);
    expect(mounts.filter((step) => step.op === 'tripwire' && step.optional).length).toBe(2);
  });

  test('stands in a denied directory that only leads to something shown', () => {
    const rules = [
      rule('/home/ada', 'write'),
      rule('/home/ada/.config', 'none'),
      rule('/home/ada/.config/git', 'read'),
    ];
    const { mounts, tripwire } = planned(rules, {
      '/home/ada': 'directory',
      '/home/ada/.config': 'directory',
      '/home/ada/.config/git': 'directory',
    });
    expect(tripwire.attached).toContainEqual({ path: '/home/ada/.config', kind: 'directory' });
    expect(tripwire.beneath).toContainEqual({ path: '/home/ada/.config/git', kind: 'directory' });
    expect(mounts.some((step) => step.op === 'tmpfs' && step.target === '/home/ada/.config')).toBe(false);
  });

  test('without a list of directories the plan has no part of it', () => {
    const policy = policyOf([rule(PROJECT, 'write')]);
    const existing = new Map<string, PathKind>([[PROJECT, 'directory']]);
    const places = findPlaces({ policy, facts: BARE, matches: [], existing });
    const plan = planMounts({ policy, facts: BARE, places, existing });
    expect(plan.tripwire).toBeUndefined();
    expect(plan.mounts.some(({ op }) => op === 'tripwire')).toBe(false);
  });
});

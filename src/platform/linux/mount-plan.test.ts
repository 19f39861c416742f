import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decider } from '../../policy/decide.ts';
import type { Access, PathRule } from '../../policy/types.ts';
import { planMounts } from './mount-plan.ts';
import { findPlaces, type PathKind } from './places.ts';
import type { MountStep } from './plan.ts';
import {
  BARE,
  FACTS,
  lookAt,
  PRIVATE_HOME,
  PROJECT,
  policyOf,
  rule,
  stepsFor,
  stepsOfTree,
  TREE,
  treeKind,
  wordsOf,
} from './plan-cases.fixture.ts';

/** Only what concerns `root`: the rest of the root is the same in every plan. */
function about(steps: readonly MountStep[], root: string): string[] {
  return steps.map(wordsOf).filter((line) => line.split(' ').some((word) => word.startsWith(root)));
}

describe('mounts', () => {
  test('begin with the root and end with its seal', () => {
    const steps = stepsFor([], {});
    expect(steps[0]).toEqual({ op: 'tmpfs', target: '/', mode: 0o755 });
    expect(steps.at(-1)).toEqual({ op: 'seal', target: '/' });
  });

  test('show nothing of the host but device nodes when no rule allows anything', () => {
    // Those of /proc cover it with itself, read-only.
    const binds = stepsFor([], {}).filter((step) => step.op === 'bind' && !step.target.startsWith('/proc/'));
    expect(binds.map(wordsOf)).toEqual(
      ['null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => `bind rw dev /dev/${name}`),
    );
  });

  test('show a file read-only inside a writable directory, and pin the directories between', () => {
    const steps = stepsFor([rule('/w', 'write'), rule('/w/a/b/f', 'read')], {
      '/w': 'directory',
      '/w/a/b/f': 'file',
    });
    expect(about(steps, '/w')).toEqual(['bind rw /w', 'bind rw /w/a', 'bind rw /w/a/b', 'bind ro /w/a/b/f']);
  });

  test('do not mount again what is as its surroundings are', () => {
    const steps = stepsFor([rule('/w', 'write'), rule('/w/a', 'write')], {
      '/w': 'directory',
      '/w/a': 'directory',
    });
    expect(about(steps, '/w')).toEqual(['bind rw /w']);
  });

  test('mask a denied file, and a denied directory with nothing to show in it', () => {
    const steps = stepsFor([rule('/w', 'write'), rule('/w/f', 'none'), rule('/w/d', 'none')], {
      '/w': 'directory',
      '/w/f': 'file',
      '/w/d': 'directory',
    });
    expect(about(steps, '/w')).toEqual(['bind rw /w', 'mask /w/d', 'mask /w/f']);
  });

  test('hollow out a denied directory that holds something allowed, and seal it', () => {
    const steps = stepsFor([rule('/w', 'write'), rule('/w/d', 'none'), rule('/w/d/ok', 'read')], {
      '/w': 'directory',
      '/w/d': 'directory',
      '/w/d/ok': 'directory',
    });
    expect(about(steps, '/w')).toEqual(['bind rw /w', 'tmpfs /w/d 755', 'bind ro /w/d/ok', 'seal /w/d']);
  });

  test('pin .git when a glob protects names in it, and no directory further up', () => {
    const rules = [rule('/w', 'write'), rule('/w/**/.git/hooks', 'read')];
    const matches = [{ path: '/w/lib/one/.git/hooks', directory: true }];
    expect(about(stepsFor(rules, { '/w': 'directory' }, matches), '/w')).toEqual([
      'bind rw /w',
      'bind rw /w/lib/one/.git',
      'bind ro /w/lib/one/.git/hooks',
    ]);
  });

  test('treat the target of a protected link, which itself cannot be mounted on', () => {
    const rules = [rule('/w', 'write'), rule('/w/**/.env', 'none', { scope: 'flag' })];
    const leadsTo = { path: '/w/secret/dev.env', directory: false };
    const steps = stepsFor(rules, { '/w': 'directory' }, [{ path: '/w/.env', directory: false, leadsTo }]);
    expect(about(steps, '/w')).toEqual(['bind rw /w', 'mask /w/secret/dev.env']);
  });

  test('never show the target of a matched link that no rule of its own allows', () => {
    const rules = [rule('/w', 'write'), rule('/w/**/.vscode', 'read')];
    const leadsTo = { path: '/home/ada/.ssh', directory: true };
    const steps = stepsFor(rules, { '/w': 'directory' }, [{ path: '/w/.vscode', directory: false, leadsTo }]);
    expect(about(steps, '/home')).toEqual([]);
  });

  test('show nothing of a denied directory for the sake of a protected name in it', () => {
    const rules = [
      rule('/w', 'write'),
      rule('/w/**/.npmrc', 'read', { category: 'host-run' }),
      rule('/w/secrets', 'none', { scope: 'flag' }),
    ];
    const matches = [
      { path: '/w/.npmrc', directory: false },
      { path: '/w/secrets/.npmrc', directory: false },
    ];
    const steps = stepsFor(rules, { '/w': 'directory', '/w/secrets': 'directory' }, matches);
    expect(about(steps, '/w')).toEqual(['bind rw /w', 'bind ro /w/.npmrc', 'mask /w/secrets']);
  });

  test.each(['/tmp/app', '/run/app', '/var/tmp/app', '/dev/shm/app', '/home/ada/app'])(
    'show a project at %s after the private place that it lies in',
    (path) => {
      const steps = stepsFor([rule('/tmp', 'write', { category: 'private' }), rule(path, 'write')], {
        '/tmp': 'directory',
        [path]: 'directory',
      });
      expect(lookAt(steps, `${path}/file`)).toEqual({ host: `${path}/file`, access: 'write' });
      expect(lookAt(steps, '/tmp/other')).toEqual({ host: undefined, access: 'none' });
    },
  );

  test('keep the private /var/tmp when /var is shown', () => {
    const steps = stepsFor([rule('/var', 'read', { scope: 'flag' })], { '/var': 'directory' });
    expect(lookAt(steps, '/var/tmp/f').host).toBe(undefined);
    expect(lookAt(steps, '/var/lib/f').host).toBe('/var/lib/f');
  });

  test('bind a directory that was scanned only as long as it is the same one', () => {
    const policy = policyOf([rule('/w', 'write'), rule('/v', 'write')]);
    const existing = new Map<string, PathKind>([
      ['/w', 'directory'],
      ['/v', 'directory'],
    ]);
    const places = findPlaces({ policy, facts: BARE, matches: [], existing });
    const identity = { device: 5n, inode: 7n };
    const { mounts: steps } = planMounts({
      policy,
      facts: BARE,
      places,
      existing,
      scanned: new Map([['/w', identity]]),
    });
    const bind = (path: string) => ({ op: 'bind', source: path, target: path, writable: true });
    expect(steps).toContainEqual({ ...bind('/w'), identity });
    expect(steps).toContainEqual(bind('/v'));
  });

  test('make no entry of their own in a directory of the host', () => {
    const words = stepsFor([rule('/etc', 'read', { scope: 'flag' })], { '/etc': 'directory' }).map(wordsOf);
    expect(words).toContain('bind ro /etc');
    expect(words.filter((line) => line.includes('/etc/'))).toEqual([]);
  });

  test('make a link again where a rule names a place by one', () => {
    const rules = [rule('/home/ada/data', 'read', { resolved: '/mnt/data', links: ['/home/ada/data'] })];
    expect(about(stepsFor(rules, { '/mnt/data': 'directory' }), '/home')).toEqual([
      'symlink /home/ada/data -> /mnt/data',
    ]);
  });

  test.each(['/', '/proc', '/proc/1', '/dev'])('refuse to show %s of the host', (path) => {
    const show = () => stepsFor([rule(path, 'read', { scope: 'flag' })], { [path]: 'directory' });
    expect(show).toThrow(expect.objectContaining({ code: 'ERR_PATH_TOO_BROAD' }));
  });

  test('bind the git settings into the private home and nowhere else', () => {
    const policy = policyOf([rule(PRIVATE_HOME, 'write')]);
    const existing = new Map<string, PathKind>([[PRIVATE_HOME, 'directory']]);
    const facts = { ...BARE, homeFiles: FACTS.homeFiles! };
    const places = findPlaces({ policy, facts, matches: [], existing });
    const { mounts: steps } = planMounts({ policy, facts, places, existing });
    expect(about(steps, '/home/ada')).toEqual([
      `bind rw ${PRIVATE_HOME}`,
      `bind ro ${PRIVATE_HOME}/.gitconfig from /home/ada/dotfiles/gitconfig`,
    ]);
    expect(about(steps, PROJECT)).toEqual([]);
  });
});

// ---- the plan and the policy say the same ---------------------------------------------------------------------

const GLOBS = ['/t/**/.env', '/t/*/b', '/t/a/**/x', '/t/**/a/b', '/t/{a,b}/x', '/t/**/[ab]', '/t/x/*.env'];

const anyRule: fc.Arbitrary<PathRule> = fc
  .record({
    pattern: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...TREE) }, fc.constantFrom(...GLOBS)),
    access: fc.constantFrom<Access>('none', 'read', 'write'),
    scope: fc.constantFrom('builtin' as const, 'flag' as const),
  })
  .map(({ pattern, access, scope }) =>
    rule(pattern, access, { scope: /[*{]/.test(pattern) ? 'flag' : scope }),
  );

test('shows every existing path with exactly the access that the policy decides', () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 8 }), (rules) => {
      const policy = policyOf(rules);
      const decider = new Decider(policy);
      const steps = stepsOfTree(rules);
      for (const path of TREE) {
        const expected = decider.accessOf(path, { directory: treeKind(path) === 'directory' });
        const seen = lookAt(steps, path);
        expect({ path, access: seen.access }).toEqual({ path, access: expected });
        if (expected !== 'none') expect(seen.host).toBe(path);
      }
    }),
    { numRuns: 1000 },
  );
});

import { describe, expect, test } from 'vitest';
import { ACCESS_FS, handledRights, planLandlock, SCOPE } from './landlock-plan.ts';
import type { Place } from './places.ts';
import { CAPABILITIES } from './plan-cases.fixture.ts';

const at = (abi: number) => ({ ...CAPABILITIES, landlockAbi: abi });

function accessAt(places: readonly Place[], path: string, abi = 7): bigint | undefined {
  return planLandlock(places, at(abi))?.rules.find((rule) => rule.path === path)?.access;
}

const shown = (path: string, access: 'read' | 'write', kind: 'file' | 'directory' = 'directory'): Place => ({
  path,
  kind,
  access,
  treatment: 'show',
});

describe('the Landlock ruleset', () => {
  test.each([
    [1, 0x1fffn],
    [2, 0x3fffn],
    [3, 0x7fffn],
    [4, 0x7fffn],
    [5, 0xffffn],
    [6, 0xffffn],
    [7, 0xffffn],
  ])('handles every file-system right of ABI %i', (abi, rights) => {
    expect(handledRights(abi)).toBe(rights);
  });

  test('is absent without Landlock', () => {
    expect(planLandlock([], at(0))).toBe(undefined);
  });

  test('scopes signals and abstract sockets from ABI 6 on, and no ports', () => {
    expect(planLandlock([], at(5))?.scoped).toBe(0n);
    expect(planLandlock([], at(6))?.scoped).toBe(SCOPE.ABSTRACT_UNIX_SOCKET | SCOPE.SIGNAL);
    expect(planLandlock([], at(7))?.handledNet).toBe(0n);
  });

  test('gives reading and executing where the policy gives read', () => {
    const read = ACCESS_FS.EXECUTE | ACCESS_FS.READ_FILE | ACCESS_FS.READ_DIR;
    expect(accessAt([shown('/usr', 'read')], '/usr')).toBe(read);
  });

  test('gives everything but device nodes where the policy gives write', () => {
    const devices = ACCESS_FS.MAKE_CHAR | ACCESS_FS.MAKE_BLOCK | ACCESS_FS.IOCTL_DEV;
    expect(accessAt([shown('/w', 'write')], '/w')).toBe(handledRights(7) & ~devices);
  });

  test('gives a file no right that only a directory can have', () => {
    expect(accessAt([shown('/f', 'read', 'file')], '/f')).toBe(ACCESS_FS.EXECUTE | ACCESS_FS.READ_FILE);
    expect(accessAt([shown('/g', 'write', 'file')], '/g')).toBe(
      ACCESS_FS.EXECUTE | ACCESS_FS.READ_FILE | ACCESS_FS.WRITE_FILE | ACCESS_FS.TRUNCATE,
    );
  });

  test.each([1, 2, 3, 4, 5, 6, 7])('names no right that ABI %i does not handle', (abi) => {
    const places = [shown('/w', 'write'), shown('/dev/kvm', 'write', 'file')];
    const handled = handledRights(abi);
    for (const rule of planLandlock(places, at(abi))!.rules) expect(rule.access & ~handled).toBe(0n);
  });

  test('has no rule for what is masked, and none for what an outer rule gives already', () => {
    const places: Place[] = [
      shown('/w', 'write'),
      { path: '/w/secret', kind: 'file', access: 'none', treatment: 'mask' },
      shown('/w/.vscode', 'read'),
      shown('/r', 'read'),
      shown('/r/out', 'write'),
    ];
    const paths = planLandlock(places, at(7))!.rules.map((rule) => rule.path);
    expect(paths.filter((path) => /^\/[wr](\/|$)/.test(path))).toEqual(['/w', '/r', '/r/out']);
  });

  test('lets what the mounts put into the root be read, and never be written', () => {
    expect(accessAt([], '/')).toBe(ACCESS_FS.EXECUTE | ACCESS_FS.READ_FILE | ACCESS_FS.READ_DIR);
  });
});

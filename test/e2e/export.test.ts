/** `pinfold export sbpl` on a host that is no Mac: a whole profile of this host's settings, which decides as they say. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Profile } from '../fixtures/sbpl.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  async function exported(...words: readonly string[]): Promise<Profile> {
    const ran = await world.pinfold(['export', 'sbpl', ...words]);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    return new Profile(ran.stdout);
  }

  const may = (profile: Profile, operation: string, path: string) => profile.allows({ operation, path });

  test('prints each mode as a profile that decides as the mode does', async () => {
    const key = join(world.home, '.ssh/id_ed25519');
    const note = join(world.home, 'notes.txt');
    for (const mode of ['strict', 'standard', 'permissive']) {
      const profile = await exported('--mode', mode);
      const home = mode === 'permissive';
      expect([mode, may(profile, 'file-write-data', join(world.project, 'a.txt'))]).toEqual([mode, true]);
      expect([mode, may(profile, 'file-write-data', join(world.project, '.git/hooks/x'))]).toEqual([
        mode,
        false,
      ]);
      expect([mode, may(profile, 'file-read-data', key)]).toEqual([mode, false]);
      expect([mode, may(profile, 'file-write-data', note)]).toEqual([mode, home]);
      expect(profile.allows({ operation: 'network-outbound', remote: '*:443' })).toBe(false);
      expect(profile.allows({ operation: 'network-outbound', remote: 'localhost:5432' })).toBe(
        mode === 'standard',
      );
    }
  });

  test('takes flags and settings: paths, ports and services', async () => {
    const trustd = { operation: 'mach-lookup', name: 'com.apple.trustd.agent' } as const;
    const secret = join(world.project, 'secret/a');
    const before = await exported();
    expect([may(before, 'file-read-data', secret), before.allows(trustd)]).toEqual([true, false]);
    writeFileSync(
      join(world.root, 'more.json'),
      '{ "sandbox": { "macServices": ["tls"], "localPorts": [5432] } }',
    );
    const after = await exported('--settings', join(world.root, 'more.json'), '--deny', './secret');
    expect([may(after, 'file-read-data', secret), after.allows(trustd)]).toEqual([false, true]);
    const port = (number: number) => ({ operation: 'network-outbound', remote: `localhost:${number}` });
    expect([before.allows(port(6379)), after.allows(port(6379)), after.allows(port(5432))]).toEqual([
      true,
      false,
      true,
    ]);
  });

  test('an unknown mode is refused, and nothing is printed', async () => {
    expect(await world.pinfold(['export', 'sbpl', '--mode', 'lax'])).toMatchObject({ code: 125, stdout: '' });
  });
});

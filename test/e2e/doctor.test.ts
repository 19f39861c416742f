/** `pinfold doctor` as people and CI run it: what it says, how it exits, and that nothing of it stays. */
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { mountsOf, processesWith, treeOf, until } from '../fixtures/host-tree.ts';
import { finished, makeWorld, people, type World } from '../fixtures/world.ts';

interface Data {
  readonly proven: boolean;
  readonly overheadMs: number;
  readonly modes: readonly {
    readonly mode: string;
    readonly network: string;
    readonly guarantees: readonly {
      readonly id: string;
      readonly state: string;
      readonly trials: unknown[];
    }[];
    readonly enforcement: readonly { readonly mechanism: string }[];
  }[];
}

/** Directories in /tmp that the doctor of this process made: those of other tests come and go. */
function temporaryOf(pid: number | undefined): string[] {
  return readdirSync('/tmp').filter((name) => name.startsWith(`pinfold-doctor-${pid}-`));
}

/** Probes that a doctor of this home has started; none of their command lines has to name it. */
function probesOf(home: string): number[] {
  return processesWith('pinfold-doctor-probe').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`HOME=${home}`);
    } catch {
      // It ended between the listing and the reading.
      return false;
    }
  });
}

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  const worldsOfDoctor = (): string[] => {
    const directory = join(world.home, '.local/state/pinfold/doctor');
    return existsSync(directory) ? readdirSync(directory) : [];
  };

  test('everything is proven in every mode, exit 0, and home and project are as they were', async () => {
    const before = treeOf(world.root);
    const ran = await world.pinfold(['doctor']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    for (const mode of ['strict  network none', 'standard  network local', 'permissive  network filtered'])
      expect(ran.stdout).toContain(`${mode}\n`);
    expect(ran.stdout).toMatch(/\noverhead {2}\d+ ms for each launch/);
    expect(ran.stdout).toMatch(/\n\d+ guarantees, all proven\.\n$/);
    // Neither colours nor progress in a pipe.
    expect(ran.stdout).not.toContain('\x1b');
    expect(treeOf(world.root)).toEqual(before);
    expect(mountsOf(world.root)).toEqual([]);
    expect(probesOf(world.home)).toEqual([]);
  });

  test('--mode and --json give one mode as data, each guarantee with its acts', async () => {
    const ran = await world.pinfold(['doctor', '--mode', 'strict', '--json']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const data = JSON.parse(ran.stdout) as Data;
    expect(data.proven).toBe(true);
    expect(data.overheadMs).toBeGreaterThan(0);
    expect(data.modes.map(({ mode, network }) => [mode, network])).toEqual([['strict', 'none']]);
    const [strict] = data.modes;
    expect(strict!.guarantees.find(({ id }) => id === 'home-hidden')).toMatchObject({
      group: 'files',
      state: 'proven',
      trials: [
        { act: 'read ~/notes.txt', inside: world.hidden, outside: 'reached' },
        { act: 'list ~', inside: 'no effect', outside: 'reached' },
        { act: 'create ~/planted', inside: 'EROFS', outside: 'reached' },
      ],
    });
    expect(strict!.enforcement.map(({ mechanism }) => mechanism)).toContain('landlock');
  });

  test('-v names every act with both answers; FORCE_COLOR paints, NO_COLOR does not', async () => {
    const ran = await world.pinfold(['doctor', '-v', '-m', 'strict'], { env: { FORCE_COLOR: '1' } });
    expect(ran.stdout).toContain('\x1b[32m✓');
    expect(ran.stdout).toContain(`read ~/.ssh/id_ed25519: ${world.hidden} (outside: reached)`);
    const plain = await world.pinfold(['doctor', '-m', 'strict'], { env: { NO_COLOR: '1' } });
    expect(plain.stdout).not.toContain('\x1b');
  });

  test('an unknown mode is refused before anything is made', async () => {
    const ran = await world.pinfold(['doctor', '--mode', 'strickt']);
    expect(ran).toMatchObject({ code: 125, stdout: '' });
    expect(ran.stderr).toContain('strict');
  });

  test('without its probe it fails and says what is missing', async () => {
    const install = mkdtempSync(join(tmpdir(), 'pinfold-no-probe-'));
    try {
      chmodSync(install, 0o755);
      cpSync(inject('install'), install, {
        recursive: true,
        filter: (path) => !path.endsWith('pinfold-doctor-probe'),
      });
      const ran = await world.run([pinfold()[0]!, join(install, 'dist/pinfold.cjs'), 'doctor']);
      expect(ran).toMatchObject({ code: 125, stdout: '' });
      expect(ran.stderr).toContain('Cannot start the probe of doctor');
      expect(ran.stderr).toContain('ERR_LAUNCHER_MISSING');
    } finally {
      rmSync(install, { recursive: true });
    }
  });

  test('where /tmp cannot be written it names that and its remedy, and leaves nothing', async () => {
    const sealed = 'mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp && exec "$@"';
    const on = (script: string) => ['unshare', '-Urm', 'sh', '-c', script, 'sh', ...pinfold(), 'doctor'];
    const ran = await world.run(on(sealed));
    expect(ran).toMatchObject({ code: 125, stdout: '' });
    expect(ran.stderr).toContain("EROFS: read-only file system, mkdtemp '/tmp/pinfold-doctor-");
    expect(ran.stderr).toContain('fix  Make /tmp writable');
    expect(worldsOfDoctor()).toEqual([]);
    // The control: in the same namespaces, with a /tmp that can be written, it gets as far as its attempts.
    const open = await world.run([...on('exec "$@"'), '--json', '--mode', 'strict']);
    expect(JSON.parse(open.stdout).modes[0].guarantees.length).toBeGreaterThan(20);
  });

  test('SIGINT ends it at once with 130, and nothing is left', async () => {
    const child = world.start([...pinfold(), 'doctor']);
    const end = finished(child);
    await until(() => temporaryOf(child.pid).length > 0 && probesOf(world.home).length > 0);
    child.kill('SIGINT');
    expect(await end).toMatchObject({ code: 130, stderr: '' });
    expect(worldsOfDoctor()).toEqual([]);
    expect(temporaryOf(child.pid)).toEqual([]);
    await until(() => processesWith(world.home).length + probesOf(world.home).length === 0);
  });

  test('what a killed one left behind, the next one removes', async () => {
    const child = world.start([...pinfold(), 'doctor']);
    const end = finished(child);
    const left = () => temporaryOf(child.pid);
    await until(() => left().length > 0);
    child.kill('SIGKILL');
    await end;
    expect([worldsOfDoctor().length, left().length]).toEqual([1, 1]);
    const ran = await world.pinfold(['doctor', '-m', 'strict']);
    expect(ran.code).toBe(0);
    expect([worldsOfDoctor(), left()]).toEqual([[], []]);
  });
});

/** In containers of podman and crun: with their defaults what is missing is named and refused, opened wider everything is proven. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { people } from '../fixtures/world.ts';
import { Container, INMATES, OPENED } from './container.ts';

interface Guarantee {
  readonly id: string;
  readonly state: string;
}

const MODES = ['strict', 'standard', 'permissive'];

describe.each(people)('a container that $label starts', (person) => {
  let container: Container;
  beforeAll(() => {
    container = new Container(person);
  });
  afterAll(() => container.dispose());

  describe.each(INMATES)('as $label', (inmate) => {
    const shell = (script: string, flags: readonly string[], options?: readonly string[]) =>
      container.pinfold(inmate, ['run', '--mode', 'strict', ...flags, '--', 'sh', '-c', script], options);

    /** The open guarantees of each mode. */
    const doctor = (options?: readonly string[]) => {
      const ran = container.pinfold(inmate, ['doctor', '--json'], options);
      const modes: { mode: string; guarantees: Guarantee[] }[] = JSON.parse(ran.stdout).modes;
      const open = modes.map(({ mode, guarantees }) => [
        mode,
        guarantees.filter(({ state }) => state !== 'proven').map(({ id, state }) => `${id}: ${state}`),
      ]);
      return { code: ran.code, open: Object.fromEntries(open) as Record<string, string[]> };
    };

    test('as engines make one, a run is refused with cause and remedy, and nothing was run', () => {
      const ran = shell('echo ran; touch was-run', []);
      expect(ran).toMatchObject({ code: 125, stdout: '' });
      expect(ran.stderr).toContain(
        'a filter of system calls around this process refuses them, as containers have one',
      );
      expect(ran.stderr).toContain('Start the container with --security-opt seccomp=unconfined');
      expect(ran.stderr).toContain('ERR_NAMESPACES_UNAVAILABLE');
      // The control: the same container runs it, and only then is it there.
      expect(container.run(inmate, ['ls'])).toMatchObject({ code: 0, stdout: '' });
      expect(container.run(inmate, ['sh', '-c', 'echo ran; touch was-run'])).toMatchObject({
        code: 0,
        stdout: 'ran\n',
      });
      expect(container.run(inmate, ['rm', 'was-run'])).toMatchObject({ code: 0 });
    });

    test('where what is missing is accepted, the work is done and the rest is held', () => {
      const script = [
        'echo hi > kept && cat kept',
        `cat ${inmate.home}/hidden`,
        `echo x > ${inmate.home}/project/../outside`,
        'echo end',
      ].join('; ');
      const ran = shell(script, ['--accept-weaker', '--quiet']);
      expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: 'hi\nend\n' });
      expect(ran.stderr).toContain(`cat: ${inmate.home}/hidden: Permission denied`);
      expect(ran.stderr).toMatch(/cannot create .*outside: Permission denied/);
      // The control: without Pinfold the same acts succeed.
      const bare = container.run(inmate, [
        'sh',
        '-c',
        `cat kept ../hidden; echo x > ../outside; rm kept ../outside`,
      ]);
      expect(bare).toMatchObject({ code: 0, stdout: 'hi\ncanary\n', stderr: '' });
    });

    test('doctor names exactly what a container takes away', () => {
      const { code, open } = doctor();
      expect(code).toBe(1);
      expect(open.strict).toEqual([
        'layers: weaker',
        'environment: unproven',
        'missing-hidden-names: weaker',
        'missing-read-only-modes: weaker',
        'missing-process-numbers: weaker',
      ]);
    });

    test('opened as it is said, every guarantee of every mode is proven in it', () => {
      const { code, open } = doctor(OPENED);
      expect(open).toEqual(Object.fromEntries(MODES.map((mode) => [mode, []])));
      expect(code).toBe(0);
      const ran = shell(
        `echo hi > kept && cat kept; cat ${inmate.home}/hidden; rm kept`,
        ['--quiet'],
        OPENED,
      );
      expect(ran).toMatchObject({ code: 0, stdout: 'hi\n' });
      // There is no /dev/fuse in a container, so what is hidden is absent.
      expect(ran.stderr).toContain(`cat: ${inmate.home}/hidden: No such file or directory`);
    });
  });
});

/** A file that was opened for one open is opened once, by whatever way and however many try. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { library } from '../fixtures/library.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
    world.put(`${world.home}/data/file`, 'x'.repeat(100_000));
    world.put(`${world.home}/data/other`, 'other\n');
  });
  afterAll(() => world.dispose());

  /** `path` is hidden; `lend` opens it for one open; `sh` gives what a script wrote. */
  const inside = <T>(program: string): Promise<T> =>
    library<T>(
      world,
      `const path = ${JSON.stringify(`${world.home}/data/file`)};
       const sandbox = await createSandbox({ mode: 'strict' });
       const lend = () => sandbox.allow({ path, once: true });
       const sh = async (script) => {
         const { stdout, stderr } = await sandbox.run('bash', ['-c', script.replaceAll('FILE', path)]);
         return (stdout + stderr).trim();
       };
       ${program}
       await sandbox.close();`,
      { device: true },
    );

  test('one open reads all of it, by read and by mmap, and the next one is refused; without a grant each is', async () => {
    const said = await inside<string[]>(`
      const said = [await sh('cat FILE | wc -c')];
      await lend();
      said.push(await sh('stat -c %s FILE; exec 5<FILE; stat -L -c %s /proc/self/fd/5; cat <&5 | wc -c; cat FILE'));
      await lend();
      said.push(await sh('python3 -c \\'import mmap; f = open("FILE", "rb"); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE); print(m[:].count(b"x"))\\''));
      said.push(await sh('cat FILE'));
      report(said);`);
    const denied = expect.stringContaining('Permission denied');
    expect(said).toEqual([
      expect.stringMatching(/^0\n.*Permission denied$/),
      expect.stringMatching(/^100000\n100000\n100000\n.*Permission denied$/),
      '100000',
      denied,
    ]);
  });

  test('of forty who open it at once, again and again, one has it', async () => {
    const said = await inside<number[]>(`
      const won = [];
      for (let round = 0; round < 5; round += 1) {
        await lend();
        const script = 'for i in $(seq 40); do (exec 2>/dev/null; { : ; } <FILE && echo won) & done; wait';
        won.push((await sh(script)).split('won').length - 1);
      }
      report(won);`);
    expect(said).toEqual([1, 1, 1, 1, 1]);
  });

  test('neither the descriptor’s name, a path without an open, nor a hard link is a second open', async () => {
    const said = await inside<string[]>(`
      await lend();
      const said = [await sh('exec 5<FILE; head -c 1 <&5; cat /proc/self/fd/5 2>&1 | grep -o "Permission denied"; ln FILE linked 2>&1 | grep -c failed; ln -L /proc/self/fd/5 linked 2>&1 | grep -c failed; cat linked 2>&1 | grep -o "No such file"')];
      await lend();
      const held = 'import os; p = os.open("FILE", os.O_PATH); f = open(f"/proc/self/fd/{p}"); print(len(f.read()))\\ntry: open(f"/proc/self/fd/{p}")\\nexcept OSError as e: print(e.errno)';
      said.push(await sh("python3 -c '" + held + "'"));
      report(said);`);
    expect(said[0]).toMatch(/^xPermission denied\n1\n1\nNo such file$/);
    expect(said[1]).toBe('100000\n13');
  });

  test('it cannot be written, and taken back unused it is shut; a neighbour never opens', async () => {
    const said = await inside<string[]>(`
      await lend();
      const said = [await sh('echo y > FILE; cat FILE/../other')];
      await sandbox.revoke({ path });
      said.push(await sh('cat FILE'));
      report(said);`);
    expect(said[0]).toMatch(/Read-only file system[\s\S]*(Permission denied|Not a directory)/);
    expect(said[1]).toContain('Permission denied');
  });

  test('what replaces the file on the way is not what was granted', async () => {
    const said = await inside<unknown>(`
      const { writeFileSync, renameSync } = await import('node:fs');
      writeFileSync(path + '.new', 'replaced');
      await lend();
      renameSync(path + '.new', path);
      const first = (await sh('cat FILE')).length;
      await sandbox.allow({ path, once: true });
      report([first, await sh('cat FILE')]);
      writeFileSync(path, 'x'.repeat(100000));`);
    expect(said).toEqual([100_000, 'replaced']);
  });

  test('a directory is not opened once, nor a file whose opening nobody sees', async () => {
    const said = await inside<string[]>(`
      const codes = [];
      codes.push(await sandbox.allow({ path: path + '/..', once: true }).then(() => 'opened', ({ code, why }) => code + ' ' + why));
      await sandbox.allow({ path });
      codes.push((await lend()).lasts, await sh('cat FILE | wc -c; cat FILE | wc -c 2>&1'));
      report(codes);`);
    expect(said[0]).toMatch(/^ERR_GRANT_REFUSED only a file is/);
    expect(said[1]).toBe('once');
    expect(said[2]).toMatch(/^100000\n/);
    expect(said[2]).toContain('Permission denied');
    const blind = await library<string>(
      world,
      `const { writeFileSync, mkdirSync } = await import('node:fs');
       const settings = ${JSON.stringify(`${world.root}/blind.json`)};
       writeFileSync(settings, '{ "sandbox": { "monitor": "acts" } }');
       const sandbox = await createSandbox({ mode: 'strict', settingsFile: settings });
       const path = ${JSON.stringify(`${world.home}/data/file`)};
       report(await sandbox.allow({ path, once: true }).then(() => 'opened', ({ code, why }) => code + ' ' + why));
       await sandbox.close();`,
      { device: true },
    );
    expect(blind).toMatch(/^ERR_GRANT_REFUSED there nobody sees/);
  });
});

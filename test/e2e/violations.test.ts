/** What becomes of a refusal: counted, logged on the host, told after the run, and told inside where nothing can change it. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyLog } from '../../src/session/event-log.ts';
import { pinfold } from '../fixtures/as-user.ts';
import { finished, makeWorld, people, type World } from '../fixtures/world.ts';

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  function lastSession(): string {
    const sessions = join(world.home, '.local/state/pinfold/sessions');
    return join(sessions, readdirSync(sessions).sort().at(-1)!);
  }

  function records(): { kind: string; [key: string]: unknown }[] {
    const lines = readFileSync(join(lastSession(), 'events.jsonl'), 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line));
  }

  test('identical refusals are one line on stderr, with a count, and the command’s own output is untouched', async () => {
    const ran = await world.shell('for i in 1 2 3; do mkdir .vscode 2>&-; done; echo done; mkdir fine');
    expect(ran.stdout).toBe('done\n');
    expect(ran.code).toBe(0);
    const blocked = ran.stderr.split('\n').filter((line) => line.includes('blocked'));
    expect(blocked).toHaveLength(1);
    expect(blocked[0]).toContain(`create ${world.project}/.vscode  3×  by mkdir`);
    expect(blocked[0]).toContain('an editor or debugger runs what it says');
    expect(ran.stderr).toContain('pinfold 1 refusal, 3 attempts · why: pinfold why b1');
  });

  test('a run without a refusal says nothing and logs none', async () => {
    const ran = await world.shell('mkdir allowed');
    expect(ran).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(records().map(({ kind }) => kind)).toEqual(['started', 'ended']);
  });

  test('the log on the host has the act, the program and the rule, in a chain that holds', async () => {
    await world.shell('mkdir .vscode; ln -s / .mcp.json; true');
    expect(verifyLog(join(lastSession(), 'events.jsonl')).kind).toBe('intact');
    const denials = records().flatMap(({ violation }) =>
      violation === undefined ? [] : [(violation as { denial: Record<string, unknown> }).denial],
    );
    expect(denials).toMatchObject([
      {
        act: 'create',
        subject: { kind: 'path', path: `${world.project}/.vscode` },
        actor: { program: expect.stringMatching(/\/mkdir$/) },
        rule: { category: 'host-run' },
        observer: 'supervisor',
        errno: 13,
      },
      { act: 'link', subject: { path: `${world.project}/.mcp.json` } },
    ]);
  });

  test('a process that lives is known with its command line and its parents', async () => {
    const script = 'echo x > .mcp.json; until [ -s "$PINFOLD_EVENTS" ]; do :; done';
    await world.inside(['sh', '-c', `sh -c '${script}' marker; true`]);
    const [first] = records().filter(({ kind }) => kind === 'violation');
    const { actor } = (first!.violation as { denial: { actor: Record<string, unknown> } }).denial;
    expect(actor).toMatchObject({
      command: ['sh', '-c', script, 'marker'],
      parents: [{ program: actor.program }],
    });
  });

  test('names that would harm a terminal are spelled out in log, stream and summary', async () => {
    const ran = await world.shell(
      'mkdir "$(printf "a\\033]0;t\\007\\342\\200\\256\\377")"; cd a*; mkdir .vscode; until [ -s "$PINFOLD_EVENTS" ]; do :; done; cat "$PINFOLD_EVENTS"',
    );
    const log = readFileSync(join(lastSession(), 'events.jsonl'), 'utf8');
    const said = ran.stderr.split('\n').find((line) => line.includes('blocked'))!;
    expect(said).toContain('a\\e]0;t\\x07\\u{202e}\\xff/.vscode');
    for (const text of [said, log.trimEnd().replaceAll('\n', ''), ran.stdout.trimEnd()]) {
      expect(text).toMatch(/^[\x20-\x7e\u00d7\u2717\u00b7]+$/);
    }
  });

  describe('the stream inside', () => {
    test('has a line for each refusal, that says to stop, what else to do, and who could grant it', async () => {
      const ran = await world.shell(
        'mkdir .vscode 2>&-; mkdir .vscode 2>&-; until [ -s "$PINFOLD_EVENTS" ]; do :; done; cat "$PINFOLD_EVENTS"',
      );
      expect(
        ran.stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ).toEqual([
        {
          version: 1,
          id: 'b1',
          act: 'create',
          subject: { kind: 'path', path: `${world.project}/.vscode` },
          rule: 'an editor or debugger runs what it says',
          retry: 'will_fail',
          instead: expect.stringContaining('ask the person'),
          grant: { by: 'human', command: `pinfold run --allow ${world.project}/.vscode -- COMMAND` },
        },
      ]);
    });

    test('is there and empty when nothing was refused', async () => {
      const ran = await world.shell('cat "$PINFOLD_EVENTS"; ls /run/pinfold');
      expect(ran.stdout).toBe('events.jsonl\ngit-template\n');
    });

    const READ_ONLY = 'Read-only file system';
    const ways: readonly (readonly [how: string, act: string, refusal: string])[] = [
      ['written', 'echo x >> "$PINFOLD_EVENTS"', READ_ONLY],
      ['cut', ': > "$PINFOLD_EVENTS"', READ_ONLY],
      ['removed', 'rm -f "$PINFOLD_EVENTS"', READ_ONLY],
      ['renamed', 'mv "$PINFOLD_EVENTS" /run/x', READ_ONLY],
      ['made writable', 'chmod 666 "$PINFOLD_EVENTS"', READ_ONLY],
      [
        'covered with another file',
        'touch /run/pinfold/new && mv /run/pinfold/new "$PINFOLD_EVENTS"',
        READ_ONLY,
      ],
      [
        'replaced with its directory',
        'mv /run/pinfold /run/away && mkdir /run/pinfold',
        'Device or resource busy',
      ],
      [
        'mounted over',
        'mount -t tmpfs none /run/pinfold',
        person.uid === 0 ? 'permission denied' : 'must be superuser',
      ],
    ];

    test.each(ways)('cannot be %s', async (_how, act, refusal) => {
      const ran = await world.shell(`mkdir .vscode 2>&-; ${act}`);
      expect(ran.code).not.toBe(0);
      expect(ran.stderr).toContain(refusal);
      // That a mount is refused is a line of its own.
      const [kept] = readFileSync(join(lastSession(), 'inside/events.jsonl'), 'utf8').split('\n');
      expect(JSON.parse(kept!)).toMatchObject({ id: 'b1', act: 'create' });
    });

    test('and what stops those acts is where it lies: a file of the session’s own /run takes them all', async () => {
      const own = 'mkdir -p /run/own; : > /run/own/events; PINFOLD_EVENTS=/run/own/events;';
      for (const act of ways.slice(0, 5)) {
        const ran = await world.shell(`${own} ${act[1]}`);
        expect({ act, code: ran.code }).toEqual({ act, code: 0 });
      }
    });

    test('is not the log, which is out of reach', async () => {
      const log = join(lastSession(), 'events.jsonl');
      const ran = await world.shell(`cat ${log}; grep -c previous "$PINFOLD_EVENTS"`, [
        '--mode',
        'permissive',
      ]);
      expect(ran.stdout).toBe('0\n');
      expect(ran.stderr).toContain('cat: ');
    });
  });

  test('a flood of refusals ends in a bounded log, and the other work of the sandbox goes on', async () => {
    const script =
      '(i=0; while [ $i -lt 1000 ]; do mkdir $i; mkdir $i/.vscode; i=$((i+1)); done 2>&-) & mkdir work; wait; echo finished';
    const ran = await world.shell(script);
    expect(ran.stdout).toBe('finished\n');
    const log = readFileSync(join(lastSession(), 'events.jsonl'));
    expect(log.length).toBeLessThan(3 * 1024 * 1024);
    expect(records().filter(({ kind }) => kind === 'violation').length).toBeLessThanOrEqual(500);
    expect(ran.stderr.split('\n').length).toBeLessThan(20);
  }, 180_000);

  describe('looking back', () => {
    test('violations, why and log say the same of a session, for people and machines', async () => {
      await world.shell('mkdir .vscode; mkdir .vscode; mkdir -p sub/.git/hooks');
      const shown = await world.pinfold(['violations']);
      expect(shown.code).toBe(0);
      expect(shown.stdout).toContain('2 refusals, 3 attempts');
      expect(shown.stdout).toContain(`pinfold blocked create ${world.project}/.vscode  2×  [b1]`);
      expect(shown.stdout).toContain(`pinfold run --allow ${world.project}/.vscode -- COMMAND   risk HIGH`);
      expect(shown.stdout).toContain('git init in $TMPDIR   no grant needed');

      const data = JSON.parse((await world.pinfold(['violations', '--json'])).stdout);
      expect(data).toMatchObject({ state: 'ended', dropped: 0 });
      expect(data.violations).toMatchObject([
        { id: 'b1', count: 2, act: 'create', risk: { level: 'high' } },
        { id: 'b2', count: 1, subject: { kind: 'path', path: expect.stringContaining('/sub/.git') } },
      ]);

      const why = await world.pinfold(['why', 'b1']);
      expect(why.stdout).toContain('an editor or debugger runs what it says (built-in: protected .vscode)');
      const because = JSON.parse((await world.pinfold(['why', 'b1', '--json', '-s', data.session])).stdout);
      expect(because.grant).toMatchObject({ kind: 'grant', flags: ['--allow', `${world.project}/.vscode`] });

      const log = await world.pinfold(['log']);
      expect(log.stdout.split('\n')[1]).toMatch(new RegExp(`^${data.session} .* exit \\d+ +2 \\(3×\\) `));
    });

    test('the grant that why proposes lets the same act pass, and only with it', async () => {
      await world.shell('mkdir .idea');
      const { grant } = JSON.parse((await world.pinfold(['why', 'b1', '--json'])).stdout);
      expect((await world.shell('mkdir .idea', grant.flags)).code).toBe(0);
      expect((await world.run(['rmdir', `${world.project}/.idea`])).code).toBe(0);
      expect(await world.shell('mkdir .idea')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('‘.idea’: Permission denied'),
      });
    });

    test('an id or a session that is not there is an error with what there is', async () => {
      await world.shell('mkdir .vscode');
      const wrong = await world.pinfold(['why', 'b9', '--json']);
      expect(wrong.code).toBe(125);
      expect(JSON.parse(wrong.stdout).error ?? JSON.parse(wrong.stdout)).toMatchObject({
        code: 'ERR_VIOLATION_UNKNOWN',
        why: expect.stringContaining('1 refusal, b1 to b1'),
      });
      expect((await world.pinfold(['violations', '-s', 'zzz'])).stderr).toContain('ERR_SESSION_UNKNOWN');
      const elsewhere = await world.pinfold(['violations'], { cwd: world.outside });
      expect(elsewhere.stderr).toContain('nothing was run in');
    });

    test('verify finds a log that was altered or cut, and says so with its exit code', async () => {
      await world.shell('mkdir .vscode');
      expect(await world.pinfold(['log', 'verify'])).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^\d+ logs checked, 0 broken\n$/),
      });
      const path = join(lastSession(), 'events.jsonl');
      const text = readFileSync(path, 'utf8');
      for (const [changed, why] of [
        [text.replace('.vscode', '.vscodf'), 'does not follow from the line before'],
        [text.split('\n').slice(0, -2).join('\n').concat('\n'), 'it ended with line 3'],
      ] as const) {
        writeFileSync(path, changed);
        const verified = await world.pinfold(['log', 'verify', basename(lastSession())]);
        expect([verified.code, verified.stdout]).toEqual([1, expect.stringContaining(why)]);
      }
      writeFileSync(path, text);
      expect((await world.pinfold(['log', 'verify'])).code).toBe(0);
    });

    test('a live session is followed in a second terminal, line by line, to its end', async () => {
      const child = world.startInside(['sh', '-c', 'mkdir .vscode; read x; mkdir .idea'], [], {
        input: null,
      });
      const ended = finished(child);
      await expect.poll(() => existsSync(lastSession()) && records().length).toBe(2);
      const follower = world.start([...pinfold(), 'violations', '--follow', '--json'], {});
      const lines: string[] = [];
      follower.stdout!.on('data', (chunk: Buffer) => lines.push(...chunk.toString().trimEnd().split('\n')));
      const followed = new Promise((resolve) => follower.once('close', resolve));
      await expect.poll(() => lines.length).toBe(1);
      child.stdin!.end('go\n');
      expect(await followed).toBe(0);
      await ended;
      expect(lines.map((line) => JSON.parse(line).id)).toEqual(['b1', 'b2']);
    });

    test('check finds nothing in the default, and a grant of credentials with exit code 1', async () => {
      const fine = await world.pinfold(['check']);
      expect(fine).toMatchObject({ code: 0, stdout: 'Nothing found.\n' });
      const found = await world.pinfold(['check', '--allow', '~/.ssh:ro', '--json']);
      expect(found.code).toBe(1);
      expect(JSON.parse(found.stdout)).toMatchObject([{ severity: 'danger', kind: 'credential' }]);
    });
  });
});

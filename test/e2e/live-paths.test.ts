/** Files and directories opened and closed while a session runs, by a mount that appears in it and goes again. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../fixtures/host-tree.ts';
import { library } from '../fixtures/library.ts';
import { finished, makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

interface Session {
  readonly id: string;
  readonly ended: Promise<Ran>;
  /** What a shell line inside says, in one line, with its exit code. */
  say(line: string): Promise<string>;
  log(): { readonly kind: string; readonly [key: string]: unknown }[];
}

const SHELL = 'while read -r line; do echo "$(eval "$line" 2>&1 | tr "\\n" " ")"; done';

/** Hidden places are a tripwire file system for one of them, and nothing at all for the other. */
const cases = people.map((person, index) => ({
  person,
  monitor: index === 0 ? 'acts' : 'full',
  label: person.label,
}));

describe.each(cases)('as $label, with monitor $monitor', ({ person, monitor }) => {
  let world: World;
  let data: string;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    world = await makeWorld(person);
    world.put(
      `${world.home}/.config/pinfold/settings.json`,
      `{ "sandbox": { "monitor": "${monitor}", "deniedPaths": ["~/data/private"] } }`,
    );
    data = `${world.home}/data`;
    world.put(`${data}/file`, 'content\n');
    world.put(`${data}/deep/er/file`, 'deeper\n');
    world.put(`${data}/private/key`, 'denied\n');
    world.put(`${world.home}/single`, 'alone\n');
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => world.dispose());

  const hidden = () => (monitor === 'full' ? world.hidden : 'ENOENT');
  const words = () => (hidden() === 'EACCES' ? 'Permission denied' : 'No such file or directory');
  const sessions = () => join(world.home, '.local/state/pinfold/sessions');

  async function open(flags: readonly string[] = []): Promise<Session> {
    const before = new Set(existsSync(sessions()) ? readdirSync(sessions()) : []);
    const child = world.startInside(['sh', '-c', `echo ready; ${SHELL}`], flags, { input: null });
    children.push(child);
    const ended = finished(child);
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const next = async (): Promise<string> => (await lines.next()).value ?? 'no more';
    expect(await next()).toBe('ready');
    const id = readdirSync(sessions()).find((name) => !before.has(name))!;
    await until(() => existsSync(join(sessions(), id, 'control')));
    const say = async (line: string) => {
      child.stdin!.write(`${line}\n`);
      return (await next()).trim();
    };
    return {
      id,
      ended,
      say,
      log: () =>
        readFileSync(join(sessions(), id, 'events.jsonl'), 'utf8')
          .trimEnd()
          .split('\n')
          .map((text) => JSON.parse(text)),
    };
  }

  const allow = (session: Session, path: string, ...flags: string[]) =>
    world.pinfold(['allow', path, '--session', session.id, ...flags]);
  const revoke = (session: Session, path: string) => world.pinfold(['revoke', path, '--session', session.id]);

  test('a directory is shown to a program that runs already, is read-only, and is hidden again', async () => {
    const session = await open();
    expect(await session.say(`cat ${data}/file`)).toContain(words());
    expect(await allow(session, data)).toMatchObject({ code: 0 });
    expect(await session.say(`cat ${data}/file ${data}/deep/er/file`)).toBe('content deeper');
    expect(await session.say(`ls ${data}; ls ${world.home}`)).toMatch(/deep file private.* data/);
    expect(await session.say(`echo x > ${data}/file; echo x > ${data}/new`)).toMatch(/(Read-only.*){2}/);
    expect(await revoke(session, data)).toMatchObject({ code: 0 });
    expect(await session.say(`cat ${data}/file`)).toContain(words());
    const kinds = session.log().filter(({ kind }) => kind.startsWith('grant'));
    expect(kinds).toMatchObject([
      { kind: 'grant', path: data, access: 'read', by: 'allow', lasts: 'session' },
      { kind: 'grant-ended', path: data, why: 'revoked' },
    ]);
  });

  test('a file alone is shown, and its neighbours are not', async () => {
    const session = await open();
    const path = `${world.home}/single`;
    expect(await session.say(`cat ${path}`)).toContain(words());
    expect(await allow(session, path, '--read')).toMatchObject({ code: 0 });
    expect(await session.say(`cat ${path}`)).toBe('alone');
    expect(await session.say(`cat ${data}/file`)).toContain(words());
    expect(await revoke(session, path)).toMatchObject({ code: 0 });
    expect(await session.say(`cat ${path}`)).toContain(words());
  });

  test('what was looked for before it existed is shown all the same', async () => {
    const session = await open();
    const late = `${world.home}/late/made`;
    expect(await session.say(`cat ${late}/file`)).toContain('No such file');
    world.put(`${late}/file`, 'late\n');
    expect(await allow(session, late)).toMatchObject({ code: 0 });
    expect(await session.say(`cat ${late}/file`)).toBe('late');
  });

  test('what is denied within stays closed, and is not opened by name', async () => {
    const session = await open();
    expect(await allow(session, data)).toMatchObject({ code: 0 });
    expect(await session.say(`cat ${data}/private/key`)).toContain('Permission denied');
    const refused = await allow(session, `${data}/private`);
    expect(refused).toMatchObject({ code: 125 });
    expect(refused.stderr).toContain('it is denied on purpose');
    expect(await session.say(`cat ${data}/private/key`)).toContain('Permission denied');
  });

  test('a grant for a time ends by itself, what is open then stays open', async () => {
    const session = await open();
    expect(await allow(session, data, '--for', '2s')).toMatchObject({ code: 0 });
    expect(await session.say(`exec 5< ${data}/file; cat ${data}/file`)).toBe('content');
    await until(() => session.log().some(({ kind, why }) => kind === 'grant-ended' && why === 'expired'));
    expect(await session.say(`cat ${data}/file`)).toContain(words());
  });

  test('what only the next run can show is refused, and says so', async () => {
    const session = await open();
    const refusals: [path: string, flags: string[], why: string][] = [
      [world.project, ['--write'], 'already'],
      [`${world.home}/absent`, [], 'nothing is there'],
      [world.home, [], 'the whole home directory'],
      ['/tmp/x', [], ''],
    ];
    for (const [path, flags, why] of refusals) {
      const answer = await allow(session, path, ...flags);
      expect(answer.stdout + answer.stderr).toContain(why);
    }
    expect((await allow(session, data, '--once')).stderr).toContain('--for 10m');
  });

  test('one session’s grant opens nothing in another', async () => {
    const one = await open();
    const other = await open();
    expect(await allow(one, data)).toMatchObject({ code: 0 });
    expect(await one.say(`cat ${data}/file`)).toBe('content');
    expect(await other.say(`cat ${data}/file`)).toContain(words());
  });

  test('a source that goes away leaves a session that runs, and can be closed', async () => {
    const session = await open();
    const gone = `${world.home}/gone`;
    world.put(`${gone}/file`, 'going\n');
    expect(await allow(session, gone)).toMatchObject({ code: 0 });
    rmSync(gone, { recursive: true });
    expect(await session.say(`cat ${gone}/file`)).toContain('No such file');
    expect(await revoke(session, gone)).toMatchObject({ code: 0 });
    expect(await session.say('echo on')).toBe('on');
  });
});

const both = people.flatMap((person) =>
  ['full', 'acts'].map((monitor) => ({ person, monitor, label: person.label })),
);

test.each(both)(
  'a program opens and closes paths in its own sandbox and leaves no mount, as $label with monitor $monitor',
  async ({ person, monitor }) => {
    const world = await makeWorld(person);
    try {
      world.put(
        `${world.home}/.config/pinfold/settings.json`,
        `{ "sandbox": { "monitor": "${monitor}", "deniedPaths": ["${world.root}/data/private"] } }`,
      );
      world.put(`${world.root}/data/file`, 'content\n');
      world.put(`${world.root}/data/private`, 'denied\n');
      world.put(`${world.root}/single`, 'alone\n');
      const program = `
        const sandbox = await createSandbox({ mode: 'strict', projectDir: ${JSON.stringify(world.project)} });
        const cat = async (path) => (await sandbox.run('cat', [path])).stdout;
        const mounts = async () => (await cat('/proc/self/mountinfo')).split('\\n').length;
        const [root, before] = [${JSON.stringify(world.root)}, await mounts()];
        const seen = [await cat(root + '/data/file'), await cat(root + '/single')];
        const granted = await sandbox.allow({ path: root + '/data', forMs: 60_000 });
        await sandbox.allow({ path: root + '/single' });
        seen.push(await cat(root + '/data/file'), await cat(root + '/single'), await cat(root + '/data/private'));
        for (let round = 0; round < 100; round += 1) {
          await sandbox.revoke({ path: root + '/data' });
          await sandbox.revoke({ path: root + '/single' });
          if (round === 0) seen.push(await cat(root + '/data/file'), await cat(root + '/single'));
          await sandbox.allow({ path: root + '/data' });
          await sandbox.allow({ path: root + '/single' });
        }
        const during = (await mounts()) - before;
        seen.push(await cat(root + '/data/file'), await cat(root + '/single'));
        await sandbox.revoke({ path: root + '/data' });
        await sandbox.revoke({ path: root + '/single' });
        const after = (await mounts()) - before;
        const codes = [];
        for (const wrong of [{ path: root + '/data/private' }, { path: root + '/absent' }, { path: root, once: true }])
          codes.push(await sandbox.allow(wrong).then(() => 'opened', ({ code }) => code));
        await sandbox.close();
        report({ seen, during, after, codes, state: granted.state, access: granted.access });`;
      expect(await library(world, program)).toEqual({
        seen: ['', '', 'content\n', 'alone\n', '', '', '', 'content\n', 'alone\n'],
        during: 3, // two, and the cover over what is denied
        after: 0,
        codes: ['ERR_GRANT_REFUSED', 'ERR_GRANT_REFUSED', 'ERR_GRANT_REFUSED'],
        state: 'opened',
        access: 'read',
      });
    } finally {
      world.dispose();
    }
  },
);

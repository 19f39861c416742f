/** Each refused act is one record, with the right path, process and rule; each allowed one is none. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { startWithDevice } from '../fixtures/fuse-device.ts';
import { type Act, finished, makeWorld, people, type World } from '../fixtures/world.ts';

/** F: a file, D: an empty directory, N: a name that is not there, L: a link to F, X: a program. Each act has its own. */
type Word = 'F' | 'D' | 'N' | 'L' | 'X';

interface Deed {
  readonly title: string;
  readonly act: Act;
  /** The act and the word of its record, where it is refused for what it does. */
  readonly told: readonly [act: string, on: Word];
}

const deed = (title: string, act: Act, ...told: Deed['told']): Deed => ({ title, act, told });

const CHANGES: readonly Deed[] = [
  deed('write to a file', ['write', 'F'], 'write', 'F'),
  deed('append to a file', ['append', 'F'], 'write', 'F'),
  deed('empty a file as it is opened', ['truncate-open', 'F'], 'write', 'F'),
  deed('empty a file', ['truncate', 'F'], 'write', 'F'),
  deed('open a file that might be new', ['create', 'F'], 'write', 'F'),
  deed('write through a link', ['write', 'L'], 'write', 'F'),
  deed('make a file', ['create', 'N'], 'create', 'N'),
  deed('make a file by creat', ['openat-creat', 'N'], 'create', 'N'),
  deed('make a file that must be new', ['create-excl', 'N'], 'create', 'N'),
  deed('make a directory', ['mkdir', 'N'], 'create', 'N'),
  deed('make a fifo', ['fifo', 'N'], 'create', 'N'),
  deed('make a node', ['node', 'N'], 'create', 'N'),
  deed('make a symbolic link', ['symlink', '/', 'N'], 'link', 'N'),
  deed('make a hard link', ['link', 'F', 'N'], 'link', 'N'),
  deed('rename a file', ['rename', 'F', 'N'], 'rename', 'N'),
  deed('rename a directory', ['rename', 'D', 'N'], 'rename', 'N'),
  deed('rename, but replace nothing', ['rename-noreplace', 'F', 'N'], 'rename', 'N'),
  deed('exchange two files', ['exchange', 'F', 'X'], 'rename', 'X'),
  deed('remove a file', ['unlink', 'F'], 'remove', 'F'),
  deed('remove a link', ['unlink', 'L'], 'remove', 'L'),
  deed('remove a directory', ['rmdir', 'D'], 'remove', 'D'),
  deed('change the mode of a file', ['chmod', 'F'], 'metadata', 'F'),
  deed('change the mode of a directory', ['chmod', 'D'], 'metadata', 'D'),
  deed('change the owner of a file', ['chown', 'F'], 'metadata', 'F'),
  deed('change the times of a file', ['utimes', 'F'], 'metadata', 'F'),
  deed('change the times of a directory', ['utimes', 'D'], 'metadata', 'D'),
  deed('change an attribute of a file', ['setxattr', 'F'], 'metadata', 'F'),
];
const LOOKS: readonly Deed[] = [
  deed('read a file', ['read', 'F'], 'read', 'F'),
  deed('look at a file', ['stat', 'F'], 'look-up', 'F'),
  deed('list a directory', ['list', 'D'], 'list', 'D'),
  deed('look at a directory', ['stat', 'D'], 'look-up', 'D'),
  deed('go into a directory', ['chdir', 'D'], 'look-up', 'D'),
  deed('execute a program', ['exec', 'X'], 'execute', 'X'),
];
const DEEDS = [...CHANGES, ...LOOKS];

interface Met {
  readonly answer: string;
  readonly told?: Deed['told'];
}

interface Ground {
  readonly title: string;
  readonly rule: 'setting' | 'host-run' | 'none';
  /** Of the rule, beneath the world's root. */
  readonly pattern?: string;
  /** Beneath the world's root, for the deed of this number. */
  readonly at: (word: Word, index: number) => string;
  readonly meets: (deed: Deed) => Met;
}

const allowed: Met = { answer: 'ok' };
const looks = (deed: Deed): boolean => LOOKS.includes(deed);
const makes = ({ told: [, on], title }: Deed): boolean => on === 'N' || title.startsWith('exchange');

function beneath(directory: string): Ground['at'] {
  return (word, index) => `${directory}/${index}/${word.toLowerCase()}`;
}

/** The kernel looks names up before it asks whether the mount may be written, but for these. */
const UNASKED = new Set(['rename', 'rename-noreplace', 'exchange', 'unlink', 'rmdir']);

function hidden({ act, told, title }: Deed): Met {
  const [name, first] = act;
  if (title.includes('hard link')) return { answer: 'EACCES', told: ['look-up', 'F'] };
  if (title.includes('read')) return { answer: 'EACCES', told: ['look-up', 'F'] };
  if (title.includes('through a link')) return { answer: 'EACCES', told: ['write', 'L'] };
  if (['look-up', 'list', 'execute'].includes(told[0])) return { answer: 'EACCES', told };
  // A directory may be walked through.
  const seen = !UNASKED.has(name) && (first === 'F' || first === 'X');
  return { answer: seen ? 'EACCES' : 'EROFS', told };
}

/** A mount over each name that is there; one that is not there may not be made. */
function mounted(deed: Deed): Met {
  if (deed.title === 'remove a link') return allowed;
  if (makes(deed)) return { answer: 'EACCES', told: deed.told };
  return { answer: deed.told[0] === 'remove' ? 'EBUSY' : 'EROFS', told: deed.told };
}

const GROUNDS: readonly Ground[] = [
  { title: 'hidden', rule: 'none', at: beneath('hidden'), meets: hidden },
  {
    title: 'beneath a denied directory',
    rule: 'setting',
    pattern: 'project/denied',
    at: beneath('project/denied'),
    meets: hidden,
  },
  {
    title: 'denied',
    rule: 'setting',
    pattern: 'project/closed-*',
    at: (word, index) => (word === 'L' ? `project/link-${index}` : `project/closed-${word}-${index}`),
    meets: (each) => {
      if (each.title.startsWith('look at')) return allowed;
      return looks(each) ? { answer: 'EACCES', told: each.told } : mounted(each);
    },
  },
  {
    title: 'read-only',
    rule: 'setting',
    pattern: 'fixed',
    at: beneath('fixed'),
    meets: (each) => (looks(each) ? allowed : { answer: 'EROFS', told: each.told }),
  },
  {
    title: 'protected',
    rule: 'host-run',
    at: (word, index) =>
      ({
        F: `project/has-${index}/.mcp.json`,
        D: `project/has-${index}/.vscode`,
        N: `project/lacks-${index}/.mcp.json`,
        L: `project/has-${index}/link`,
        X: `project/runs-${index}/.mcp.json`,
      })[word],
    meets: (each) => (looks(each) ? allowed : mounted(each)),
  },
  { title: 'open', rule: 'none', at: beneath('project/open'), meets: () => allowed },
];

/** What is not there is no record, wherever it is looked for: programs probe for files. In each ground. */
const ABSENT: readonly Act[] = ['read', 'stat', 'list', 'exec', 'write', 'truncate', 'chmod', 'utimes'].map(
  (name) => [name, 'absent'],
);

const TABLE = GROUNDS.flatMap((ground) =>
  DEEDS.map((each, index) => ({ ground, deed: each, index, title: `${each.title}, ${ground.title}` })),
);
type Row = (typeof TABLE)[number];

interface Record {
  readonly act: string;
  readonly count: number;
  readonly errno?: number;
  readonly subject: { readonly path?: string };
  readonly rule?: { readonly category: string; readonly pattern: string };
  readonly actor?: { readonly program?: string };
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let answers: readonly string[];
  let outside: readonly string[];
  let records: readonly Record[];

  const place = ({ ground, index }: Row, word: Word) => join(world.root, ground.at(word, index));
  const actOf = (row: Row): Act => {
    const [name, ...words] = row.deed.act;
    return [
      name,
      ...words.map((word) => (word.length === 1 && word !== '/' ? place(row, word as Word) : word)),
    ];
  };

  beforeAll(async () => {
    world = await makeWorld(person);
    for (const row of TABLE) {
      world.put(place(row, 'F'), 'text\n');
      world.put(place(row, 'X'), '#!/bin/sh\necho ok\n', 0o755);
      world.put(join(place(row, 'N'), '../beside'), '');
      symlinkSync(place(row, 'F'), place(row, 'L'));
    }
    await world.run(['mkdir', ...TABLE.map((row) => place(row, 'D'))]);
    const flags = [
      ...['--allow', `${world.root}/bin:ro`, '--allow', `${world.root}/fixed:ro`],
      ...['--deny', 'denied', '--deny', 'closed-*', '--json'],
    ];
    const acts = TABLE.map(actOf).flatMap((act, index) => (index === 0 ? [...act] : ['--', ...act]));
    const command = [...pinfold(), 'run', '--mode', 'strict', ...flags, '--', world.probe, ...acts];
    const child = startWithDevice(person, command, { cwd: world.project, env: world.env });
    child.stdin?.end();
    const ran = await finished(child);
    answers = ran.stdout.trimEnd().split('\n');
    const said = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1) ?? '') as { violations: Record[] };
    records = said.violations;
    // Last, since it changes what is there. What is allowed was done.
    outside = await world.probeOutside(TABLE.map(actOf));
  }, 120_000);
  afterAll(() => world.dispose());

  const without = (answer: string | undefined) => answer?.replace(/^ok:.*/, 'ok');

  test.each(TABLE)('$title', (row) => {
    const { answer, told } = row.ground.meets(row.deed);
    expect(without(answers[TABLE.indexOf(row)])).toBe(answer);
    const own = new Set(['F', 'D', 'N', 'L', 'X'].map((word) => place(row, word as Word)));
    const found = records.filter(({ subject }) => own.has(subject.path ?? ''));
    const { pattern } = row.ground;
    const rule =
      row.ground.rule === 'none'
        ? undefined
        : {
            category: row.ground.rule,
            ...(pattern !== undefined && { pattern: join(world.root, pattern) }),
          };
    const expected = told && {
      act: told[0],
      count: 1,
      subject: { path: place(row, told[1]) },
      actor: { program: world.probe },
      ...(rule && { rule }),
    };
    expect(found).toMatchObject(expected ? [expected] : []);
    if (!rule) for (const each of found) expect(each.rule).toBeUndefined();
    if (told) expect(without(outside[TABLE.indexOf(row)])).toBe('ok');
  });

  test('every kind of act is tried on every kind of ground', () => {
    const refused = TABLE.filter(({ ground, deed: each }) => ground.meets(each).told);
    expect(refused.length).toBeGreaterThan(100);
    const kinds = new Set(refused.map(({ deed: each }) => each.told[0]));
    const wanted = [
      'read',
      'list',
      'look-up',
      'write',
      'create',
      'rename',
      'link',
      'remove',
      'metadata',
      'execute',
    ];
    expect([...kinds].sort()).toEqual(wanted.sort());
  });

  test('what is not there is no record, wherever it is looked for', async () => {
    const places = ['hidden/0', 'project/denied/0', 'fixed/0', 'project/open/0', 'hidden/0/none'];
    const acts = places.flatMap((at) => ABSENT.map(([name]): Act => [name, join(world.root, at, 'absent')]));
    const grants = ['--allow', `${world.root}/bin:ro`, '--allow', `${world.root}/fixed:ro`];
    const flags = ['--mode', 'strict', ...grants, '--deny', 'denied', '--json'];
    const words = acts.flatMap((act, index) => (index === 0 ? [...act] : ['--', ...act]));
    const command = [...pinfold(), 'run', ...flags, '--', world.probe, ...words];
    const child = startWithDevice(person, command, { cwd: world.project, env: world.env });
    child.stdin?.end();
    const ran = await finished(child);
    expect(ran.stdout.trimEnd().split('\n')).toEqual(acts.map(() => 'ENOENT'));
    expect(await world.probeOutside(acts)).toEqual(acts.map(() => 'ENOENT'));
    expect(JSON.parse(ran.stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ violations: [] });
  });

  test('whom it connects to, sends to or asks for is one record each, and none where it may', async () => {
    const name = 'never.pinfold.test';
    const acts: Act[] = [
      ['tcp', '192.0.2.7', '81'],
      ['udp', '192.0.2.7', '82'],
      ['tcp6', '2001:db8::7', '83'],
      ['loopback-inside'],
      ['unix-listen', `${world.project}/own.sock`],
      ['socketpair'],
    ];
    const words = acts.flatMap((act, index) => (index === 0 ? [...act] : ['--', ...act]));
    const script = `"$@"; getent hosts ${name} || true`;
    const ran = await world.inside(
      ['sh', '-c', script, 'sh', world.probe, ...words],
      ['--allow', `${world.root}/bin:ro`, '--json'],
    );
    expect(ran.stdout.trimEnd().split('\n')).toEqual(['EACCES', 'EACCES', 'EACCES', 'ok', 'ok', 'ok']);
    const said = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1) ?? '') as { violations: Record[] };
    const by = (program: unknown) => ({ actor: { program } });
    expect(said.violations).toMatchObject([
      { act: 'connect', subject: { host: '192.0.2.7', port: 81 }, count: 1, ...by(world.probe) },
      { act: 'send', subject: { host: '192.0.2.7', port: 82 }, count: 1, ...by(world.probe) },
      { act: 'connect', subject: { host: '2001:db8::7', port: 83 }, count: 1, ...by(world.probe) },
      { act: 'resolve', subject: { host: name }, ...by(expect.stringMatching(/getent$/)) },
    ]);
    for (const each of said.violations) expect(each.rule).toBeUndefined();
  });

  test('there are no other records', () => {
    expect(records.length).toBe(TABLE.filter(({ ground, deed: each }) => ground.meets(each).told).length);
  });

  test('an act by descriptor, or by a path with links and dots in it, is told with the whole path', async () => {
    const fixed = join(world.root, 'fixed');
    world.put(`${fixed}/by/f`);
    world.put(`${fixed}/by/g`);
    world.put(`${fixed}/by/h`);
    symlinkSync(`${fixed}/by`, `${world.project}/way`);
    const acts: Act[] = [
      ['fchmod', `${fixed}/by/f`],
      ['futimens', `${world.project}/way/g`],
      ['unlink', `${world.project}/../fixed/./by//h`],
      ['create-at', `${world.project}/way`, 'new'],
      ['mkdir', '/proc/self/cwd/way/made/'],
    ];
    const words = acts.flatMap((act, index) => (index === 0 ? [...act] : ['--', ...act]));
    const ran = await world.inside(
      [world.probe, ...words],
      ['--allow', `${world.root}/bin:ro`, '--allow', `${fixed}:ro`, '--json'],
    );
    expect(ran.stdout).toBe('EROFS\n'.repeat(acts.length));
    const said = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1) ?? '') as { violations: Record[] };
    const told = said.violations.map(({ act, count, errno, subject }) => [act, count, errno, subject.path]);
    expect(told).toEqual([
      ['metadata', 1, 30, `${fixed}/by/f`],
      ['metadata', 1, 30, `${fixed}/by/g`],
      ['remove', 1, 30, `${fixed}/by/h`],
      ['create', 1, 30, `${fixed}/by/new`],
      ['create', 1, 30, `${fixed}/by/made`],
    ]);
  });
});

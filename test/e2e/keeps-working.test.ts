/** Rows of what must keep working, by their ids: the same work prints the same, outside and inside, in each mode. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAILY_WORK } from '../fixtures/daily-work.ts';
import { holdNamespaces } from '../fixtures/held-namespaces.ts';
import { MODES } from '../fixtures/service-attacks.ts';
import { onTerminal, type Step, sandboxed } from '../fixtures/terminal.ts';
import { finished, gitRepository, makeWorld, people, type Ran, type World } from '../fixtures/world.ts';

/** Each row in a directory of its own, with its output and code between marks. */
const ALL = `for row in "$0"/*.sh; do
name=\${row##*/}; case $name in *.project.sh) ;; *) mkdir work; cd work ;; esac
echo "@@ $name"; sh "$row" </dev/null; echo "@= $?"
case $name in *.project.sh) ;; *) cd ..; rm -rf work ;; esac; done`;
/** 300 repositories without a commit. */
const NESTED = `
import os
for n in range(1, 301):
    os.makedirs('n%d/.git/objects' % n)
    os.mkdir('n%d/.git/refs' % n)
    open('n%d/.git/HEAD' % n, 'w').write('ref: refs/heads/main')`;
const MEBIBYTES = 100;

/** By the row's file name: what it printed, and how it ended. */
function taken(ran: Ran): Map<string, { readonly prints: string; readonly code: number }> {
  const parts = ran.stdout.matchAll(/^@@ (\S+?)(?:\.project)?\.sh\n([\s\S]*?)^@= (\d+)$/gm);
  return new Map([...parts].map(([, id, prints, code]) => [id!, { prints: prints!, code: Number(code) }]));
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let rows: string;
  beforeAll(async () => {
    world = await makeWorld(person);
    rows = join(world.root, 'rows');
    for (const { id, script, place } of DAILY_WORK)
      world.put(join(rows, `${id}${place === 'project' ? '.project' : ''}.sh`), script);
    mkdirSync(join(world.root, 'temporary'));
    chmodSync(join(world.root, 'temporary'), 0o1777);
  });
  afterAll(() => world.dispose());

  const all = () => ['sh', '-c', ALL, rows];

  describe('outside', () => {
    let outside: ReturnType<typeof taken>;
    beforeAll(async () => {
      outside = taken(await world.run(all(), { env: { TMPDIR: join(world.root, 'temporary') } }));
    }, 120_000);

    test.each(DAILY_WORK)('$id: $what', ({ id, prints }) => {
      expect(outside.get(id)).toEqual({ prints, code: 0 });
    });
  });

  describe.each(MODES)('in %s', (mode) => {
    let inside: ReturnType<typeof taken>;
    let ran: Ran;
    beforeAll(async () => {
      ran = await world.inside(all(), ['--mode', mode, '--allow', `${rows}:ro`]);
      inside = taken(ran);
    }, 120_000);
    const started = (argv: readonly string[], cwd: string) => world.inside(argv, ['--mode', mode], { cwd });

    test.each(DAILY_WORK)('$id: $what', ({ id, prints, inside: otherwise }) => {
      expect(inside.get(id), ran.stderr).toEqual({ prints: otherwise ?? prints, code: 0 });
    });

    test('Z-01: nothing is different to git afterwards', async () => {
      expect((await world.run(['git', 'status', '--porcelain'])).stdout).toBe('');
    });

    test('Z-11: Ctrl-Z, fg and a new size reach what runs on a terminal', async () => {
      const steps: Step[] = [
        { expect: '\\$ ' },
        { send: 'sh -c "echo g""o; exec cat"\n' },
        { expect: 'go\r' },
        { send: '\x1a' },
        { expect: 'Stopped' },
        { resize: [33, 77] },
        { send: 'stty size; fg\n' },
        { expect: '33 77' },
        { expect: 'exec cat' },
        { send: 'two\n' },
        { expect: 'two[\\s\\S]*two' },
        { send: '\x04' },
        { send: 'exit 4\n' },
      ];
      const screen = await onTerminal(world, sandboxed(['bash', '--norc', '-i'], ['--mode', mode]), steps);
      expect([screen.failedAt, screen.code, screen.modesKept], screen.transcript).toEqual([
        undefined,
        4,
        true,
      ]);
    });

    test('Z-12: a checkout is reached by a link', async () => {
      const link = join(world.root, `linked-${mode}`);
      symlinkSync(world.project, link);
      const inLink = await started(['sh', '-c', 'pwd -P; echo x > made; cat made; rm made'], link);
      expect([inLink.code, inLink.stdout], inLink.stderr).toEqual([0, `${world.project}\nx\n`]);
    });

    test('Z-13: worktrees, submodules and many repositories in one are projects like others', async () => {
      const many = join(world.root, `many-${mode}`);
      world.put(join(many, 'README'), 'x\n');
      await gitRepository(world, many);
      const made = [
        'git worktree add -q ../tree-$0 -b topic',
        'git -c protocol.file.allow=always submodule --quiet add ./ sub && git commit -qm Sub',
      ].join(' && ');
      expect(await world.run(['sh', '-c', made, mode], { cwd: many })).toMatchObject({ code: 0 });
      expect((await world.run(['python3', '-c', NESTED], { cwd: many })).code).toBe(0);
      const commit =
        'echo y > y && git add y && git commit -qm Mine && git log --format=%s -1 && git status --porcelain -uno';
      for (const place of [many, join(many, 'sub'), join(world.root, `tree-${mode}`)]) {
        const committed = await started(['sh', '-c', commit], place);
        expect([committed.code, committed.stdout], committed.stderr).toEqual([0, 'Mine\n']);
      }
      const nested = await started(
        ['sh', '-c', 'for n in 1 150 300; do git -C n$n status --porcelain && echo $n; done'],
        many,
      );
      expect(nested.stdout).toBe('1\n150\n300\n');
    });

    test('Z-14: one sandbox starts while another ends, and both do their work', async () => {
      const script = 'echo up; read word; echo "$word" > "$0" && cat "$0" && rm "$0"';
      const start = (name: string) => {
        const child = world.startInside(['sh', '-c', script, name], ['--mode', mode], { input: null });
        return { child, ended: finished(child), up: once(child.stdout!, 'data') };
      };
      let before = start('turn-0');
      for (let turn = 1; turn <= 3; turn += 1) {
        await before.up;
        const next = start(`turn-${turn}`);
        before.child.stdin!.end('word\n');
        expect(await before.ended).toMatchObject({ code: 0, stdout: 'up\nword\n' });
        before = next;
      }
      before.child.stdin!.end('last\n');
      expect(await before.ended).toMatchObject({ code: 0, stdout: 'up\nlast\n' });
    });

    test('Z-15: every kind of input arrives, and a hundred mebibytes pass unchanged', async () => {
      const bytes = randomBytes(MEBIBYTES << 20);
      const digest = createHash('sha256').update(bytes).digest('hex');
      const file = world.put(join(world.root, 'bytes'));
      const copied = `head -c ${bytes.length} > "$0"`;
      await world.run(['sh', '-c', copied, file], { input: bytes });
      const words = sandboxed(['cat'], ['--mode', mode]);
      const line = '"$@" < "$0" | sha256sum; "$@" < /dev/null | wc -c; : | "$@" | wc -c; "$@" <&- | wc -c';
      const passed = await world.run(['bash', '-c', line, file, ...words]);
      expect(passed.stdout.split('\n').map((each) => each.split(' ')[0])).toEqual([
        digest,
        '0',
        '0',
        '0',
        '',
      ]);
      const screen = await onTerminal(world, words, [
        { send: 'typed\n' },
        { expect: 'typed[\\s\\S]*typed' },
        { send: '\x04' },
      ]);
      expect([screen.failedAt, screen.code]).toEqual([undefined, 0]);
    });
  });

  test.each([
    ['a file system of its own', 'own', 'mount -t tmpfs -o mode=1777 tmpfs "$1"'],
    [
      'an overlay',
      'overlay',
      'mount -t tmpfs -o mode=1777 tmpfs /mnt; mkdir -m 1777 /mnt/lower /mnt/upper /mnt/work; mount -t overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work overlay "$1"',
    ],
  ])('Z-12: in each mode a project on %s', async (_what, name, mount) => {
    const place = join(world.root, `mounted-${name}`);
    mkdirSync(place);
    const host = await holdNamespaces(`ip link set lo up\n${mount}`, place);
    try {
      const there = await makeWorld(person, host.pid!);
      const made =
        'mkdir "$0" && cd "$0" && git init -q && echo x > f && git add f && git commit -qm New && cat f';
      // The directory is only there where the mount is.
      const at = (directory: string, mode: string, script: string) =>
        there.run([
          'sh',
          '-c',
          'cd "$0" && exec "$@"',
          directory,
          ...sandboxed(['sh', '-c', script], ['--mode', mode]),
        ]);
      for (const mode of MODES) {
        const project = join(place, mode);
        expect((await there.run(['mkdir', '-p', join(project, '.pinfold')])).code).toBe(0);
        const work = 'mkdir d && echo x > d/f && mv d e && ln e/f g && cat e/f g && rm -r e g';
        const done = await at(project, mode, work);
        expect([done.code, done.stdout], done.stderr).toEqual([0, 'x\nx\n']);
        expect((await there.run(['sh', '-c', made, join(project, 'git')])).stdout).toBe('x\n');
        const commit = 'echo y > f && git commit -qam Mine && git log --format=%s';
        const committed = await at(join(project, 'git'), mode, commit);
        expect([committed.code, committed.stdout], committed.stderr).toEqual([0, 'Mine\nNew\n']);
      }
      there.dispose();
    } finally {
      host.stdin!.end();
    }
  });
});

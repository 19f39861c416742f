/** Hosts without namespaces: the boundary of Landlock and seccomp alone, where a person accepts what that cannot give. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { pinfold } from '../fixtures/as-user.ts';
import { alive, childrenOf, processesWith, treeOf, until } from '../fixtures/host-tree.ts';
import { libraryPath } from '../fixtures/library.ts';
import {
  type Act,
  CANARY,
  compileFixture,
  finished,
  makeWorld,
  people,
  type Ran,
  type World,
} from '../fixtures/world.ts';

/** In a user namespace of its own a person may set this limit for whoever is in it. */
const LIMITED = [
  'unshare',
  '-Urm',
  'sh',
  '-c',
  'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
  'sh',
];

const SERVERS = `
import socket, sys
directory, name = sys.argv[1:]
kept = []
for kind, at in ((socket.SOCK_STREAM, directory + '/stream'), (socket.SOCK_DGRAM, directory + '/datagram'), (socket.SOCK_STREAM, '\\0' + name)):
    one = socket.socket(socket.AF_UNIX, kind); one.bind(at); kept.append(one)
    if kind == socket.SOCK_STREAM: one.listen(8)
tcp = socket.socket(); tcp.bind(('127.0.0.1', 0)); tcp.listen(8)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(('127.0.0.1', 0))
print(tcp.getsockname()[1], udp.getsockname()[1], flush=True)
sys.stdin.read()
`;

describe.each(people)('as $label', (person) => {
  describe('under a filter that refuses namespaces, as containers have it', () => {
    let world: World;
    let filter = '';
    let victim: ChildProcess;
    let server: ChildProcess;
    let ports: string[] = [];
    const name = `pinfold-tier-${process.pid}-${person.uid}`;
    beforeAll(async () => {
      world = await makeWorld(person);
      filter = join(world.root, 'bin/refuse-namespaces');
      copyFileSync(await compileFixture('refuse-namespaces'), filter);
      chmodSync(filter, 0o755);
      victim = world.start(['sleep', '600']);
      server = world.start(['python3', '-c', SERVERS, world.outside, name], { input: null });
      ports = String((await once(server.stdout!, 'data'))[0])
        .trim()
        .split(' ');
      world.put(join(world.project, '.env'), 'SECRET=1\n');
      world.put(join(world.project, 'secrets/key'), 'secret\n');
      world.put(join(world.project, '.git/hooks/pre-commit'), '#!/bin/sh\n', 0o755);
    });
    afterAll(() => {
      victim.kill('SIGKILL');
      server.kill('SIGKILL');
      world.dispose();
    });

    const EPERM = '1';
    const hindered = (): readonly string[] => [filter, EPERM];
    const words = (argv: readonly string[], flags: readonly string[]): string[] => {
      const mode = flags.includes('--mode') ? [] : ['--mode', 'strict'];
      return [...pinfold(), 'run', '--accept-weaker', ...mode, ...flags, '--', ...argv];
    };
    const inside = (argv: readonly string[], flags: readonly string[] = []): Promise<Ran> =>
      world.run([...hindered(), ...words(argv, flags)]);
    const probe = async (acts: readonly Act[], flags: readonly string[] = []): Promise<string[]> => {
      const separated = acts.flatMap((act, index) => (index === 0 ? [...act] : ['--', ...act]));
      const ran = await inside([world.probe, ...separated], ['--allow', `${world.root}/bin:ro`, ...flags]);
      expect(ran.code, ran.stderr).toBe(0);
      return ran.stdout.trimEnd().split('\n');
    };

    test('it runs, exits as the command does, and says what is missing in every place', async () => {
      const ran = await inside(['sh', '-c', 'cat README; exit 7'], ['--json']);
      expect(ran).toMatchObject({ code: 7, stdout: 'a project\n' });
      const { weaker, enforcement } = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1)!);
      expect(weaker.guarantees.map(({ id }: { id: string }) => id)).toEqual([
        'hidden-names',
        'read-only-modes',
        'process-numbers',
      ]);
      expect(weaker.fix).toMatch(/sudo sysctl|Start the container/);
      const states = Object.fromEntries(
        enforcement.map(({ mechanism, state }: { mechanism: string; state: string }) => [mechanism, state]),
      );
      expect(states).toMatchObject({
        'user-namespace': 'none',
        'mount-namespace': 'none',
        'pid-namespace': 'none',
        'no-new-privileges': 'full',
        landlock: 'full',
        seccomp: 'full',
      });
      const plain = await inside(['true']);
      expect(plain.code).toBe(0);
      for (const { claim } of weaker.guarantees) expect(plain.stderr).toContain(`not given: ${claim}`);
      const log = await world.pinfold(['log', '--json']);
      expect(log.code).toBe(0);
      const id = JSON.parse(ran.stderr.trimEnd().split('\n').at(-1)!).session;
      const session = join(world.home, '.local/state/pinfold/sessions', id);
      expect(readFileSync(join(session, 'events.jsonl'), 'utf8')).toContain('"kind":"weaker"');
      expect(JSON.parse(readFileSync(join(session, 'session.json'), 'utf8')).weaker.guarantees).toEqual(
        weaker.guarantees,
      );
    });

    test('it runs in the same way where the limit of user namespaces is zero', async () => {
      const acts = [
        world.probe,
        'read',
        `${world.outside}/canary`,
        '--',
        'kill',
        String(victim.pid),
        '0',
        '--',
        'read',
        'src/main.txt',
      ];
      const ran = await world.run([
        ...LIMITED,
        ...words(acts, ['--allow', `${world.root}/bin:ro`, '--json']),
      ]);
      expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: 'EACCES\nEPERM\nok:main\n' });
      expect(JSON.parse(ran.stderr.trimEnd().split('\n').at(-1)!).weaker.why).toContain(
        'user.max_user_namespaces is 0',
      );
    });

    test('without the flag it is refused, each missing guarantee named, and nothing is run', async () => {
      const mark = join(world.project, 'was-run');
      const ran = await world.run([...hindered(), ...pinfold(), 'run', '--', 'touch', mark]);
      expect(ran).toMatchObject({ code: 125, stdout: '' });
      expect(ran.stderr).toContain('whether a hidden file of a known name exists');
      expect(ran.stderr).toContain('--accept-weaker');
      expect(existsSync(mark)).toBe(false);
      expect((await world.run([...hindered(), 'touch', mark])).code).toBe(0);
      expect((await world.run(['rm', mark])).code).toBe(0);
    });

    test('a program gets a sandbox only where it accepts what is missing, and its commands work', async () => {
      const program = (options: string): string => `
        import { createSandbox } from ${JSON.stringify(libraryPath())};
        try {
          const sandbox = await createSandbox({ mode: 'strict', ${options} });
          const first = await sandbox.run('cat', ['README']);
          const second = await sandbox.run('cat', [${JSON.stringify(`${world.outside}/canary`)}]);
          const { state: host } = await sandbox.allow({ host: 'example.com' });
          const { weaker } = sandbox.status;
          await sandbox.close();
          console.log(JSON.stringify([first.stdout, second.exitCode, second.stderr, host, weaker.guarantees.length]));
        } catch ({ code, details }) { console.log(JSON.stringify([code, details.length])); }`;
      const run = async (options: string): Promise<unknown[]> => {
        const path = world.put(join(world.root, `programs/${options.length}.mjs`), program(options));
        const ran = await world.run([...hindered(), world.node, path]);
        return JSON.parse(ran.stdout);
      };
      expect(await run('')).toEqual(['ERR_NAMESPACES_UNAVAILABLE', 4]);
      expect(await run('unsafeAcceptWeaker: true')).toEqual([
        readFileSync(join(world.project, 'README'), 'utf8'),
        1,
        expect.stringContaining('Permission denied'),
        'opened',
        3,
      ]);
    });

    test('a plan that is only shown is the one that would be run', async () => {
      const ran = await world.run([...hindered(), ...pinfold(), 'run', '--dry-run', '--json', '--', 'true']);
      expect(ran.code, ran.stderr).toBe(0);
      const { plan, weaker } = JSON.parse(ran.stdout);
      expect(plan).toMatchObject({ namespaces: 0, mounts: [] });
      expect(weaker.guarantees.length).toBeGreaterThan(0);
      const usual = await world.run([...pinfold(), 'run', '--dry-run', '--json', '--', 'true']);
      expect(JSON.parse(usual.stdout)).not.toHaveProperty('weaker');
    });

    test('what the policy hides cannot be read, listed, written, made or linked', async () => {
      const { home, outside, project } = world;
      const acts: Act[] = [
        ['read', `${outside}/canary`],
        ['openat2', `${outside}/canary`],
        ['read', `${home}/.ssh/id_ed25519`],
        ['list', `${home}/.ssh`],
        ['list', home],
        ['list', '/tmp'],
        ['list', '/'],
        ['append', `${home}/.bashrc`],
        ['create', `${outside}/made`],
        ['create-at', outside, 'made'],
        ['create-in', outside, 'made'],
        ['truncate', `${outside}/canary`],
        ['truncate-open', `${outside}/canary`],
        ['reopen-opath', `${outside}/canary`],
        ['mkdir', `${outside}/made`],
        ['unlink', `${outside}/canary`],
        ['exec', `${outside}/canary`],
        ['create', `/tmp/${name}`],
        ['read', '/etc/shadow'],
        ['append', '/etc/passwd'],
      ];
      const before = treeOf(outside);
      expect(await probe(acts)).toEqual(acts.map(([act]) => (act === 'openat2' ? 'ENOSYS' : 'EACCES')));
      // Between directories Landlock answers EXDEV where moving would give more than there was.
      for (const answer of await probe([
        ['link', `${outside}/canary`, `${project}/src/linked`],
        ['rename', `${outside}/canary`, `${project}/src/moved`],
        ['rename', `${project}/src/main.txt`, `${outside}/moved`],
      ]))
        expect(['EXDEV', 'EACCES']).toContain(answer);
      expect(treeOf(outside)).toEqual(before);
      expect(
        await world.probeOutside([
          ['read', `${outside}/canary`],
          ['read', `${home}/.ssh/id_ed25519`],
          ['list', home],
        ]),
      ).toEqual([`ok:${CANARY}`, `ok:${CANARY}`, expect.stringMatching(/^ok/)]);
    });

    test('a link in the project leads nowhere that is hidden', async () => {
      world.put(join(world.project, 'links/README'));
      expect(
        (await world.run(['ln', '-s', `${world.outside}/canary`, join(world.project, 'links/out')])).code,
      ).toBe(0);
      expect((await world.run(['ln', '-s', world.outside, join(world.project, 'outwards')])).code).toBe(0);
      expect(
        await probe([
          ['read', 'links/out'],
          ['append', 'links/out'],
          ['read', 'outwards/canary'],
          ['create', 'outwards/made'],
        ]),
      ).toEqual(['EACCES', 'EACCES', 'EACCES', 'EACCES']);
      expect(await world.probeOutside([['read', 'links/out']])).toEqual([`ok:${CANARY}`]);
    });

    test('the project is written where nothing in it is protected', async () => {
      const script =
        'echo changed > README && echo new > src/new && mkdir -p src/deep/er && mv src/new src/deep/er/moved && ' +
        'cat src/deep/er/moved && rm -r src/deep && echo t > "$TMPDIR/t" && cat "$TMPDIR/t" && echo h > "$HOME/h" && cat "$HOME/h"';
      expect(await inside(['sh', '-c', script])).toMatchObject({ code: 0, stdout: 'new\nt\nh\n' });
      expect(readFileSync(join(world.project, 'README'), 'utf8')).toBe('changed\n');
    });

    test('the private temporary directory is gone when the session has ended', async () => {
      const ran = await inside(['sh', '-c', 'mkdir "$TMPDIR/d" && echo "$TMPDIR"']);
      expect(ran.code).toBe(0);
      expect(existsSync(ran.stdout.trim())).toBe(false);
    });

    test('what the host runs by itself stays as it is, and absent names of it stay absent', async () => {
      const { project } = world;
      const before = treeOf(join(project, '.git'));
      const acts: Act[] = [
        ['append', '.git/config'],
        ['unlink', '.git/config'],
        ['truncate', '.git/config'],
        ['rename', '.git/config', '.git/objects/config'],
        ['append', '.git/hooks/pre-commit'],
        ['unlink', '.git/hooks/pre-commit'],
        ['create', '.git/hooks/post-commit'],
        ['rename', '.git/hooks', '.git/objects/hooks'],
        ['mkdir', '.git/hooks/made'],
        ['rename', '.git', 'src/git'],
        ['mkdir', '.vscode'],
        ['create', '.mcp.json'],
        ['create', 'src/.envrc'],
      ];
      for (const [index, answer] of (await probe(acts)).entries())
        expect([acts[index], answer]).toEqual([acts[index], expect.stringMatching(/^(EACCES|EXDEV)$/)]);
      expect(treeOf(join(project, '.git'))).toEqual(before);
      expect(existsSync(join(project, '.vscode')) || existsSync(join(project, 'src/.envrc'))).toBe(false);
      expect(
        await world.probeOutside([
          ['append', '.git/hooks/pre-commit'],
          ['create', 'src/.envrc'],
        ]),
      ).toEqual(['ok', 'ok']);
      expect((await world.run(['rm', join(project, 'src/.envrc')])).code).toBe(0);
    });

    test('what is denied in the project cannot be read, nor moved away to be', async () => {
      const flags = ['--deny', 'secrets', '--deny', '**/.env'];
      expect(
        await probe(
          [
            ['read', '.env'],
            ['read', 'secrets/key'],
            ['append', '.env'],
            ['unlink', 'secrets/key'],
            ['create', 'secrets/more'],
            ['rename', 'secrets', 'src/s'],
            ['link', '.env', 'src/env'],
            ['read', 'README'],
            ['read', 'src/main.txt'],
          ],
          flags,
        ),
      ).toEqual([
        ...Array(5).fill('EACCES'),
        expect.stringMatching(/^(EACCES|EXDEV)$/),
        expect.stringMatching(/^(EACCES|EXDEV)$/),
        expect.stringMatching(/^ok/),
        'ok:main',
      ]);
      const ran = await inside(['true'], flags);
      expect(ran.stderr).toContain('not given: the names in denied directories can be listed');
      expect(
        await probe([
          ['read', '.env'],
          ['read', 'secrets/key'],
        ]),
      ).toEqual(['ok:SECRET=1', 'ok:secret']);
    });

    test('modes, owners, dates and attributes cannot be changed by path, inside or out', async () => {
      const canary = `${world.outside}/canary`;
      const before = lstatSync(canary);
      const acts: Act[] = [
        ['chmod', canary],
        ['chmod-opath', canary],
        ['chown', canary],
        ['utimes', canary],
        ['utimens-low', canary],
        ['setxattr', canary],
        ['chmod', 'src/main.txt'],
      ];
      expect(await probe(acts)).toEqual(acts.map(() => 'EPERM'));
      expect(
        await probe([
          ['getxattr', canary],
          ['fchmod', canary],
        ]),
      ).toEqual(['EOPNOTSUPP', 'EACCES']);
      const after = lstatSync(canary);
      expect([after.mode, after.mtimeMs, after.ctimeMs]).toEqual([
        before.mode,
        before.mtimeMs,
        before.ctimeMs,
      ]);
      expect(await world.probeOutside(acts.filter(([act]) => act !== 'setxattr'))).toEqual(
        acts.slice(1).map(() => 'ok'),
      );
      chmodSync(canary, 0o644);
    });

    test('hidden places cannot be watched', async () => {
      expect(await probe([['watch', world.home]])).toEqual(['EPERM']);
      expect(await world.probeOutside([['watch', world.home]])).toEqual([expect.stringMatching(/^ok/)]);
    });

    test('host processes cannot be signalled, opened, traced, read or slowed', async () => {
      const pid = String(victim.pid);
      const acts: Act[] = [
        ['kill', pid, '0'],
        ['kill', pid, '15'],
        ['kill', String(process.pid), '0'],
        ['pidfd-open', pid],
        ['limit-of', pid],
        ['priority-of', pid],
        ['affinity-of', pid],
        ['ptrace-parent'],
        ['process_vm_readv'],
      ];
      expect(await probe(acts)).toEqual(acts.map(() => 'EPERM'));
      const files: Act[] = ['cmdline', 'environ', 'status', 'mem'].map((file) => [
        'read',
        `/proc/${pid}/${file}`,
      ]);
      expect(await probe([...files, ['list', '/proc']])).toEqual([...files, 0].map(() => 'EACCES'));
      expect(alive(victim.pid!)).toBe(true);
      const controls: Act[] = [acts[0]!, acts[3]!, acts[6]!, acts[5]!, acts[4]!, files[0]!];
      for (const answer of await world.probeOutside(controls)) expect(answer).toMatch(/^ok/);
    });

    test('a signal to everyone reaches no host process', async () => {
      const ran = await inside(['sh', '-c', 'sleep 60 & kill -TERM -1; wait $!; echo $?'], []);
      expect(ran).toMatchObject({ code: 0, stdout: '143\n' });
      expect(alive(victim.pid!)).toBe(true);
    });

    test('nothing inside reaches init, on which all of it hangs', async () => {
      const ran = await inside([
        'sh',
        '-c',
        'kill -9 $PPID; echo $?; kill -STOP $PPID; echo $?; sleep 60 & kill $!; wait $!; echo $?',
      ]);
      expect(ran).toMatchObject({ code: 0, stdout: '1\n1\n143\n' });
      expect(ran.stderr).toContain('Operation not permitted');
    });

    test('no capability and no privilege is left', async () => {
      const [status] = await probe([['setuid-zero']]);
      // Uid 0 may stay uid 0.
      expect(['EPERM', 'ok']).toContain(status);
      const acts: Act[] = [
        ['mount'],
        ['unshare-user'],
        ['unshare-mount'],
        ['clone-newuser'],
        ['chroot'],
        ['bpf'],
        ['setns'],
      ];
      for (const answer of await probe(acts)) expect(answer).toMatch(/^(EPERM|EACCES)$/);
      expect(await probe([['io_uring_setup'], ['clone3'], ['device', 'src/device']])).toEqual([
        'ENOSYS',
        'ENOSYS',
        'EACCES',
      ]);
    });

    test('no network: no connection leads out, no socket of another family, none that is named by path or abstractly', async () => {
      const [tcp = '', udp = ''] = ports;
      expect(
        await probe([
          ['tcp', '127.0.0.1', tcp],
          ['tcp6', '::1', tcp],
          ['tcp-fast-open', '127.0.0.1', tcp],
        ]),
      ).toEqual(['ECONNREFUSED', 'ECONNREFUSED', 'EOPNOTSUPP']);
      const acts: Act[] = [
        ['mptcp', '127.0.0.1', tcp],
        ['udp', '127.0.0.1', udp],
        ['udp-sendmmsg', '127.0.0.1', udp],
        ['raw-icmp'],
        ['loopback-inside'],
        ['unix-stream', `${world.outside}/stream`],
        ['unix-datagram', `${world.outside}/datagram`],
        ['pair-to', `${world.outside}/datagram`],
        ['unix-stream', `@${name}`],
        ['bind-abstract', `${name}-squatted`],
        ['unix-listen', 'src/made.sock'],
      ];
      expect(await probe(acts)).toEqual(acts.map(() => 'EPERM'));
      expect(
        await probe([['family', '16', '3'], ['family', '17', '3'], ['family', '40', '1'], ['socketpair']]),
      ).toEqual(['EAFNOSUPPORT', 'EAFNOSUPPORT', 'EAFNOSUPPORT', 'ok']);
      const controls: Act[] = [
        ['tcp', '127.0.0.1', tcp],
        ...[1, 2, 4, 5, 6, 7, 8, 9].map((index) => acts[index]!),
      ];
      expect(await world.probeOutside(controls)).toEqual(controls.map(() => 'ok'));
    });

    test('objects that a user shares on the host are out of reach', async () => {
      expect(await probe([['shared-memory'], ['queue'], ['create', '/dev/shm/pinfold-probe']])).toEqual([
        'ENOSYS',
        'ENOSYS',
        'EACCES',
      ]);
      expect((await world.probeOutside([['queue']]))[0]).toBe('ok');
    });

    describe('its end', () => {
      let marker = '';
      let count = 0;
      beforeEach(() => {
        count += 1;
        marker = `${world.root}/marked-${count}-`;
      });
      const DAEMONS =
        'echo ready; (setsid sh -c "(setsid sh -c \\"while :; do sleep 0.1; done\\" $0 &) ; while :; do sleep 0.1; done" "$0" &); while :; do sleep 0.1; done';
      const start = (): ChildProcess =>
        world.start([...hindered(), ...words(['sh', '-c', DAEMONS, marker], [])]);
      const running = async (child: ChildProcess): Promise<{ launcher: number; init: number }> => {
        await once(child.stdout!, 'data');
        await until(() => processesWith(marker).length >= 4);
        const launcher = processesWith('pinfold-launcher').find((pid) => descends(pid, child.pid!))!;
        return { launcher, init: childrenOf(launcher)[0]! };
      };

      test.each(['launcher', 'init', 'pinfold'] as const)('the %s killed, nothing is left', async (part) => {
        const child = start();
        const ended = finished(child);
        const members = await running(child);
        const victims = { ...members, pinfold: parentOf(members.launcher) };
        process.kill(victims[part], 'SIGKILL');
        expect((await ended).code).not.toBe(0);
        await until(() => processesWith(marker).length === 0);
        await until(() => !alive(members.init) && !alive(members.launcher));
      });

      test('the whole job killed at once, nothing is left', async () => {
        const child = start();
        const ended = finished(child);
        await running(child);
        process.kill(-child.pid!, 'SIGKILL');
        await ended;
        await until(() => processesWith(marker).length === 0);
      });

      test('the command ended, its daemons end, and the exit code is its own', async () => {
        const ran = await inside([
          'sh',
          '-c',
          '(setsid sh -c "while :; do sleep 0.1; done" "$0" &); sleep 0.3; exit 5',
          marker,
        ]);
        expect(ran.code).toBe(5);
        expect(processesWith(marker)).toEqual([]);
      });

      test('a command that forks without end is over when its time is', async () => {
        const bomb =
          'f() { sh -c "sleep 30" "$0" & }; i=0; while [ $i -lt 150 ]; do f "$0"; i=$((i+1)); done; while :; do f "$0"; sleep 0.01; done';
        const ran = await inside(['sh', '-c', bomb, marker], ['--limit', 'wallTime=2s']);
        expect(ran.code).toBe(143);
        expect(processesWith(marker)).toEqual([]);
      });
    });
  });
});

/** 0 for a process that has just ended: the list of processes is everybody's. */
function parentOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function descends(pid: number, from: number): boolean {
  for (let at = pid; at > 1; at = parentOf(at)) if (at === from) return true;
  return false;
}

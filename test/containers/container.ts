/** A container of podman's, of this machine's programs and nothing else: as whoever starts it, and as whoever is in it. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';
import type { TestUser } from '../fixtures/as-user.ts';
import type { Ran } from '../fixtures/world.ts';

/** Of the machine's `/etc`, what programs need to start. */
const ETC = ['ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'nsswitch.conf', 'alternatives', 'ssl'];
const EMPTY = ['proc', 'sys', 'dev', 'run', 'usr', 'pinfold', 'var'];
/** Which Pinfold needs, and docker and podman both take away by default. */
export const OPENED = ['--security-opt', 'seccomp=unconfined', '--security-opt', 'unmask=ALL'];
/** Nothing is limited by control groups, and no network is made: neither is what is tested. */
const PLAIN = [
  '--cgroups=disabled',
  '--network=none',
  '--ulimit=nofile=4096:4096',
  '--ulimit=nproc=4096:4096',
];

/** Who is in the container. */
export interface Inmate {
  readonly label: string;
  readonly ids: string;
  readonly home: string;
}

export const INMATES: readonly Inmate[] = [
  { label: 'root in it', ids: '0:0', home: '/root' },
  { label: 'an ordinary user in it', ids: '1000:1000', home: '/home/dev' },
];

/** Users of a machine that has had no containers yet have no numbers for those of their containers. */
function giveSubordinateIds({ name, uid }: TestUser): void {
  if (uid === 0 || readFileSync('/etc/subuid', 'utf8').includes(`${name}:`)) return;
  const range = '100000-165535';
  const { status } = spawnSync('usermod', ['--add-subuids', range, '--add-subgids', range, name]);
  if (status !== 0) throw new Error(`usermod gave ${name} no subordinate ids`);
}

export class Container {
  readonly #person: TestUser;
  readonly #scratch: string;
  readonly #rootfs: string;

  /** `person` starts it. Its root directory is made of this machine's programs and two homes with a project in each. */
  constructor(person: TestUser) {
    this.#person = person;
    giveSubordinateIds(person);
    // Short: the path of a socket beneath it has 108 bytes at most (unix(7)).
    this.#scratch = mkdtempSync('/tmp/pinfold-ct-');
    this.#rootfs = join(this.#scratch, 'rootfs');
    for (const name of EMPTY) mkdirSync(join(this.#rootfs, name), { recursive: true });
    for (const name of ['tmp', 'var/tmp']) {
      mkdirSync(join(this.#rootfs, name));
      chmodSync(join(this.#rootfs, name), 0o1777);
    }
    for (const name of ['bin', 'sbin', 'lib', 'lib64', 'lib32']) {
      if (lstatSync(`/${name}`, { throwIfNoEntry: false })?.isSymbolicLink())
        symlinkSync(`usr/${name}`, join(this.#rootfs, name));
    }
    for (const name of ETC)
      cpSync(`/etc/${name}`, join(this.#rootfs, 'etc', name), { recursive: true, verbatimSymlinks: true });
    const users = ['root:x:0:0::/root:/bin/sh', 'dev:x:1000:1000::/home/dev:/bin/sh', ''];
    writeFileSync(join(this.#rootfs, 'etc/passwd'), users.join('\n'));
    writeFileSync(join(this.#rootfs, 'etc/group'), 'root:x:0:\ndev:x:1000:\n');
    for (const { home } of INMATES) {
      mkdirSync(join(this.#rootfs, home, 'project/.git'), { recursive: true });
      writeFileSync(join(this.#rootfs, home, 'hidden'), 'canary\n');
    }
    for (const directory of [this.#scratch, join(this.#scratch, 'run')]) {
      mkdirSync(directory, { recursive: true, mode: 0o755 });
      chownSync(directory, person.uid, person.gid);
    }
    const owned = this.#asPerson(['true']);
    if (owned.code !== 0) throw new Error(owned.stderr);
    spawnSync('chown', ['-R', `${person.uid}:${person.gid}`, this.#scratch]);
    for (const { ids, home } of INMATES) this.#must(['chown', '-R', ids, home]);
  }

  /** Runs a command in the project of whoever is in it. */
  run(inmate: Inmate, argv: readonly string[], options: readonly string[] = []): Ran {
    const { ids, home } = inmate;
    return this.#podman(
      [...options, `--user=${ids}`, `--env=HOME=${home}`, `--workdir=${home}/project`],
      argv,
    );
  }

  /** `pinfold ARGS` in it. */
  pinfold(inmate: Inmate, args: readonly string[], options: readonly string[] = []): Ran {
    return this.run(inmate, [inject('node'), '/pinfold/dist/pinfold.cjs', ...args], options);
  }

  dispose(): void {
    // Ends the process that keeps an ordinary user's namespaces.
    if (this.#person.uid !== 0) this.#asPerson(['podman', 'system', 'migrate']);
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  #must(argv: readonly string[]): void {
    const ran = this.#podman(['--user=0:0'], argv);
    if (ran.code !== 0) throw new Error(`${argv.join(' ')} in a container: ${ran.stderr}`);
  }

  #podman(options: readonly string[], argv: readonly string[]): Ran {
    const node = inject('node');
    const volumes = ['/usr:/usr:ro', `${inject('install')}:/pinfold:ro`];
    if (!node.startsWith('/usr/')) volumes.push(`${dirname(node)}:${dirname(node)}:ro`);
    const shown = volumes.map((volume) => `--volume=${volume}`);
    return this.#asPerson([
      'podman',
      'run',
      '--rm',
      ...PLAIN,
      ...shown,
      ...options,
      '--rootfs',
      this.#rootfs,
      ...argv,
    ]);
  }

  /** On a host whose engine keeps all that it has in our directory. */
  #asPerson(argv: readonly string[]): Ran {
    const enter = join(import.meta.dirname, 'enter-host.sh');
    const { status, stdout, stderr, error } = spawnSync(
      'unshare',
      ['--mount', 'sh', enter, this.#person.name, ...argv],
      {
        cwd: '/',
        encoding: 'utf8',
        env: {
          PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
          HOME: this.#scratch,
          XDG_RUNTIME_DIR: join(this.#scratch, 'run'),
        },
      },
    );
    if (error) throw error;
    return { code: status ?? 255, stdout, stderr };
  }
}

/** Other programs that put a boundary around a command, each set up to show the system read-only, a private /tmp and no network. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

function bind(path) {
  return { destination: path, type: 'bind', source: path, options: ['rbind', 'ro'] };
}

/** The OCI runtime specification's config.json; a process of root's without capabilities, in no cgroup of its own. */
function configuration(args) {
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/usr/bin'],
      cwd: '/',
      capabilities: {},
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'box',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      { destination: '/tmp', type: 'tmpfs', source: 'tmpfs' },
      bind('/usr'),
      bind('/etc'),
    ],
    linux: { namespaces: ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type })) },
  };
}

/** A bundle in `directory`, whose container runs `args`. */
function makeBundle(directory, args) {
  const rootfs = join(directory, 'rootfs');
  for (const name of ['usr', 'etc', 'proc', 'dev', 'sys', 'tmp'])
    mkdirSync(join(rootfs, name), { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(rootfs, name));
  writeFileSync(join(directory, 'config.json'), JSON.stringify(configuration(args)));
  return directory;
}

/** [name, words before `run` or `exec`] */
const RUNTIMES = [
  ['crun', ['crun', '--cgroup-manager=disabled']],
  ['runc', ['runc']],
  ['gVisor (runsc)', ['runsc', '--ignore-cgroups', '--network=none']],
];

/** Tells why not, where one cannot do it here. */
function does(name, argv) {
  const { error, status, stderr } = spawnSync(argv[0], argv.slice(1), { encoding: 'utf8' });
  if (error === undefined && status === 0) return true;
  const why =
    error === undefined ? (stderr.trim().split('\n').at(-1) ?? `it ended with ${status}`) : 'not installed';
  console.log(`not compared: ${name}: ${why}`);
  return false;
}

/** Contenders that run `true` to its end; those that cannot do so here are named on standard output. */
export function startingOthers(directory) {
  const bundle = makeBundle(join(directory, 'bundle'), ['true']);
  return [
    { name: 'firejail', argv: ['firejail', '--quiet', '--noprofile', '--net=none', '--private-tmp', 'true'] },
    ...RUNTIMES.map(([name, words]) => ({
      name,
      argv: [...words, 'run', '--bundle', bundle, `pinfold-bench-${process.pid}`],
    })),
  ].filter(({ name, argv }) => does(name, argv));
}

/**
 * Containers that run already: [name, words that run what follows in it], and how to end them. Those that cannot be started are
 * named on standard output.
 */
export function runningOthers(directory) {
  const bundle = makeBundle(join(directory, 'running'), ['sleep', '1000000']);
  const id = `pinfold-bench-running-${process.pid}`;
  // What runs on would hold pipes open.
  const running = RUNTIMES.filter(([name, [command, ...words]]) => {
    const { status } = spawnSync(command, [...words, 'run', '--detach', '--bundle', bundle, id], {
      stdio: 'ignore',
    });
    if (status !== 0) console.log(`not compared: ${name}, running: it did not start`);
    return status === 0;
  });
  return {
    contenders: running.map(([name, words]) => [`${name} exec`, [...words, 'exec', id]]),
    end() {
      for (const [, words] of running) spawnSync(words[0], [...words.slice(1), 'delete', '--force', id]);
    },
  };
}

/** Installs what `npm run test:containers` makes containers with. Needs root, Debian's packages and the network. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** [program, the Debian package that has it] */
const PROGRAMS = [
  ['/usr/bin/podman', 'podman'],
  ['/usr/bin/crun', 'crun'],
  ['/usr/bin/newuidmap', 'uidmap'],
];

const missing = PROGRAMS.filter(([program]) => !existsSync(program)).map(([, name]) => name);
if (missing.length > 0) {
  const words = ['install', '-y', '-q', '--no-install-recommends', ...missing];
  const { status } = spawnSync('apt-get', words, { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}

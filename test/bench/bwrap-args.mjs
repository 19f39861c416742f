/** The same boundary in bubblewrap's words, as far as it has them: no Landlock, no supervisor. */
import { statSync, writeFileSync } from 'node:fs';

const NAMESPACES = [
  '--unshare-user',
  '--unshare-pid',
  '--unshare-net',
  '--unshare-ipc',
  '--unshare-uts',
  '--unshare-cgroup',
];
const REST = ['--die-with-parent', '--hostname', 'pinfold', '--seccomp', '9'];

function mountArgs(step, directory, index) {
  switch (step.op) {
    case 'tmpfs':
      return step.target === '/' ? [] : ['--perms', step.mode.toString(8), '--tmpfs', step.target];
    case 'bind':
      return [`--${step.writable ? '' : 'ro-'}bind${step.optional ? '-try' : ''}`, step.source, step.target];
    case 'mask':
      if (!statSync(step.target).isDirectory()) return ['--ro-bind', '/dev/null', step.target];
      return ['--perms', '0', '--tmpfs', step.target];
    case 'directory':
      return ['--dir', step.path];
    case 'symlink':
      return ['--symlink', step.to, step.path];
    case 'file': {
      const file = `${directory}/file-${index}`;
      writeFileSync(file, step.content);
      return ['--ro-bind', file, step.path];
    }
    case 'proc':
      return ['--proc', step.target];
    case 'seal':
      return step.target === '/' ? ['--remount-ro', '/'] : [];
    default:
      throw new Error(`bubblewrap has no word for ${step.op}`);
  }
}

/** Every mount of the plan, but that `--dev` stands for all beneath /dev, and that `--proc` has covers of its own. */
export function equivalent(plan, directory) {
  const mounts = plan.mounts.flatMap((step, index) => {
    const path = step.target ?? step.path;
    if (path === '/dev') return step.op === 'tmpfs' ? ['--dev', '/dev'] : [];
    if (path.startsWith('/proc/') || (path.startsWith('/dev/') && path !== '/dev/shm')) return [];
    return mountArgs(step, directory, index);
  });
  const environment = plan.environment.flatMap((entry) => {
    const at = entry.indexOf('=');
    return ['--setenv', entry.slice(0, at), entry.slice(at + 1)];
  });
  return [...NAMESPACES, ...REST, ...mounts, '--clearenv', ...environment, '--chdir', plan.cwd, '--', 'true'];
}

/** What people write by hand: all of /usr and /etc, the project, a temp directory. It shows more than Pinfold does. */
export function handWritten(projectDir) {
  const links = ['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]);
  const mounts = [
    '--ro-bind',
    '/usr',
    '/usr',
    '--ro-bind',
    '/etc',
    '/etc',
    ...links,
    '--proc',
    '/proc',
    '--dev',
    '/dev',
  ];
  const private_ = ['--tmpfs', '/tmp', '--tmpfs', '/run', '--bind', projectDir, projectDir];
  return [...NAMESPACES, ...REST, ...mounts, ...private_, '--chdir', projectDir, '--', 'true'];
}

/** Plans and commands that the launcher accepts, between them with every kind of field: where the fuzzer begins. */
import type { Ground } from '../../src/platform/linux/ground.ts';
import { narrowerCalls } from '../../src/platform/linux/narrower-plan.ts';
import type { Plan } from '../../src/platform/linux/plan.ts';
import { commandFrame, encodePlan } from '../../src/platform/linux/plan-codec.ts';

const ground: Ground = {
  arch: 'x64',
  kindOf: (path) => (path === '/dev/null' || path.endsWith('.env') ? 'file' : 'directory'),
  terminal: '/dev/pts/3',
};

const small: Plan = {
  namespaces: 0x7e020000,
  uidMap: '1000 1000 1',
  gidMap: '1000 1000 1',
  denySetgroups: true,
  hostname: 'pinfold',
  mounts: [{ op: 'tmpfs', target: '/', mode: 0o755 }],
  asks: { remote: true, loopback: true },
  seen: true,
  guarded: [],
  opened: [],
  rlimits: [],
  environment: [],
  argv: ['true'],
  cwd: '/',
};

const large: Plan = {
  ...small,
  mounts: [
    { op: 'tmpfs', target: '/', mode: 0o755, sizeBytes: 1 << 20, noexec: true },
    { op: 'bind', source: '/usr', target: '/usr', writable: false },
    {
      op: 'bind',
      source: '/srv',
      target: '/srv',
      writable: true,
      identity: { device: 0xfe00n, inode: 1n << 40n },
    },
    { op: 'bind', source: '/home/u/p', target: '/home/u/p', writable: true, optional: true, noexec: true },
    { op: 'bind', source: '/dev/null', target: '/dev/null', writable: true, devices: true },
    { op: 'mask', target: '/home/u/p/.env' },
    { op: 'directory', path: '/tmp', mode: 0o1777 },
    { op: 'symlink', path: '/bin', to: 'usr/bin' },
    { op: 'file', path: '/etc/hostname', mode: 0o644, content: 'pinfold\n' },
    { op: 'proc', target: '/proc' },
    { op: 'devpts', target: '/dev/pts' },
    { op: 'console', target: '/dev/console' },
    { op: 'tripwire', source: '0', target: '/home', optional: true },
    { op: 'seal', target: '/' },
  ],
  landlock: {
    handledFs: 0xffffn,
    handledNet: 3n,
    scoped: 3n,
    rules: [
      { path: '/usr', access: 0xdn },
      { path: '/home/u/p', access: 0xffffn },
    ],
  },
  seccomp: { program: new Uint8Array(16).fill(6), notify: true },
  guarded: [
    { components: ['.git', 'hooks'], root: '/home/u/p', except: ['node_modules'], kind: 'any', rule: 3 },
    { components: ['.git'], root: '/home/u/p', except: [], kind: 'file', rule: 4 },
  ],
  opened: ['/home/u/p/.git/hooks'],
  rlimits: [{ resource: 7, soft: 1024n, hard: 4096n }],
  environment: ['PATH=/usr/bin', 'HOME=/home/u'],
  argv: ['sh', '-c', 'true'],
  cwd: '/home/u/p',
};

export const seeds: Readonly<Record<string, Uint8Array>> = {
  small: encodePlan(small, ground),
  large: encodePlan(large, ground),
  // Without the head of its frame.
  command: commandFrame(7, {
    argv: ['sh', '-c', 'true'],
    cwd: '/home/u/p',
    environment: ['PATH=/usr/bin'],
    streams: ['pipe', 'ignore', 2],
    leftovers: 'kill',
  }).subarray(8),
  narrower: commandFrame(8, {
    argv: ['true'],
    cwd: '/',
    streams: ['ignore', 'pipe', 'pipe'],
    leftovers: 'keep',
    calls: narrowerCalls({
      arch: 'x64',
      landlockAbi: 6,
      network: 'none',
      readOnly: true,
      rules: [{ path: '/usr', access: 13n }],
      temporary: '/tmp/command-0',
    }),
  }).subarray(8),
};

/** What every program needs besides files: processes, facts of the kernel, devices, terminals, its own shared memory. */
import {
  all,
  allow,
  deny,
  type Filter,
  literal,
  named,
  type Rule,
  regex,
  type Section,
  subpath,
  word,
} from './sbpl.ts';

/** What is inside may signal and look at what is inside. */
const SELF = word('target', 'self');
const SAME_SANDBOX = word('target', 'same-sandbox');

const SYSCTL_NAMES: readonly string[] = [
  'hw.activecpu',
  'hw.busfrequency_compat',
  'hw.byteorder',
  'hw.cacheconfig',
  'hw.cachelinesize',
  'hw.cachelinesize_compat',
  'hw.cpufamily',
  'hw.cpufrequency',
  'hw.cpufrequency_compat',
  'hw.cpusubtype',
  'hw.cputype',
  'hw.l1dcachesize',
  'hw.l1dcachesize_compat',
  'hw.l1icachesize',
  'hw.l1icachesize_compat',
  'hw.l2cachesize',
  'hw.l2cachesize_compat',
  'hw.l3cachesize',
  'hw.l3cachesize_compat',
  'hw.logicalcpu',
  'hw.logicalcpu_max',
  'hw.machine',
  'hw.memsize',
  'hw.model',
  'hw.ncpu',
  'hw.nperflevels',
  'hw.packages',
  'hw.pagesize',
  'hw.pagesize_compat',
  'hw.physicalcpu',
  'hw.physicalcpu_max',
  'hw.tbfrequency',
  'hw.tbfrequency_compat',
  'hw.vectorunit',
  'kern.argmax',
  'kern.bootargs',
  'kern.boottime',
  'kern.hostname',
  'kern.iossupportversion',
  'kern.maxfiles',
  'kern.maxfilesperproc',
  'kern.maxproc',
  'kern.ngroups',
  'kern.osproductversion',
  'kern.osrelease',
  'kern.ostype',
  'kern.osvariant_status',
  'kern.osversion',
  'kern.secure_kernel',
  'kern.tcsm_available',
  'kern.tcsm_enable',
  'kern.usrstack64',
  'kern.version',
  'kern.willshutdown',
  'machdep.cpu.brand_string',
  'machdep.ptrauth_enabled',
  'security.mac.lockdown_mode_state',
  'sysctl.proc_cputype',
  'vm.loadavg',
];

/** Not `kern.proc.` and `kern.procargs2`: they tell of other processes and their arguments. */
const SYSCTL_PREFIXES: readonly string[] = ['hw.optional.', 'hw.perflevel', 'machdep.cpu.'];

/** Python's multiprocessing, joblib, OpenMP and PyTorch. Names are shared with the whole host, so no others. */
const SHARED_MEMORY: readonly string[] = [
  '/__KMP_REGISTERED_LIB_',
  '/loky-',
  '/mp-',
  '/psm_',
  '/torch_',
  '/wnsm_',
];

export interface BaseInput {
  /** Device of the person's terminal (`/dev/ttys003`), when the command runs on one. */
  readonly terminal?: string;
}

export function baseSections({ terminal }: BaseInput): Section[] {
  return [
    { title: 'Processes: those inside see and signal each other, and nobody else', rules: processRules() },
    { title: 'Facts of the kernel and the processor', rules: [sysctlRule()] },
    { title: 'Devices', rules: deviceRules() },
    { title: 'Terminals: the one it runs on, and those made inside', rules: terminalRules(terminal) },
    { title: 'Semaphores and shared memory of known libraries', rules: memoryRules() },
  ];
}

/**
 * SECURITY: `(deny default)` does not cover these. Left out, any process of the host could be asked for its arguments and
 * environment (KERN_PROCARGS2), and the machine for its serial numbers. Stands before everything that allows a part of it.
 */
export function uncoveredSection(): Section {
  return {
    title: 'What the first line does not cover',
    rules: [deny(['process-info*', 'nvram*', 'iokit-get-properties', 'file-map-executable'])],
  };
}

function processRules(): Rule[] {
  return [
    allow(['process-fork']),
    allow(['process-info*'], [SELF, SAME_SANDBOX]),
    allow(['signal'], [SELF, SAME_SANDBOX]),
    // What Rosetta made of a program for Intel; readable for nobody.
    allow(['file-map-executable'], [subpath('/private/var/db/oah')]),
  ];
}

function sysctlRule(): Rule {
  return allow(
    ['sysctl-read'],
    [
      ...SYSCTL_NAMES.map((name) => named('sysctl-name', name)),
      ...SYSCTL_PREFIXES.map((name) => named('sysctl-name-prefix', name)),
    ],
  );
}

function deviceRules(): Rule[] {
  const readable = [
    '/dev/random',
    '/dev/urandom',
    '/dev/zero',
    '/dev/null',
    '/dev/dtracehelper',
    '/dev/autofs_nowait',
  ];
  const writable = ['/dev/null', '/dev/zero', '/dev/dtracehelper'];
  const streams = ['/dev/stdin', '/dev/stdout', '/dev/stderr'].map(literal);
  return [
    allow(['file-read*'], [...readable.map(literal), ...streams, subpath('/dev/fd')]),
    allow(['file-write-data'], [...writable.map(literal), ...streams, subpath('/dev/fd')]),
    allow(['file-ioctl'], writable.map(literal)),
  ];
}

/** A terminal made inside carries an extension; without one, a name like /dev/ttys004 is another window of the person. */
function terminalRules(terminal: string | undefined): Rule[] {
  const operations = ['file-read*', 'file-write-data', 'file-ioctl'];
  const made: Filter = all(regex('^/dev/ttys[0-9]+$'), named('extension', 'com.apple.sandbox.pty'));
  const own = terminal === undefined ? [] : [literal(terminal)];
  return [
    allow(['pseudo-tty']),
    allow(operations, [literal('/dev/tty'), literal('/dev/ptmx'), made, ...own]),
  ];
}

function memoryRules(): Rule[] {
  const names = SHARED_MEMORY.map((name) => named('ipc-posix-name-prefix', name));
  return [allow(['ipc-posix-sem*', 'ipc-posix-shm*'], names)];
}

/**
 * Parts of writing that stay refused whatever a path rule allows. A hard link would give a read-only file a second, writable
 * name, and a set-id bit outlives the session.
 */
export function neverSection(): Section {
  return {
    title: 'Never, wherever it is',
    rules: [deny(['file-link']), deny(['file-write-setugid'])],
  };
}

/** `(socket-domain AF_UNIX)`: making the socket; where it may lead is said of binding and connecting. */
export const UNIX_SOCKETS = word('socket-domain', 'AF_UNIX');

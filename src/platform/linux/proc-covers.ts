/** Parts of /proc that belong to the host even in a PID namespace of one's own, and how each is covered. Data. */
import type { MountStep } from './plan.ts';

/**
 * Root inside is the host's root by uid, and these are guarded by file modes alone (proc(5)): writing here would change
 * the host, capabilities or not. Bound over themselves read-only.
 */
const READ_ONLY = [
  '/proc/sys',
  '/proc/irq',
  '/proc/bus',
  '/proc/fs',
  '/proc/acpi',
  '/proc/scsi',
  '/proc/driver',
];

/** Memory, keys, messages, timers and triggers of the host: nothing a build or an agent reads. Absent ones are skipped. */
const UNREADABLE = [
  '/proc/kcore',
  '/proc/keys',
  '/proc/key-users',
  '/proc/kmsg',
  '/proc/kallsyms',
  '/proc/kpagecount',
  '/proc/kpageflags',
  '/proc/kpagecgroup',
  '/proc/latency_stats',
  '/proc/mtrr',
  '/proc/sched_debug',
  '/proc/slabinfo',
  '/proc/sysrq-trigger',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/vmallocinfo',
];

export function coverProc(): MountStep[] {
  return [
    ...READ_ONLY.map(
      (path): MountStep => ({ op: 'bind', source: path, target: path, writable: false, optional: true }),
    ),
    ...UNREADABLE.map((target): MountStep => ({ op: 'mask', target })),
  ];
}

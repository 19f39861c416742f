/** What kinds of acts there are, and what each would need. */
import type { Act, Denial } from './types.ts';

/** Acts of one class on one subject by one program are one violation: a program that may not write tries several ways. */
export type ActClass = 'see' | 'execute' | 'change' | 'reach' | 'bind' | 'call';

const CLASSES: Readonly<Record<Act, ActClass>> = {
  read: 'see',
  list: 'see',
  'look-up': 'see',
  execute: 'execute',
  write: 'change',
  create: 'change',
  rename: 'change',
  remove: 'change',
  link: 'change',
  metadata: 'change',
  connect: 'reach',
  send: 'reach',
  resolve: 'reach',
  bind: 'bind',
  call: 'call',
};

export function classOf(act: Act): ActClass {
  return CLASSES[act];
}

/** The access right that the act needs on a path. Connecting to a Unix socket needs to write it (unix(7)). */
export function accessFor({ act, subject }: Pick<Denial, 'act' | 'subject'>): 'read' | 'write' {
  if (subject.kind === 'socket') return 'write';
  return classOf(act) === 'see' || classOf(act) === 'execute' ? 'read' : 'write';
}

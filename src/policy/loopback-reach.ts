/** Whether a session may reach the host's loopback: settled at its start, since nobody is asked about a loopback of its own. */
import type { Policy } from './types.ts';

const LOOPBACK = /^(localhost|127\.[\d.]+|\[::1\])(:\d+)?$/;

/** `pattern` in its one spelling. */
export function namesLoopback(pattern: string): boolean {
  return LOOPBACK.test(pattern);
}

/** With `local`, or where a part of the loopback is listed by itself. */
export function reachesLoopback({ access, domains }: Pick<Policy['network'], 'access' | 'domains'>): boolean {
  return (
    access.value === 'local' || domains.some((rule) => rule.access === 'allow' && namesLoopback(rule.pattern))
  );
}

/** Which rule refused, in words. */
import type { DomainRule, PathRule } from '../policy/types.ts';
import { accessFor } from './acts.ts';
import type { Denial } from './types.ts';

export function isPathRule(rule: PathRule | DomainRule): rule is PathRule {
  return 'category' in rule;
}

/** A person wrote that this is not to be: nothing offers to undo it. */
export function isExplicitDenial(rule: PathRule | DomainRule): boolean {
  return rule.origin.scope !== 'builtin' && (rule.access === 'none' || rule.access === 'deny');
}

/** Why it was refused, one clause: what the rule is for, or what holds where no rule speaks. */
export function causeOf(denial: Denial): string {
  const { rule, subject, detail } = denial;
  if (detail !== undefined) return detail;
  if (rule !== undefined && !isPathRule(rule))
    return rule.access === 'deny' ? 'this host is denied' : 'not what the rule allows';
  if (rule !== undefined) {
    const readable = rule.access === 'read' && rule.category !== 'host-run';
    return readable && accessFor(denial) === 'write' ? `${rule.why}, to be read and not written` : rule.why;
  }
  if (subject.kind === 'host') return 'no rule allows this host';
  if (subject.kind === 'syscall') return 'no program inside may make it';
  return subject.kind === 'socket'
    ? 'no service of the host can be asked'
    : 'no rule mentions it, and what no rule mentions is hidden';
}

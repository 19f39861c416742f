/** Rules for tests, one word each: `+a.test` allows, `-*.a.test:22` denies, `!a.test` denies as a ceiling. */
import type { DomainRule, Scope } from '../policy/types.ts';

export function rule(written: string, scope: Scope = 'user'): DomainRule {
  const pattern = written.slice(1);
  return {
    pattern,
    access: written.startsWith('+') ? 'allow' : 'deny',
    origin: { scope, text: pattern },
    ...(written.startsWith('!') && { ceiling: true as const }),
  };
}

export const rulesOf = (written: string): DomainRule[] =>
  written
    .split(' ')
    .filter((each) => each !== '')
    .map((each) => rule(each));

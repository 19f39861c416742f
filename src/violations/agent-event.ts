/** What the sandboxed side is told of its own refusals: what it tried, that trying again is useless, and what to do instead. */

import type { Policy } from '../policy/types.ts';
import { alternativesTo } from './alternatives.ts';
import { grantCommand, grantFor } from './grant.ts';
import { causeOf } from './rules.ts';
import type { Subject, Violation } from './types.ts';

/** One line of `$PINFOLD_EVENTS`. */
export interface AgentEvent {
  readonly version: 1;
  readonly id: string;
  readonly act: string;
  readonly subject: Subject;
  /** One clause. */
  readonly rule: string;
  /** The same act will be refused again, whoever tries it and however. */
  readonly retry: 'will_fail';
  /** A setting or command that needs no grant. */
  readonly instead?: string;
  /** `command` is for a person on the host; inside it does nothing. Absent where nobody would be offered a grant. */
  readonly grant: { readonly by: 'human'; readonly command?: string };
}

/** `exists` is not asked about the host: what is hidden must not be told apart from what is absent. */
export function agentEvent({ id, denial }: Pick<Violation, 'id' | 'denial'>, policy: Policy): AgentEvent {
  const [instead] = alternativesTo(denial, policy);
  const grant = grantFor(denial, policy, () => true);
  return {
    version: 1,
    id,
    act: denial.act,
    subject: denial.subject,
    rule: causeOf(denial),
    retry: 'will_fail',
    ...(instead !== undefined && { instead: instead.text }),
    grant: {
      by: 'human',
      ...(grant.kind === 'grant' && { command: grantCommand(grant, { running: true }) }),
    },
  };
}

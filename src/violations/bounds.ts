/** Cuts a denial to a size that can be kept: everything in it but the rule may have been chosen inside. */
import { hostWithoutSecrets } from '../policy/secrets.ts';
import type { Actor, Denial, Subject } from './types.ts';

/** PATH_MAX (limits.h), without its NUL. */
const PATH = 4095;
/** RFC 1035, 2.3.4. */
const HOST = 255;
const WORDS = 12;
const WORD = 200;
const PARENTS = 8;
const NAME = 60;
const DETAIL = 300;

/** Text of at most `length` UTF-16 units; what was cut ends in `…`. */
export function cut(text: string, length: number): string {
  // Half of a surrogate pair would be no character.
  return text.length <= length ? text : `${text.slice(0, length - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** As it is kept: cut, and a host without the secrets that its name may tell. */
export function boundSubject(subject: Subject): Subject {
  if (subject.kind === 'host') return { ...subject, host: cut(hostWithoutSecrets(subject.host), HOST) };
  return subject.kind === 'syscall' ? subject : { ...subject, path: cut(subject.path, PATH) };
}

function boundActor({ pid, program, command, parents }: Actor): Actor {
  return {
    pid,
    ...(program !== undefined && { program: cut(program, PATH) }),
    ...(command !== undefined && { command: command.slice(0, WORDS).map((word) => cut(word, WORD)) }),
    ...(parents !== undefined && {
      parents: parents.slice(0, PARENTS).map(({ name, ...parent }) => ({
        ...parent,
        program: cut(parent.program, PATH),
        ...(name !== undefined && { name: cut(name, NAME) }),
      })),
    }),
  };
}

/** Copies what is known of a denial and nothing else, cut where it is too long; what was cut ends in `…`. */
export function boundDenial(denial: Denial): Denial {
  const { act, subject, observer, outcome, actor, rule, errno, detail, remedy, movedTo } = denial;
  return {
    act,
    subject: boundSubject(subject),
    observer,
    outcome,
    ...(actor !== undefined && { actor: boundActor(actor) }),
    ...(rule !== undefined && { rule }),
    ...(errno !== undefined && { errno }),
    ...(detail !== undefined && { detail: cut(hostWithoutSecrets(detail), DETAIL) }),
    ...(remedy !== undefined && { remedy }),
    ...(movedTo !== undefined && { movedTo: cut(movedTo, PATH) }),
  };
}

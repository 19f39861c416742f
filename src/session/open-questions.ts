/** Makes what asks about the refusals of one run, where somebody is there to answer. */
import type { Launcher } from '../platform/linux/launcher.ts';
import { identifyInside } from './actor.ts';
import type { ControlSocket } from './control-socket.ts';
import type { Ask, Questions, QuestionsOptions } from './questions.ts';

export interface Asked extends Pick<QuestionsOptions, 'policy' | 'append'> {
  readonly launcher: Pick<Launcher, 'pid'>;
  readonly control: () => ControlSocket | undefined;
}

/** Undefined where nobody is asked: nothing is loaded for it then. A run that nobody records has no grants to give. */
export async function openQuestions(
  { id }: { readonly id: string },
  ask: Ask | undefined,
  { policy, append, launcher, control }: Asked,
): Promise<Questions | undefined> {
  if (ask === undefined || id === '') return undefined;
  const { Questions } = await import('./questions.ts');
  return new Questions({
    policy,
    append,
    ask,
    grants: () => control()!.answering(),
    identify: (pid) => (launcher.pid === undefined ? undefined : identifyInside(pid, launcher.pid)),
  });
}

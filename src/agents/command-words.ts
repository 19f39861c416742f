/** The words of an agent's command: the person's, with what its preset puts before them. */
import type { AgentPreset } from './preset.ts';

export interface CommandWords {
  readonly words: readonly string[];
  /** What a person should know of them. */
  readonly told?: string;
}

/** `given`: what the person wrote after the agent's name. Its own sandbox is switched off, unless they gave the option that does it. */
export function commandWords({ title, ownSandbox }: AgentPreset, given: readonly string[]): CommandWords {
  if (ownSandbox === undefined) return { words: given };
  const { off, once } = ownSandbox;
  const end = given.indexOf('--');
  const options = end < 0 ? given : given.slice(0, end);
  const theirs = once !== undefined && options.some((word) => word === once || word.startsWith(`${once}=`));
  if (!theirs) return { words: [...off, ...given] };
  return {
    words: given,
    told: `${title} takes one ${once}, and yours stands: where its own sandbox is on, its commands cannot run here (${off.at(-1)})`,
  };
}

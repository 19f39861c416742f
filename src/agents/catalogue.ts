/** Every preset, and how one is found by name. */
import { SandboxError } from '../errors.ts';
import { nearest } from '../policy/suggestion.ts';
import type { AgentPreset } from './preset.ts';
import { aider } from './presets/aider.ts';
import { claude } from './presets/claude.ts';
import { codex } from './presets/codex.ts';
import { copilot } from './presets/copilot.ts';
import { cursor } from './presets/cursor.ts';
import { gemini } from './presets/gemini.ts';
import { goose } from './presets/goose.ts';
import { opencode } from './presets/opencode.ts';

/** In the order in which people are shown them. */
export const AGENTS: readonly AgentPreset[] = [
  claude,
  codex,
  gemini,
  opencode,
  aider,
  cursor,
  copilot,
  goose,
];

/** By its own name or that of its program. */
export function findAgent(word: string): AgentPreset | undefined {
  return AGENTS.find(({ name, commands }) => name === word || commands.includes(word));
}

/** Throws ERR_AGENT_UNKNOWN. */
export function requireAgent(word: string): AgentPreset {
  const found = findAgent(word);
  if (found !== undefined) return found;
  const names = AGENTS.map(({ name }) => name);
  const near = nearest(word, names);
  throw new SandboxError('ERR_AGENT_UNKNOWN', {
    what: `There is no preset for ${JSON.stringify(word)}`,
    why: near === undefined ? `there is one for ${names.join(', ')}` : `did you mean ${near}?`,
    fix: 'See pinfold agents. Any other program runs with: pinfold run -- COMMAND',
  });
}

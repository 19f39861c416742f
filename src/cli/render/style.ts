/** Colours, and which streams get them. */
import { styleText } from 'node:util';
import type { Output } from '../command.ts';

export type Look = 'strong' | 'dim' | 'good' | 'warning' | 'bad' | 'accent';

const FORMATS: Readonly<Record<Look, Parameters<typeof styleText>[0]>> = {
  strong: 'bold',
  dim: 'dim',
  good: 'green',
  warning: 'yellow',
  bad: 'red',
  accent: 'cyan',
};

/** FORCE_COLOR beats NO_COLOR beats the terminal, as in Node and the no-color.org convention. */
export function wantsColour(
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): boolean {
  const { FORCE_COLOR: force, NO_COLOR: none, TERM: term } = environment;
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (none !== undefined && none !== '') return false;
  return isTerminal && term !== 'dumb';
}

/** `text` in a colour where `output` shows colours. */
export function paint(output: Output, look: Look, text: string): string {
  // Whether colours are wanted was decided once, by wantsColour; what else styleText looks at differs by Node's version.
  return output.colour ? styleText(FORMATS[look], text, { validateStream: false }) : text;
}

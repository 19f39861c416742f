/** A policy and denials made up for tests of violations. */

import { HOME, makeFacts } from '../policy/facts.fixture.ts';
import { mergePolicy } from '../policy/merge.ts';
import type { PathRule, Policy, SettingsLayer } from '../policy/types.ts';
import type { Denial } from './types.ts';

export { HOME, PROJECT } from '../policy/facts.fixture.ts';

export function makePolicy(layer: Partial<SettingsLayer> = {}): Policy {
  const flags: SettingsLayer = { scope: 'flag', trusted: true, ...layer };
  return mergePolicy({ layers: [flags], facts: makeFacts(), now: new Date(0) });
}

export const HOOKS: PathRule = {
  pattern: `${HOME}/projects/app/**/.git/hooks`,
  glob: true,
  access: 'read',
  category: 'host-run',
  why: 'git runs hooks',
  origin: { scope: 'builtin', text: 'protected .git/hooks' },
};

export function denialOf(path: string, parts: Partial<Denial> = {}): Denial {
  return { act: 'read', subject: { kind: 'path', path }, observer: 'tripwire', outcome: 'refused', ...parts };
}

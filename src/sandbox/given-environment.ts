/** What reaches a command of the environment that the program gave it. */
import { scrubEnvironment } from '../policy/environment.ts';
import type { LoadedPolicy } from '../session/types.ts';
import type { SpawnOptions } from './spawn-options.ts';

export type GivenEnvironment = NonNullable<SpawnOptions['env']>;

/**
 * `{ ...process.env, CI: '1' }` is how programs add a variable. So what has the host's value is scrubbed as the host's
 * environment is, and what the caller made up is the caller's word.
 */
export function scrubGiven(
  given: GivenEnvironment,
  host: Readonly<Record<string, string | undefined>>,
  { policy, facts }: LoadedPolicy,
): readonly string[] {
  const origin = { scope: 'flag', text: 'env' } as const;
  const own = Object.keys(given).filter((name) => name !== 'PATH' && given[name] !== host[name]);
  const pass = [...policy.environment.pass, ...own.map((value) => ({ value, origin }))];
  const asked = { ...policy, environment: { ...policy.environment, pass } };
  const scrubbed = scrubEnvironment(given, asked, facts.toolchains);
  return Object.entries(scrubbed.environment).map(([name, value]) => `${name}=${value}`);
}

/**
 * The filters of the baselines that Pinfold ships. Compiling takes milliseconds of every start, so the build puts a module
 * of finished programs in this one's place (`scripts/seccomp-programs.mjs`); from source it is compiled when asked for.
 */
import { BASELINE, LANDLOCK_NETWORK_BASELINE, LANDLOCK_TIER_BASELINE } from './baseline.ts';
import { compileBaseline, type SeccompFilter, type SeccompOptions } from './compiler.ts';

/** What holds the boundary: namespaces and all else, or only what there is without them, where the gate may be reached or not. */
export type Tier = 'namespaces' | 'landlock' | 'landlock-network';

const BASELINES = {
  namespaces: BASELINE,
  landlock: LANDLOCK_TIER_BASELINE,
  'landlock-network': LANDLOCK_NETWORK_BASELINE,
} as const satisfies Record<Tier, unknown>;

export function compileSeccomp(options: SeccompOptions & { readonly tier?: Tier }): SeccompFilter {
  return compileBaseline(BASELINES[options.tier ?? 'namespaces'], options);
}

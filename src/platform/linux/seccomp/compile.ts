/**
 * The filter of the baseline that Pinfold ships. Compiling takes milliseconds of every start, so the build puts a module
 * of finished programs in this one's place (`scripts/seccomp-programs.mjs`); from source it is compiled when asked for.
 */
import { BASELINE } from './baseline.ts';
import { compileBaseline, type SeccompFilter, type SeccompOptions } from './compiler.ts';

export function compileSeccomp(options: SeccompOptions): SeccompFilter {
  return compileBaseline(BASELINE, options);
}

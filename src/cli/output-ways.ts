/** What becomes of the output of a run that `limits.output` counts. */
import { createWriteStream } from 'node:fs';
import { isatty } from 'node:tty';
import type { Policy } from '../policy/types.ts';
import type { OutputWays } from '../session/output-relay.ts';

const TERMINAL = 'what is written to a terminal';

/**
 * Undefined without that limit: then the command has our streams, and nobody copies. `carried`: by pipes to this process anyway.
 * A terminal stays the command's own, which it must be for its job control.
 */
export function outputWays(
  { limits }: Pick<Policy, 'limits'>,
  { carried }: { readonly carried: boolean },
): OutputWays | undefined {
  if (limits.output === undefined) return undefined;
  if (carried) return { uncounted: [] };
  const [output, errors] = ([1, 2] as const).map((fd) =>
    isatty(fd) ? undefined : createWriteStream('', { fd, autoClose: false }),
  );
  return { output, errors, uncounted: output && errors ? [] : [TERMINAL] };
}

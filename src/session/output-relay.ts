/** Passes on what the command of a run writes, where `limits.output` counts it: its streams are then pipes to this process. */
import type { Readable, Writable } from 'node:stream';
import type { LauncherStreams } from '../platform/linux/launcher-process.ts';
import type { Policy } from '../policy/types.ts';

/** Where output goes on to, and what of it is not counted. */
export interface OutputWays {
  /** Of a run whose command would else have the streams of this process; undefined where that is a terminal, which it keeps. */
  readonly output?: Writable | undefined;
  readonly errors?: Writable | undefined;
  /** Clauses: "what is written to a terminal". */
  readonly uncounted: readonly string[];
}

/** Undefined: those of this process, so that what is written is not copied by us. */
export function relayedStreams(
  { limits }: Pick<Policy, 'limits'>,
  ways: OutputWays | undefined,
): LauncherStreams | undefined {
  if (limits.output === undefined || !(ways?.output || ways?.errors)) return undefined;
  return ['inherit', ways.output ? 'pipe' : 'inherit', ways.errors ? 'pipe' : 'inherit'];
}

async function pass(from: Readable, to: Writable, take: (chunk: Buffer) => Buffer): Promise<void> {
  to.on('error', () => {});
  try {
    for await (const chunk of from) {
      const part = take(chunk as Buffer);
      const error = await new Promise((resolve) => to.write(part, resolve));
      // Whoever read has gone. With the pipe closed the command learns of it as it would without us.
      if (error) return;
    }
  } catch {
    // The other end was killed with something unread; what it wrote has come by then.
  }
}

/** Resolves when nothing more will come and what came has been passed on. */
export async function relayOutput(
  from: { readonly output: Readable | null; readonly errors: Readable | null },
  ways: OutputWays,
  take: (chunk: Buffer) => Buffer,
): Promise<void> {
  await Promise.all([
    from.output && ways.output && pass(from.output, ways.output, take),
    from.errors && ways.errors && pass(from.errors, ways.errors, take),
  ]);
}

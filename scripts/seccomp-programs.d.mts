import type * as esbuild from 'esbuild';

export interface FinishedPrograms {
  readonly text: string;
  readonly programs: Buffer;
}

export function finishedPrograms(
  root: string,
  bundler: typeof esbuild,
  file: string,
): Promise<FinishedPrograms>;

import type * as esbuild from 'esbuild';

export function finishedPrograms(root: string, bundler: typeof esbuild): Promise<string>;

import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { expect, test } from 'vitest';
import { finishedPrograms } from '../scripts/seccomp-programs.mjs';
import { compileSeccomp } from '../src/platform/linux/seccomp/compile.ts';

test('the build’s finished filters are the ones that the source compiles', async () => {
  const text = await finishedPrograms(fileURLToPath(new URL('..', import.meta.url)), esbuild);
  const built = (await import(`data:text/javascript,${encodeURIComponent(text)}`)) as {
    compileSeccomp: typeof compileSeccomp;
  };
  for (const arch of ['x64', 'arm64'] as const) {
    for (const notify of ['nothing', 'guarded', 'all'] as const) {
      expect(built.compileSeccomp({ arch, notify })).toEqual(compileSeccomp({ arch, notify }));
      const tier = 'landlock';
      expect(built.compileSeccomp({ arch, notify, tier })).toEqual(compileSeccomp({ arch, notify, tier }));
    }
  }
});

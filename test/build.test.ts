import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { finishedPrograms } from '../scripts/seccomp-programs.mjs';
import { compileSeccomp } from '../src/platform/linux/seccomp/compile.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pinfold-programs-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

test('the build’s finished filters are the ones that the source compiles, and a file that is cut short is refused', async () => {
  const file = join(directory, 'seccomp.bin');
  const root = fileURLToPath(new URL('..', import.meta.url));
  const { text, programs } = await finishedPrograms(root, esbuild, JSON.stringify(file));
  writeFileSync(file, programs);
  const built = (await import(`data:text/javascript,${encodeURIComponent(text)}`)) as {
    compileSeccomp: typeof compileSeccomp;
  };
  for (const arch of ['x64', 'arm64'] as const) {
    for (const notify of ['nothing', 'guarded', 'refused', 'all'] as const) {
      expect(built.compileSeccomp({ arch, notify })).toEqual(compileSeccomp({ arch, notify }));
      for (const tier of ['landlock', 'landlock-network'] as const)
        expect(built.compileSeccomp({ arch, notify, tier })).toEqual(compileSeccomp({ arch, notify, tier }));
    }
  }
  truncateSync(file, programs.length - 1);
  const last = { arch: 'arm64', notify: 'all', tier: 'landlock-network' } as const;
  expect(() => built.compileSeccomp(last)).toThrow(`${file} is cut short`);
});

/**
 * Builds `dist/`: the launcher, doctor's probe, the command line's bundles and the library.
 *
 *   node scripts/build.mjs [--force] [--types]
 *
 * `npm ci` runs this through `prepare`. A package from the registry carries a ready-made `dist/` and npm does not run
 * `prepare` for it; an install with `--omit=dev` in a checkout has no bundler, and then an existing `dist/` is kept.
 * `--types` (part of `prepack`) also writes the declarations of the library, which only people who import it need.
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildBundles, buildTypes } from './bundles.mjs';
import { buildProgram } from './programs.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({
  options: { force: { type: 'boolean', default: false }, types: { type: 'boolean', default: false } },
});

mkdirSync(`${root}/dist`, { recursive: true });
try {
  // macOS confines through sandbox-exec; there the launcher has no work.
  if (process.platform === 'linux') {
    for (const name of ['launcher', 'doctor-probe']) buildProgram(root, name, { force: options.force });
  }
  await buildBundles(root);
  if (options.types) buildTypes(root);
} catch (error) {
  process.stderr.write(`build: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** Where the C programs of Pinfold lie: beside the bundle in a checkout, else in the package for this kind of machine. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type ProgramName = 'launcher' | 'doctor-probe';

/** The npm package that carries the programs for `arch` (as `process.arch` says it). */
export function programPackage(arch: string): string {
  return `@pinfold/launcher-linux-${arch}`;
}

/**
 * Absolute path of a program, looked for from `directory`, the bundle's own. Where there is none the path beside the bundle is
 * given back: starting it fails, and that error says what to do. Nothing else is ever started in its place.
 */
export function programPath(name: ProgramName, directory: string, arch: string = process.arch): string {
  const file = `pinfold-${name}`;
  const beside = join(directory, file);
  if (existsSync(beside)) return beside;
  // As `require` finds it, but without node:module, which takes two milliseconds of every start.
  for (let at = directory; ; at = dirname(at)) {
    const installed = join(at, 'node_modules', programPackage(arch), file);
    if (existsSync(installed)) return realpathSync(installed);
    if (at === dirname(at)) return beside;
  }
}

/** What to do about a missing one, with the usual causes. */
export const REINSTALL =
  'Reinstall pinfold here, with optional dependencies (no --omit=optional, no copied node_modules); in a checkout: npm run build, which needs a C compiler';

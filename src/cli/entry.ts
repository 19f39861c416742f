#!/usr/bin/env node
/**
 * Where the command line begins (bundled as CommonJS): starts the launcher, then loads main.cjs with the code that V8 compiled at build time. A
 * cache of another Node or of another main.cjs is rejected by V8, which then compiles as always. One of another processor it takes,
 * and ends in a segmentation fault: that has another name.
 */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { EarlyLauncher } from '../platform/linux/launcher-process.ts';
import { programPath } from '../platform/linux/programs.ts';
import type * as Main from './main.ts';

/**
 * What runs for tens of milliseconds and then waits is never worth optimising: this saves 4 MB and a compiler thread. Nor is
 * a pattern worth machine code at its second use, nor a megabyte of objects worth waking threads to collect it.
 */
const FLAGS = ['--no-opt', '--regexp-tier-up-ticks=100', '--no-parallel-scavenge'];

/**
 * Modules of Node's own that a run needs, loaded before the flags are set: with other flags than Node was built with V8 rejects
 * their compiled code, and compiles them anew. A bare `import` of them the bundler would drop.
 */
const NODES_OWN = ['node:os', 'node:tty'];

const here = import.meta.dirname;

function readCache(): Buffer | undefined {
  try {
    return readFileSync(`${here}/main-${process.arch}.cache`);
  } catch {
    return undefined; // Never written, or not readable: only slower.
  }
}

function loadMain(): typeof Main {
  const filename = `${here}/main.cjs`;
  // The bundler writes ASCII, and a function around all of it.
  const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData: readCache() });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, filename, here);
  return module.exports as typeof Main;
}

const launcherPath = process.env.PINFOLD_LAUNCHER || programPath('launcher', here);
// Before there is more to copy: to fork this process costs milliseconds, and the more the larger it has become.
const started =
  process.platform === 'linux' && process.argv[2] === 'run' ? new EarlyLauncher(launcherPath) : undefined;
for (const name of NODES_OWN) require(name);
for (const flag of FLAGS) setFlagsFromString(flag);
void loadMain().main({ launcherPath, started });

// node code-cache.cjs MAIN CACHE: runs `pinfold run -- true` from MAIN and writes what V8 compiled for it to CACHE.
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');

// As in entry.cjs: V8 rejects a cache that was made with other flags.
setFlagsFromString('--no-opt');
setFlagsFromString('--regexp-tier-up-ticks=100');
const [filename, cache] = process.argv.slice(2);
// The same text as in entry.cjs: V8 compares its length.
const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, 'utf8')}\n})`;
const script = new Script(source, { filename });
process.argv.splice(2, process.argv.length, 'run', '--', 'true');
process.on('exit', () => writeFileSync(cache, script.createCachedData()));
script.runInThisContext()(exports, createRequire(filename), module, filename, dirname(filename));

// PINFOLD_CODE_CACHE=FILE node -r code-cache.cjs dist/pinfold.cjs …: writes what V8 compiled of main.cjs to FILE.
'use strict';
const { writeFileSync } = require('node:fs');
const vm = require('node:vm');

const file = process.env.PINFOLD_CODE_CACHE;
const { Script } = vm;
vm.Script = class extends Script {
  /** Without the cache of an earlier build. */
  constructor(source, { filename }) {
    super(source, { filename });
    process.on('exit', () => writeFileSync(file, this.createCachedData()));
  }
};

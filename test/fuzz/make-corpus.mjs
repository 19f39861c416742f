/** Writes the seeds of the fuzzer as files: `node make-corpus.mjs DIRECTORY`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const [directory] = process.argv.slice(2);
const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('seed-plans.ts', import.meta.url))],
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
});
const source = Buffer.from(outputFiles[0].contents).toString('base64');
const { seeds } = await import(`data:text/javascript;base64,${source}`);

mkdirSync(directory, { recursive: true });
for (const [name, bytes] of Object.entries(seeds)) writeFileSync(`${directory}/${name}`, bytes);

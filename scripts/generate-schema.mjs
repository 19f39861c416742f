/**
 * Writes what is made from the description of the settings (`src/config/schema.ts`): the JSON Schema for editors and the
 * table of keys in the settings reference. A test holds both to the description.
 *
 *   node scripts/generate-schema.mjs [--check]
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

const bundle = await build({
  entryPoints: [`${root}/src/config/reference.ts`],
  bundle: true,
  write: false,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'error',
});
const source = Buffer.from(bundle.outputFiles[0].contents).toString('base64');
const { renderReference, renderSchema } = await import(`data:text/javascript;base64,${source}`);

const page = readFileSync(`${root}/docs/settings.md`, 'utf8');
const outputs = [
  ['schema/settings.schema.json', renderSchema()],
  ['docs/settings.md', renderReference(page)],
];
for (const [name, text] of outputs) {
  const path = `${root}/${name}`;
  if (text === undefined) {
    process.stderr.write(`generate-schema: ${name} has lost its marks\n`);
    process.exitCode = 1;
  } else if (options.check) {
    const current = readFileSync(path, 'utf8');
    if (current !== text) {
      process.stderr.write(`generate-schema: ${name} is out of date; run node scripts/generate-schema.mjs\n`);
      process.exitCode = 1;
    }
  } else {
    mkdirSync(new URL('.', `file://${path}`), { recursive: true });
    writeFileSync(path, text);
  }
}

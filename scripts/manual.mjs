/** Writes the manual page that the table of commands makes: `dist/pinfold.1`. */
import { readFileSync, writeFileSync } from 'node:fs';

/** The date of the page: the release's, so that two builds of one source are the same. */
const DATE = /^## \S+ \((\d{4}-\d{2}-\d{2})\)$/m;

export async function writeManual(root, bundler) {
  const { outputFiles } = await bundler.build({
    stdin: {
      contents: `export { COMMANDS } from './src/cli/commands/index.ts'; export { renderMan } from './src/cli/render/man.ts';`,
      resolveDir: root,
      loader: 'ts',
    },
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    mainFields: ['module', 'main'],
    logLevel: 'error',
  });
  const source = Buffer.from(outputFiles[0].contents).toString('base64');
  const { COMMANDS, renderMan } = await import(`data:text/javascript;base64,${source}`);
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  const date = DATE.exec(readFileSync(`${root}/CHANGELOG.md`, 'utf8'))?.[1];
  if (date === undefined) throw new Error('CHANGELOG.md names no release with its date');
  writeFileSync(`${root}/dist/pinfold.1`, renderMan(COMMANDS, version, date));
}

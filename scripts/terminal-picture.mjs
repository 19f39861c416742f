/** Draws the transcript beneath one heading of a document as an SVG: `node scripts/terminal-picture.mjs DOCUMENT HEADING > PICTURE`. */
import { readFileSync } from 'node:fs';

const COLUMNS = 110;
const CHARACTER = { width: 7.8, height: 18 };
const MARGIN = 16;
const COLOURS = {
  ground: '#16181d',
  text: '#d6d9df',
  command: '#ffffff',
  refused: '#ff7b72',
  told: '#8b949e',
};

function transcriptOf(path, heading) {
  const [, section = ''] = readFileSync(path, 'utf8').split(`## ${heading}\n`);
  const block = /```console\n([\s\S]*?)```/.exec(section)?.[1];
  if (block === undefined) throw new Error(`${path} has no transcript beneath "${heading}"`);
  return block.trimEnd().split('\n');
}

function wrapped(line) {
  const rows = [];
  for (let at = 0; at === 0 || at < line.length; at += COLUMNS) rows.push(line.slice(at, at + COLUMNS));
  return rows;
}

function colourOf(line) {
  if (line.startsWith('$ ')) return COLOURS.command;
  if (line.startsWith('✗')) return COLOURS.refused;
  return line.startsWith('pinfold') ? COLOURS.told : COLOURS.text;
}

function marked(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

const [source, heading] = process.argv.slice(2);
const rows = transcriptOf(source, heading).flatMap((line) =>
  wrapped(line).map((text) => ({ text, colour: colourOf(line) })),
);
const width = Math.ceil(COLUMNS * CHARACTER.width + 2 * MARGIN);
const height = rows.length * CHARACTER.height + 2 * MARGIN;
const lines = rows.map(({ text, colour }, row) => {
  const y = MARGIN + (row + 0.75) * CHARACTER.height;
  return `  <text x="${MARGIN}" y="${y}" fill="${colour}">${marked(text)}</text>`;
});
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
  <title>${marked(heading)}</title>
  <style>text { font: 13px ui-monospace, monospace; white-space: pre; }</style>
  <rect width="100%" height="100%" rx="8" fill="${COLOURS.ground}"/>
${lines.join('\n')}
</svg>
`);

/** Draws tables of the bench as bars, each against its table's base: `node scripts/performance-picture.mjs TABLES > PICTURE`. */
import { readFileSync } from 'node:fs';

const WIDTH = 900;
const NAMES = 300;
const ROW = 22;
const MARGIN = 16;
const COLOURS = {
  ground: '#16181d',
  text: '#d6d9df',
  title: '#ffffff',
  own: '#6cb6ff',
  other: '#545d68',
};

function marked(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

const tables = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const parts = [];
let y = MARGIN;
for (const { title, base, rows } of tables) {
  const reference = rows.find(({ name }) => name === base).median;
  const most = Math.max(...rows.map(({ median }) => median / reference));
  parts.push(`  <text x="${MARGIN}" y="${y + 15}" fill="${COLOURS.title}">${marked(title)}</text>`);
  y += ROW;
  for (const { name, median } of rows) {
    const ratio = median / reference;
    const own = /^(launcher|pinfold|the same|few|100,000|sandbox\.|createSandbox)/.test(name);
    const length = Math.max(1, ((WIDTH - NAMES - 90 - MARGIN) * ratio) / most);
    const colour = own ? COLOURS.own : COLOURS.other;
    parts.push(
      `  <text x="${NAMES - 8}" y="${y + 15}" text-anchor="end" fill="${COLOURS.text}">${marked(name)}</text>`,
      `  <rect x="${NAMES}" y="${y + 4}" width="${length.toFixed(1)}" height="14" rx="2" fill="${colour}"/>`,
      `  <text x="${(NAMES + length + 8).toFixed(1)}" y="${y + 15}" fill="${COLOURS.text}">${ratio.toFixed(2)}×</text>`,
    );
    y += ROW;
  }
  y += ROW / 2;
}
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + MARGIN}" role="img">
  <title>Times against the base of each table; shorter is faster</title>
  <style>text { font: 13px ui-monospace, monospace; white-space: pre; }</style>
  <rect width="100%" height="100%" rx="8" fill="${COLOURS.ground}"/>
${parts.join('\n')}
</svg>
`);

/** Bars of medians as an SVG that reads in light and dark: `pictureOf([{ title, rows: [{ name, median }] }])`. */

const WIDTH = 720;
const LEFT = 210;
const RIGHT = 90;
const BAR = 18;
const GAP = 6;
const HEAD = 40;

function marked(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function barsOf({ title, rows }, top) {
  const longest = Math.max(...rows.map(({ median }) => median));
  const lines = rows.map(({ name, median }, index) => {
    const y = top + HEAD + index * (BAR + GAP);
    const width = Math.max(1, ((WIDTH - LEFT - RIGHT) * median) / longest);
    const ours = /pinfold|sandbox\.spawn|createSandbox|^launcher/.test(name) ? 'ours' : 'other';
    return [
      `  <text x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${marked(name)}</text>`,
      `  <rect class="${ours}" x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>`,
      `  <text x="${(LEFT + width + 6).toFixed(1)}" y="${y + 13}">${median.toFixed(1)} ms</text>`,
    ].join('\n');
  });
  return {
    text: [`  <text class="title" x="12" y="${top + 24}">${marked(title)}</text>`, ...lines].join('\n'),
    bottom: top + HEAD + rows.length * (BAR + GAP),
  };
}

export function pictureOf(charts) {
  let bottom = 0;
  const parts = charts.map((chart) => {
    const bars = barsOf(chart, bottom);
    bottom = bars.bottom + GAP;
    return bars.text;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + GAP}" role="img">
  <title>${marked(charts.map(({ title }) => title).join('; '))}</title>
  <style>
    text { font: 13px system-ui, sans-serif; fill: #24292f; }
    .title { font-weight: 600; }
    .ours { fill: #2f81f7; }
    .other { fill: #9aa4b0; }
    .ground { fill: #ffffff; }
    @media (prefers-color-scheme: dark) {
      text { fill: #d6d9df; }
      .ground { fill: #16181d; }
    }
  </style>
  <rect class="ground" width="100%" height="100%" rx="8"/>
${parts.join('\n')}
</svg>
`;
}

/** Tables for people: columns as wide as their widest cell, the last one as wide as it likes. */
import type { Output } from '../command.ts';
import { paint } from './style.ts';

/** Cells must be safe to show and without colour. */
export function renderTable(
  output: Output,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === head.length - 1 ? cell : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return `${[paint(output, 'dim', line(head)), ...rows.map(line)].join('\n')}\n`;
}

/** Owns the step from an offset in a text to the line and column that a person looks for. */

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Line and column from 1, counted in UTF-16 units as editors do. `\r\n`, `\n` and a lone `\r` end a line. */
export function createPlaceFinder(text: string): (offset: number) => Place {
  const starts = [0];
  for (const match of text.matchAll(/\r\n|\n|\r/g)) {
    starts.push(match.index + match[0].length);
  }
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  };
}

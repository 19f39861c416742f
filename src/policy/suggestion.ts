/** Owns the search for the word a person most likely meant. */

/** Optimal string alignment distance: insert, delete, replace, swap of neighbours. Stops counting above `limit`. */
function distance(left: string, right: string, limit: number): number {
  if (Math.abs(left.length - right.length) > limit) {
    return limit + 1;
  }
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let best = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (row > 1 && column > 1 && swapped) {
        best = Math.min(best, beforeLast[column - 2]! + 1);
      }
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length]!;
}

/** The nearest of `candidates`, or undefined when none is near enough to be what was meant. Case counts for nothing. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  // Long words cannot be near any key, and comparing them would cost time that a hostile file chooses.
  if (word.length > 64) {
    return undefined;
  }
  const folded = word.toLowerCase().trim();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(folded.length / 3)) + 1;
  for (const candidate of candidates) {
    const steps = distance(folded, candidate.toLowerCase(), bestDistance);
    if (steps < bestDistance) {
      best = candidate;
      bestDistance = steps;
    }
  }
  return best ?? beginning(folded, candidates);
}

/** Half a word is meant as the one word that begins so: `network` as `networkAccess`. */
function beginning(folded: string, candidates: Iterable<string>): string | undefined {
  const found = [...candidates].filter((candidate) => candidate.toLowerCase().startsWith(folded));
  return folded.length >= 3 && found.length === 1 ? found[0] : undefined;
}

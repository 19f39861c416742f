/** What a sandbox costs at its start. */
import type { Mode } from '../policy/types.ts';
import { Enclosure, type Tools } from './enclosure.ts';
import { makeScratch } from './scratch.ts';

const ROUNDS = 5;

/** Milliseconds that a sandbox adds to a program that does nothing: the median of five, Node's own start not counted. */
export async function measureOverhead(mode: Mode, stateDir: string, tools: Tools): Promise<number> {
  const scratch = makeScratch(stateDir);
  try {
    const enclosure = await Enclosure.prepare(mode, tools, scratch, {});
    const added: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const begin = performance.now();
      await enclosure.inside([]);
      const middle = performance.now();
      await enclosure.outside([]);
      added.push(middle - begin - (performance.now() - middle));
    }
    return added.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
  } finally {
    scratch.dispose();
  }
}

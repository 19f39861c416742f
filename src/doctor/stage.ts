/** Doctor's own things on the host, for one mode: made, visited, and taken away again. */
import { type Attempt, type Finding, judge, type Side } from './guarantee.ts';
import { type Listener, listenDangerous, listenDatagram, listenStream } from './listeners.ts';
import { makeScratch, type Scratch } from './scratch.ts';
import type { Answer } from './system-call.ts';

/** Each mode has a fresh one. */
export interface Stage<V> {
  readonly scratch: Scratch;
  /** A process of doctor's own that is there to be reached. */
  readonly victim: V;
  readonly stream: Listener;
  readonly datagram: Listener;
  readonly dangerous: Listener | undefined;
}

export async function withStage<V extends { stop(): Promise<void> }, T>(
  stateDir: string,
  startVictim: (scratch: Scratch) => Promise<V>,
  use: (stage: Stage<V>) => Promise<T>,
): Promise<T> {
  const undo: (() => unknown)[] = [];
  const keep = <O>(one: O, end: (one: O) => unknown): O => {
    undo.unshift(() => end(one));
    return one;
  };
  const close = (listener: Listener | undefined) => listener?.close();
  try {
    const scratch = keep(makeScratch(stateDir), (one) => one.dispose());
    const victim = keep(await startVictim(scratch), (one) => one.stop());
    const stream = keep(await listenStream('stream'), close);
    const datagram = keep(await listenDatagram('datagram'), close);
    const dangerous = keep(await listenDangerous(), close);
    return await use({ scratch, victim, stream, datagram, dangerous });
  } finally {
    for (const step of undo) await step();
  }
}

/** Judged at once, while what stands in doctor's files is this side's doing. */
export async function findings<C, V>(
  side: Side,
  attempts: readonly Attempt<C>[],
  answers: readonly Answer[],
  stage: Stage<V>,
): Promise<Finding[]> {
  const visited = new Set<string>();
  for (const listener of [stage.stream, stage.datagram, stage.dangerous]) {
    if (listener !== undefined && (await listener.visited())) visited.add(listener.name);
  }
  return attempts.map((attempt, index) => judge(attempt, { answer: answers[index]!, side, visited }));
}

/**
 * The process that holds a detached session, and what it and the one that started it say to each other until the command runs. It
 * has a session of the host's own (setsid), so that no terminal ends it, and the launcher and all inside end with it as with any.
 */
import type { TerminalSize } from '../platform/linux/plan.ts';
import type { DetachedInput } from '../session/store.ts';
import type { Output } from './command.ts';

type Shape = Omit<Output, 'write'>;

/** What the keeper is told first. */
export interface Errand {
  readonly input: DetachedInput;
  /** Of the person, if they have one. */
  readonly terminal: TerminalSize & { readonly name?: string };
  readonly out: Shape;
  readonly err: Shape;
  /** As they were given, which a process that is started by Node gets as UTF-8 only. */
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What it says, until it has said `exit`. */
export type KeeperSays =
  | { readonly stream: 'out' | 'err'; readonly text: string }
  | { readonly exit: number };

export interface Keeper extends Pick<Errand, 'input' | 'terminal' | 'words' | 'environment'> {
  readonly out: Output;
  readonly err: Output;
  /** All is well, and who started it leaves. What is written from now on goes nowhere: the session's record has it. */
  ready(): void;
  /** The same with another exit code, where it was not ready. Resolves once that was said. */
  close(code: number): Promise<void>;
}

/** The first message is the errand. Ends this process if its parent dies before the command runs: nobody would know of it. */
export async function openKeeper(): Promise<Keeper> {
  let open = true;
  process.on('disconnect', () => {
    if (open) process.kill(process.pid, 'SIGTERM');
    open = false;
  });
  const errand = await new Promise<Errand>((resolve) =>
    process.once('message', (said) => resolve(said as Errand)),
  );
  const say = (said: KeeperSays): Promise<void> =>
    new Promise((resolve) => {
      if (open) process.send?.(said, undefined, undefined, () => resolve());
      else resolve();
    });
  const output = (stream: 'out' | 'err', shape: Shape): Output => ({
    ...shape,
    write: (text) => void (text !== '' && say({ stream, text })),
  });
  const close = async (code: number): Promise<void> => {
    const said = say({ exit: code });
    const last = open;
    open = false;
    await said;
    if (last) process.disconnect();
  };
  return {
    ...errand,
    out: output('out', errand.out),
    err: output('err', errand.err),
    ready: () => void close(0),
    close,
  };
}

/** Reads one line from the person's terminal while nobody else does; echoes it where the terminal does not. */
import type { Readable } from 'node:stream';

const END: ReadonlySet<string> = new Set(['\r', '\n']);
/** Control-C, Control-D, Escape. */
const GIVE_UP: ReadonlySet<string> = new Set(['\u0003', '\u0004', '\u001b']);
const ERASE: ReadonlySet<string> = new Set(['\u007f', '\b']);
const MOST = 200;

/** `raw`: keys come one by one, and `echo` shows them. Undefined: no line came, or `gone` aborted. */
export function readLine(
  input: Readable,
  {
    raw,
    echo,
    gone,
  }: { readonly raw: boolean; readonly echo: (text: string) => void; readonly gone: AbortSignal },
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let line = '';
    const end = (answer: string | undefined) => {
      input.off('data', onData);
      input.off('end', giveUp);
      gone.removeEventListener('abort', giveUp);
      input.pause();
      resolve(answer);
    };
    const giveUp = () => end(undefined);
    const onData = (chunk: Buffer) => {
      for (const key of chunk.toString('utf8')) {
        if (END.has(key)) {
          if (raw) echo('\n');
          return end(line);
        }
        if (raw && GIVE_UP.has(key)) {
          echo('\n');
          return giveUp();
        }
        if (raw && ERASE.has(key)) {
          if (line !== '') echo('\b \b');
          line = line.slice(0, -1);
        } else if (key >= ' ' && line.length < MOST) {
          line += key;
          if (raw) echo(key);
        }
      }
    };
    if (gone.aborted) return resolve(undefined);
    input.on('data', onData);
    input.on('end', giveUp);
    gone.addEventListener('abort', giveUp);
    input.resume();
  });
}

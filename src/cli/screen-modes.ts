/**
 * Passes on what a terminal is shown, and remembers which of its modes were changed: who leaves a program that has the whole
 * screen, reports the mouse or hides the cursor needs a terminal that does not.
 */
import { Transform, type TransformCallback } from 'node:stream';

/** Of the private modes (DECSET) those that are on in a fresh terminal: lines wrap, the cursor is seen. */
const ON = new Set(['7', '25']);
const ESC = '\x1b';
const SETTING = new RegExp(String.raw`${ESC}\[\?([0-9;]+)([hl])`, 'g');
const UNFINISHED = new RegExp(String.raw`${ESC}(?:\[(?:\?[0-9;]*)?)?$`);
/** No sequence that sets modes is longer; more would be held back by whoever never ends one. */
const LONGEST = 64;

export class ScreenModes extends Transform {
  readonly #changed = new Set<string>();
  #rest = '';

  override _transform(shown: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const text = this.#rest + shown.toString('latin1');
    for (const [, modes = '', verb] of text.matchAll(SETTING)) {
      for (const mode of modes.split(';')) {
        if ((verb === 'h') === ON.has(mode)) this.#changed.delete(mode);
        else this.#changed.add(mode);
      }
    }
    // Whole sequences were seen; the beginning of one may be the end of this.
    this.#rest = UNFINISHED.exec(text.slice(-LONGEST))?.[0] ?? '';
    done(null, shown);
  }

  /** What makes the terminal one as before; empty where nothing was changed. */
  undo(): string {
    if (this.#changed.size === 0) return '';
    const modes = [...this.#changed].map((mode) => `\x1b[?${mode}${ON.has(mode) ? 'h' : 'l'}`);
    return `${modes.join('')}\x1b[0m`;
  }
}

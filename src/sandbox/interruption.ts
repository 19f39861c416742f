/** Interrupts a command of a persistent shell: INT, TERM, KILL, of which the last one takes the shell along. */
const [SIGINT, SIGKILL, SIGTERM] = [2, 9, 15];
/** Milliseconds between one signal and the next, stronger one. */
const PATIENCE = 1000;

export class Interruption {
  readonly #signal: (signal: number) => void;
  #begun = false;
  #stronger: NodeJS.Timeout | undefined;

  constructor(signal: (signal: number) => void) {
    this.#signal = signal;
  }

  /** Whether this command was interrupted. */
  get begun(): boolean {
    return this.#begun;
  }

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#signal(SIGINT);
    this.#stronger = setTimeout(() => {
      this.#signal(SIGTERM);
      this.#stronger = setTimeout(() => this.#signal(SIGKILL), PATIENCE);
    }, PATIENCE);
  }

  /** The command has ended: no stronger signal follows. */
  stop(): void {
    clearTimeout(this.#stronger);
  }

  /** Another command. */
  renew(): void {
    this.#begun = false;
  }
}

/** How many questions a person can be asked: what is beyond it stays refused without one. */

/** In a minute. */
const MOST_IN_A_MINUTE = 10;
/** Asked and waiting at one time. */
const MOST_OPEN = 8;
/** Of one session: an answer is remembered for each. */
const MOST_IN_ALL = 1000;
const MINUTE = 60_000;

export class Pace {
  /** When each of the last ones was admitted; milliseconds since the epoch. */
  #times: number[] = [];
  #admitted = 0;
  #heldBack = false;
  #told = false;

  /** `open`: questions that are asked or wait. */
  admits(open: number, now: number): boolean {
    this.#times = this.#times.filter((time) => now - time < MINUTE);
    const full = open >= MOST_OPEN || this.#times.length >= MOST_IN_A_MINUTE || this.#admitted >= MOST_IN_ALL;
    if (full) {
      this.#heldBack = true;
      return false;
    }
    this.#times.push(now);
    this.#admitted += 1;
    this.#heldBack = false;
    this.#told = false;
    return true;
  }

  /** Whether one was held back of which nobody has been told yet. */
  isNews(): boolean {
    const news = this.#heldBack && !this.#told;
    this.#told = true;
    return news;
  }
}

/** Puts off what needs to know who called until the calls that were told of so far have been read. */

/**
 * Runs `act` after one whole look at what is to be read. A call is told of before it goes on, so what came of it is there no
 * earlier than the telling; but of what is ready Node reads more than was ready when it looked (libuv takes datagrams and
 * connections as long as there are any), and so may be ahead of the telling by that much.
 */
export function onceTold(act: () => void): void {
  setImmediate(() => setImmediate(act));
}

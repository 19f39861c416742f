/** DNS over TCP: two bytes of length before every message, RFC 1035 §4.2.2. */

/** A message with its length in front. */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(message.length + 2);
  new DataView(framed.buffer).setUint16(0, message.length);
  framed.set(message, 2);
  return framed;
}

/** Longest query that can say anything new: header, one name, type, class, and room for EDNS options. */
export const QUERY_LIMIT = 1024;

/** Cuts a stream into messages. Holds at most one unfinished message of `QUERY_LIMIT` bytes, whatever is sent. */
export class DnsDeframer {
  #rest: Uint8Array = new Uint8Array(0);
  #broken = false;

  /** The messages that `chunk` completes. `broken`: a longer one was announced; close the connection, nothing more comes out. */
  push(chunk: Uint8Array): { readonly messages: readonly Uint8Array[]; readonly broken: boolean } {
    const messages: Uint8Array[] = [];
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (!this.#broken && data.length >= 2) {
      const length = data[0]! * 256 + data[1]!;
      this.#broken = length > QUERY_LIMIT;
      if (this.#broken || data.length < length + 2) break;
      messages.push(data.slice(2, length + 2));
      data = data.subarray(length + 2);
    }
    // A copy: a small rest must not keep a large chunk alive.
    this.#rest = this.#broken ? new Uint8Array(0) : Uint8Array.from(data);
    return { messages, broken: this.#broken };
  }
}

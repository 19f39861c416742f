/** Claims about DNS over TCP: however the stream is cut, the same messages come out, and memory stays bounded. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DnsDeframer, frame, QUERY_LIMIT } from './dns-framing.ts';

const messages = fc.array(fc.uint8Array({ minLength: 0, maxLength: 80 }), { maxLength: 6 });

test('messages come out as they went in, wherever the stream is cut', () => {
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(frame));
      const deframer = new DnsDeframer();
      const received: Uint8Array[] = [];
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const size = cuts[turn % cuts.length]!;
        received.push(...deframer.push(stream.subarray(at, at + size)).messages);
        at += size;
      }
      expect(received.map((each) => [...each])).toEqual(sent.map((each) => [...each]));
    }),
  );
});

test('an announcement that is too long breaks the stream for good; one at the limit does not', () => {
  const atLimit = new DnsDeframer();
  expect(atLimit.push(frame(new Uint8Array(QUERY_LIMIT)))).toMatchObject({ broken: false });
  const deframer = new DnsDeframer();
  const good = frame(Uint8Array.of(1));
  const tooLong = frame(new Uint8Array(QUERY_LIMIT + 1)).subarray(0, 3);
  const first = deframer.push(Buffer.concat([good, tooLong]));
  expect([first.messages.map((each) => [...each]), first.broken]).toEqual([[[1]], true]);
  expect(deframer.push(good)).toEqual({ messages: [], broken: true });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FRAME_KINDS, FrameReader, frame, frames, MAX_FRAME_BYTES } from './exec-frames.ts';

test('frames come out as they went in, however the bytes are cut', () => {
  const one = fc.record({ kind: fc.constantFrom(...FRAME_KINDS), bytes: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.array(one), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (list, cuts) => {
      const sent = list.map(({ kind, bytes }) => ({ kind, bytes: Buffer.from(bytes) }));
      const bytes = Buffer.concat(sent.map(({ kind, bytes }) => frame(kind, bytes)));
      const reader = new FrameReader();
      const heard = [];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const length = cuts[turn % cuts.length]!;
        heard.push(...reader.push(bytes.subarray(at, at + length))!);
        at += length;
      }
      expect(heard).toEqual(sent);
    }),
  );
});

test('what is long goes in several, and what is no frame is none', () => {
  const long = Buffer.alloc(MAX_FRAME_BYTES * 2 + 1, 7);
  const heard = new FrameReader().push(Buffer.concat(frames('output', long)))!;
  expect(heard.map(({ bytes }) => bytes.length)).toEqual([MAX_FRAME_BYTES, MAX_FRAME_BYTES, 1]);
  expect(new FrameReader().push(Buffer.from([99, 0, 0, 0, 0]))).toBeUndefined();
  expect(new FrameReader().push(Buffer.from([0, 255, 255, 255, 255]))).toBeUndefined();
});

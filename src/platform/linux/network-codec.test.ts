import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../policy/ip-address.ts';
import { ASKED_BYTES, decodeAsked, socketPayload, verdictPayload } from './network-codec.ts';

/** An `asked` record as the launcher lays it out, with the place as it stands in a verdict. */
function asked(place: Buffer): Buffer {
  const record = Buffer.alloc(ASKED_BYTES);
  record.writeBigUInt64LE(7n, 0);
  record.writeUInt32LE(4121, 8);
  record.writeUInt32LE(2, 12);
  record.writeUInt32LE(2, 16);
  place.copy(record, 20);
  record.writeInt32LE(9, 44);
  return record;
}

describe('a place in the sandbox’s network', () => {
  test('comes back as it went, in canonical spelling', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65535), (address, port) => {
        const place = verdictPayload({ errno: 0, at: { address, port } }).subarray(16);
        const back = decodeAsked(asked(place));
        const canonical = formatAddress(parseAddress(address)!);
        expect(back).toEqual({
          kind: 'asked',
          id: 7n,
          pid: 4121,
          act: 'send',
          transport: 'udp',
          address: canonical,
          port,
          descriptor: 9,
        });
      }),
    );
  });

  test.each(['::', '::1', '2001:db8::1', '1::8', 'fe80::1:0:0:2', '127.0.0.1'])(
    '%s is an address again',
    (address) => {
      const { address: back } = decodeAsked(
        asked(verdictPayload({ errno: 0, at: { address, port: 1 } }).subarray(16)),
      );
      expect(back).toBe(address);
    },
  );
});

test('a verdict says which call, what it meets, and for how long', () => {
  const payload = verdictPayload({
    id: 5n,
    errno: 13,
    at: { address: '10.0.0.1', port: 443 },
    remember: 'telling',
  });
  expect([payload.readBigUInt64LE(0), payload.readInt32LE(8), payload.readUInt32LE(12)]).toEqual([
    5n,
    -13,
    2,
  ]);
  expect(verdictPayload({ errno: 0, at: { address: '10.0.0.1', port: 443 } }).readBigUInt64LE(0)).toBe(0n);
});

test('a request for a socket says which kind, and where', () => {
  const payload = socketPayload(3, 'datagrams', { address: '198.18.0.1', port: 53 });
  expect([0, 4, 8, 12].map((at) => payload.readUInt32LE(at))).toEqual([3, 2, 2, 53]);
  expect([...payload.subarray(16, 20)]).toEqual([198, 18, 0, 1]);
});

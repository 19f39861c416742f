import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { absentReply, entryReply, initReply, listingReply } from './answers.ts';
import { decodeRequest, ERRNO, OPCODE, RequestReader } from './protocol.ts';
import { nameBytes, readBody, requestBytes, u32s, u64s } from './requests.fixture.ts';

const HEAD = { unique: 7n, node: 1n, pid: 4711 };

describe('decodeRequest', () => {
  test.each([
    [
      'LOOKUP',
      { opcode: OPCODE.lookup, body: nameBytes('.ssh') },
      { kind: 'lookup', name: Buffer.from('.ssh') },
    ],
    [
      'a LOOKUP without an end',
      { opcode: OPCODE.lookup, body: Buffer.from('x') },
      { kind: 'refused', errno: ERRNO.EINVAL },
    ],
    ['GETATTR', { opcode: OPCODE.getattr }, { kind: 'getattr' }],
    ['ACCESS', { opcode: OPCODE.access, body: u32s(4, 0) }, { kind: 'access', mask: 4 }],
    [
      'READDIR',
      { opcode: OPCODE.readdir, body: readBody(2n, 4096) },
      { kind: 'readdir', offset: 2, size: 4096 },
    ],
    [
      'READDIRPLUS for more than is given',
      { opcode: OPCODE.readdirplus, body: readBody(0n, 1 << 20) },
      { kind: 'readdirplus', offset: 0, size: 8192 },
    ],
    [
      'FORGET',
      { opcode: OPCODE.forget, body: u64s(3n) },
      { kind: 'forget', forgotten: [{ node: 1n, lookups: 3n }] },
    ],
    [
      'BATCH_FORGET that claims more than it holds',
      { opcode: OPCODE.batchForget, body: Buffer.concat([u32s(9, 0), u64s(5n, 1n)]) },
      { kind: 'forget', forgotten: [{ node: 5n, lookups: 1n }] },
    ],
    [
      'INIT',
      { opcode: OPCODE.init, body: u32s(7, 45, 0, 0xffffffff) },
      { kind: 'init', major: 7, minor: 45, flags: 0xffffffff },
    ],
    [
      'READ',
      { opcode: OPCODE.read, body: Buffer.concat([u64s(4n, 8192n), u32s(4096, 0)]) },
      { kind: 'read', handle: 4n, offset: 8192n, size: 4096 },
    ],
    ['a READ that is too short', { opcode: OPCODE.read }, { kind: 'refused', errno: ERRNO.EINVAL }],
    ['RELEASE', { opcode: OPCODE.release, body: u64s(4n) }, { kind: 'release', handle: 4n }],
    ['RELEASEDIR', { opcode: OPCODE.releasedir }, { kind: 'done' }],
    ['MKDIR', { opcode: 9 }, { kind: 'refused', errno: ERRNO.EROFS }],
    ['IOCTL', { opcode: 39 }, { kind: 'refused', errno: ERRNO.ENOSYS }],
    ['GETXATTR', { opcode: 22 }, { kind: 'refused', errno: ERRNO.ENOSYS }],
    ['an opcode that is not known yet', { opcode: 4096 }, { kind: 'refused', errno: ERRNO.ENOSYS }],
  ] as const)('reads %s', (_title, asked, expected) => {
    expect(decodeRequest(requestBytes(asked))).toEqual({ ...HEAD, ...expected });
  });
});

describe('replies', () => {
  test('INIT is answered with no newer version and no flag that was not offered', () => {
    const flags = (reply: Buffer) => reply.readUInt32LE(28);
    const reply = initReply(7n, { minor: 45, flags: 0xffffffff });
    expect([reply.length, reply.readUInt32LE(0), reply.readInt32LE(4), reply.readBigUInt64LE(8)]).toEqual([
      80,
      80,
      0,
      7n,
    ]);
    expect([reply.readUInt32LE(16), reply.readUInt32LE(20)]).toEqual([7, 31]);
    expect(flags(initReply(7n, { minor: 31, flags: 1 << 18 }))).toBe(1 << 18);
    expect(flags(initReply(7n, { minor: 31, flags: 0 }))).toBe(0);
  });

  test('a name that is absent is node 0 and may be remembered', () => {
    const reply = absentReply(9n);
    expect([reply.length, reply.readBigUInt64LE(16)]).toEqual([144, 0n]);
    expect(reply.readBigUInt64LE(32)).toBeGreaterThan(86400n);
  });

  test('attributes that must be asked for each time have no life', () => {
    const attributes = { inode: 5n, mode: 0o040000, uid: 1000, gid: 100, size: 0, keep: 'never' } as const;
    const reply = entryReply(9n, attributes);
    expect([reply.readBigUInt64LE(16), reply.readBigUInt64LE(40)]).toEqual([5n, 0n]);
    expect([
      reply.readBigUInt64LE(56),
      reply.readUInt32LE(116),
      reply.readUInt32LE(124),
      reply.readUInt32LE(128),
    ]).toEqual([5n, 0o040000, 1000, 100]);
  });

  test('a listing ends where the buffer ends and goes on from there', () => {
    const entries = ['a', 'bb', 'c'].map((name, index) => ({
      name: Buffer.from(name),
      attributes: {
        inode: BigInt(index + 2),
        mode: 0o040555,
        uid: 0,
        gid: 0,
        size: 0,
        keep: 'long',
      } as const,
    }));
    const first = listingReply(1n, entries, { offset: 0, size: 70, plus: false });
    expect(first.length).toBe(16 + 64);
    expect([
      first.readBigUInt64LE(16),
      first.readBigUInt64LE(24),
      first.readUInt32LE(32),
      first.readUInt32LE(36),
    ]).toEqual([2n, 1n, 1, 4]);
    const rest = listingReply(1n, entries, { offset: 2, size: 4096, plus: true });
    expect([
      rest.length,
      rest.readBigUInt64LE(16),
      rest
        .subarray(16 + 128 + 24)
        .toString()
        .replaceAll('\0', ''),
    ]).toEqual([16 + 128 + 32, 4n, 'c']);
    expect(listingReply(1n, entries, { offset: 3, size: 4096, plus: false }).length).toBe(16);
  });
});

describe('RequestReader', () => {
  test('finds the same requests wherever the stream is cut', () => {
    const asked = fc.record({
      opcode: fc.integer({ min: 0, max: 60 }),
      node: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      body: fc.uint8Array({ maxLength: 64 }),
    });
    fc.assert(
      fc.property(fc.array(asked, { maxLength: 8 }), fc.array(fc.nat(200)), (all, cuts) => {
        const stream = Buffer.concat(all.map((one) => requestBytes(one)));
        const reader = new RequestReader();
        const found = [0, ...cuts.sort((a, b) => a - b), stream.length].flatMap((cut, index, list) =>
          index === 0 ? [] : reader.push(Buffer.from(stream.subarray(list[index - 1], cut))),
        );
        expect(found).toEqual(all.map((one) => decodeRequest(requestBytes(one))));
      }),
    );
  });

  test('takes any bytes for requests or for nonsense, and never more than it was given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        try {
          expect(new RequestReader().push(Buffer.from(bytes)).length).toBeLessThanOrEqual(bytes.length / 40);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });

  test.each([39, (1 << 16) + 1])('refuses a request that says it has %d bytes', (length) => {
    const bytes = requestBytes({ opcode: OPCODE.getattr });
    bytes.writeUInt32LE(length, 0);
    expect(() => new RequestReader().push(bytes)).toThrow(RangeError);
  });
});

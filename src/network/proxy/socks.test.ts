/** Claims about the SOCKS side of the proxy: one handshake however it is cut, one destination, one session's password. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { talk } from '../streams.fixture.ts';
import { proxyWorld } from './proxy.fixture.ts';
import { SocksHandshake } from './socks-handshake.ts';

const credentials = { user: 'pinfold', password: 'secret' };
const GREETING = Buffer.from([5, 1, 2]);
const auth = ({ user, password }: typeof credentials): Buffer =>
  Buffer.concat([
    Buffer.from([1, user.length]),
    Buffer.from(user),
    Buffer.from([password.length]),
    Buffer.from(password),
  ]);
const name = (text: string): Buffer =>
  Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
const request = (command: number, type: number, address: Buffer, port = 8080): Buffer =>
  Buffer.concat([Buffer.from([5, command, 0, type]), address, Buffer.from([port >> 8, port & 255])]);
const allowed = request(1, 3, name('allowed.test'));

function run(pieces: readonly Buffer[]) {
  const handshake = new SocksHandshake(credentials);
  const replies: Buffer[] = [];
  for (const piece of pieces) {
    const step = handshake.write(piece);
    replies.push(step.reply);
    if (step.kind === 'request')
      return { ...step, reply: Buffer.concat(replies).toString('hex'), rest: undefined };
    if (step.kind === 'failed') return { ...step, reply: Buffer.concat(replies).toString('hex') };
  }
  return { kind: 'more', reply: Buffer.concat(replies).toString('hex') };
}

const singly = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.from([byte]));

describe('the SOCKS handshake', () => {
  test.each([
    [3, name('Allowed.Test.'), 'allowed.test'],
    [1, Buffer.from([192, 0, 2, 1]), '192.0.2.1'],
    [4, Buffer.from('00000000000000000000ffff7f000001', 'hex'), '127.0.0.1'],
    [4, Buffer.from('20010db8000000000000000000000001', 'hex'), '2001:db8::1'],
  ])('reads an address of type %i: %s', (type, address, host) => {
    const bytes = Buffer.concat([GREETING, auth(credentials), request(1, type, address)]);
    const wanted = { kind: 'request', reply: '05020100', destination: { host, port: 8080 } };
    expect(run([bytes])).toMatchObject(wanted);
    expect(run(singly(bytes))).toMatchObject(wanted);
  });

  test.each([
    ['N-S05 BIND', request(2, 1, Buffer.alloc(4))],
    ['N-S06 UDP ASSOCIATE', request(3, 1, Buffer.alloc(4))],
    ['N-S07 an empty name', request(1, 3, Buffer.from([0]))],
    ['N-S07b a label that is too long', request(1, 3, name(`${'a'.repeat(240)}.wild.test`))],
    ['N-S10 an address as a name', request(1, 3, name('127.1'))],
    ['N-S10b the same in hexadecimal', request(1, 3, name('0x7f000001'))],
    ['the same as one number', request(1, 3, name('2130706433'))],
    ['NUL in a name', request(1, 3, name('denied.test\0.wild.test'))],
    ['N-S15 an unknown command', request(0xf0, 3, name('allowed.test'))],
    ['N-S17 an unknown type', request(1, 9, Buffer.alloc(4))],
    ['port 0', request(1, 3, name('allowed.test'), 0)],
  ])('fails for %s, where a plain request is read', (_what, bad) => {
    const before = Buffer.concat([GREETING, auth(credentials)]);
    expect(run([before, allowed])).toMatchObject({ kind: 'request' });
    expect(run([before, bad])).toMatchObject({
      kind: 'failed',
      reply: expect.stringMatching(/^0502010005(01|07|08)/),
    });
    expect(run(singly(Buffer.concat([before, bad])))).toEqual(run([before, bad]));
  });

  test('has one outcome however it is cut and whatever was changed', () => {
    const original = Buffer.concat([GREETING, auth(credentials), allowed]);
    const edits = fc.array(fc.record({ at: fc.nat(original.length - 1), byte: fc.nat(255) }), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(edits, fc.nat(original.length), (changes, cut) => {
        const bytes = Buffer.from(original);
        for (const { at, byte } of changes) bytes[at] = byte;
        const whole = run([bytes]);
        expect(run(singly(bytes))).toEqual(whole);
        expect(run([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the SOCKS proxy', () => {
  const GET = Buffer.from('GET /s HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n');

  test('N-S00: reaches an allowed name; N-S01, N-S03, N-S03b, N-S03c, N-S04, N-S04b, N-S04c, N-S10d, N-S11, N-S13: and no other, told so', async () => {
    await using it = await proxyWorld();
    const start = [GREETING, auth(it.credentials)];
    const reached = await talk(it.port, [...start, allowed, GET]);
    expect(reached.text).toContain('CANARY for allowed.test at /s');
    const four = ['7f000001', 'a9fea9fe', '00000000'];
    const six = [
      '00000000000000000000000000000001',
      '00000000000000000000ffff7f000001',
      '0064ff9b00000000000000007f000001',
    ];
    const others = [
      ...['denied.test', 'denied.test.', 'localhost', 'allowed.test.evil.test'].map((host) =>
        request(1, 3, name(host)),
      ),
      ...four.map((address) => request(1, 1, Buffer.from(address, 'hex'))),
      ...six.map((address) => request(1, 4, Buffer.from(address, 'hex'))),
    ];
    for (const other of others) {
      for (const pieces of [[other], singly(other)]) {
        const { text } = await talk(it.port, [...start, ...pieces]);
        expect(Buffer.from(text, 'latin1').toString('hex')).toBe('0502010005020001000000000000');
      }
    }
    expect(it.gate.dialled).toEqual([{ host: 'allowed.test', port: 8080 }]);
  });

  test('N-S08, N-S09, N-S09b: refuses who has no password, a wrong one, or speaks SOCKS 4', async () => {
    await using it = await proxyWorld();
    const cases: readonly (readonly [Buffer[], string])[] = [
      [[Buffer.from([5, 1, 0]), allowed], '05ff'],
      [[GREETING, auth({ user: 'pinfold', password: 'wrong' }), allowed], '05020101'],
    ];
    for (const [pieces, reply] of cases) {
      const { text } = await talk(it.port, pieces);
      expect(Buffer.from(text, 'latin1').toString('hex')).toBe(reply);
    }
    // With an address, and with a name after the one that means there is none (4a). Told at once: no end of anything is waited for.
    for (const four of ['04011f907f0000017500', '04011f9000000001750064656e6965642e7465737400']) {
      const { text } = await talk(it.port, [Buffer.from(four, 'hex')]);
      expect(Buffer.from(text, 'latin1').toString('hex')).toBe('005b000000000000');
    }
    expect(it.gate.dialled).toEqual([]);
  });
});

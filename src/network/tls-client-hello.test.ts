/** Claims about reading the name from a ClientHello: found however it is cut, never found where it is doubtful. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientHello, extension, realClientHello, serverName, vector } from './client-hello.fixture.ts';
import { LARGEST_HELLO, readClientHello } from './tls-client-hello.ts';

const hello = (name: string | undefined, encrypted = false) =>
  name === undefined ? { kind: 'hello', encrypted } : { kind: 'hello', serverName: name, encrypted };

/** As a reader on a socket would: only when as much has come as was asked for. */
function readGrowing(bytes: Buffer): ReturnType<typeof readClientHello> {
  let needed = 0;
  for (let length = 1; length <= bytes.length; length++) {
    if (length < needed) continue;
    const result = readClientHello(bytes.subarray(0, length));
    if (result.kind !== 'more') return result;
    expect(result.needed).toBeGreaterThan(length);
    needed = result.needed;
  }
  return readClientHello(bytes);
}

describe('a ClientHello', () => {
  test.each([
    [{ servername: 'allowed.test' }, 'allowed.test'],
    [{ servername: 'Allowed.TEST', maxVersion: 'TLSv1.2' }, 'allowed.test'],
    [{}, undefined],
  ] as const)('as Node sends it for %j names %s', async (options, name) => {
    const bytes = await realClientHello(options);
    expect(readClientHello(bytes)).toEqual(hello(name));
    expect(readGrowing(bytes)).toEqual(hello(name));
  });

  test('may come in records of any size', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 }), (sizes) => {
        const bytes = clientHello([extension(43, Buffer.alloc(900)), serverName('allowed.test')], sizes);
        expect(readClientHello(bytes)).toEqual(hello('allowed.test'));
        expect(readGrowing(bytes)).toEqual(hello('allowed.test'));
      }),
      { numRuns: 40 },
    );
  });

  test('with an encrypted one inside is known by its outer name', () => {
    const bytes = clientHello([serverName('outer.test'), extension(0xfe0d, Buffer.alloc(200))]);
    expect(readClientHello(bytes)).toEqual(hello('outer.test', true));
  });

  const name = (content: Buffer) => extension(0, content);
  const entry = (type: number, text: string) =>
    Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(text, 'latin1'))]);

  test.each([
    ['two server names', [name(vector(2, Buffer.concat([entry(0, 'a.test'), entry(0, 'b.test')])))]],
    ['the extension twice', [serverName('a.test'), serverName('b.test')]],
    ['no name in the list', [name(vector(2, Buffer.alloc(0)))]],
    ['an empty name', [serverName('')]],
    ['NUL in the name', [serverName('allowed.test\0.evil.test')]],
    ['a blank in the name', [serverName('allowed.test ')]],
    ['an address in brackets that is none', [serverName('[allowed.test]')]],
    ['another kind of name', [name(vector(2, entry(1, 'a.test')))]],
    ['something behind the list', [name(Buffer.concat([vector(2, entry(0, 'a.test')), Buffer.from([0])]))]],
    ['an extension that is cut short', [serverName('a.test'), Buffer.from([0, 5, 0, 9, 1])]],
  ])('with %s is refused, where the plain one is read', (_what, extensions) => {
    expect(readClientHello(clientHello([serverName('a.test')]))).toEqual(hello('a.test'));
    expect(readClientHello(clientHello(extensions))).toMatchObject({ kind: 'malformed' });
  });

  test('is not waited for beyond its largest size', () => {
    const large = clientHello([extension(21, Buffer.alloc(LARGEST_HELLO)), serverName('a.test')]);
    expect(readClientHello(large)).toMatchObject({ kind: 'malformed' });
    expect(readGrowing(large)).toMatchObject({ kind: 'malformed' });
  });

  test('gives one verdict, whatever was changed in it and however it comes', () => {
    const original = clientHello(
      [extension(10, Buffer.from('0006001d00170018', 'hex')), serverName('allowed.test')],
      [60, 40, 500],
    );
    const edit = fc.record({ at: fc.nat(original.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 4 }), fc.nat(original.length), (edits, cut) => {
        const bytes = Buffer.from(original);
        for (const { at, byte } of edits) bytes[at] = byte;
        const shortened = bytes.subarray(0, bytes.length - (cut % 20));
        const whole = readClientHello(shortened);
        const growing = readGrowing(shortened);
        expect(growing.kind).toBe(whole.kind);
        if (whole.kind !== 'more') expect(growing).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });

  test('is never found in noise, which is never waited for without end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        const result = readClientHello(Buffer.concat([Buffer.from([22, 3, 1]), noise]));
        expect(result.kind).not.toBe('hello');
        if (result.kind === 'more') expect(result.needed).toBeLessThanOrEqual(LARGEST_HELLO + 5);
      }),
      { numRuns: 300 },
    );
  });
});

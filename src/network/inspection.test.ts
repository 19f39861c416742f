/** Claims about what a client may send on: only what names the host that was dialled, however its bytes are cut. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientHello, serverName } from './client-hello.fixture.ts';
import { Inspection } from './inspection.ts';
import { NameGate } from './streams.fixture.ts';

const HOST = 'Host: allowed.test\r\n';
const gate = new NameGate(1, ['allowed.test'], ['denied.test']);

interface Outcome {
  readonly passed: string;
  readonly complaint?: string;
}

function inspect(pieces: readonly Buffer[], named = 'allowed.test'): Outcome {
  const inspection = new Inspection({ host: named, port: 80 }, gate);
  let passed = '';
  for (const piece of pieces) {
    const { pass, complaint } = inspection.write(piece);
    for (const part of pass) passed += part.toString('latin1');
    if (complaint !== undefined) return { passed, complaint: complaint.detail };
  }
  return { passed };
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const singly = (all: Buffer): Buffer[] => Array.from(all, (byte) => Buffer.from([byte]));

/** The outcome, which is the same at once, byte by byte and cut in two anywhere. */
function outcome(input: string | Buffer, named?: string): Outcome {
  const all = typeof input === 'string' ? bytes(input) : input;
  const whole = inspect([all], named);
  expect(inspect(singly(all), named)).toEqual(whole);
  for (let cut = 1; cut < Math.min(all.length, 600); cut++) {
    expect(inspect([all.subarray(0, cut), all.subarray(cut)], named)).toEqual(whole);
  }
  return whole;
}

describe('HTTP that names what was dialled', () => {
  test.each([
    `GET / HTTP/1.1\r\n${HOST}\r\n`,
    'GET / HTTP/1.0\r\n\r\n',
    'GET http://allowed.test/x?y HTTP/1.1\r\nHost: ALLOWED.test.\r\n\r\n',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\n${HOST}\r\n`,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\nGET /2 HTTP/1.1\r\n${HOST}\r\n`,
    `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
    `GET /\xe9 HTTP/1.1\r\n${HOST}X: \xff\r\n\r\n`,
  ])('passes unchanged: %j', (text) => {
    expect(outcome(text)).toEqual({ passed: text });
  });

  test('passes a name that a policy does not deny where an address was dialled, and refuses one that it denies', () => {
    const text = 'GET / HTTP/1.1\r\nHost: any.test\r\n\r\n';
    expect(outcome(text, '192.0.2.1')).toEqual({ passed: text });
    expect(outcome(text.replace('any', 'denied'), '192.0.2.1')).toMatchObject({ passed: '' });
  });

  test('loses an offer of h2c, in which each stream names its own host', () => {
    const text = `GET / HTTP/1.1\r\n${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\nX: y\r\n\r\n`;
    expect(outcome(text)).toEqual({ passed: 'GET / HTTP/1.1\r\nhost: allowed.test\r\nx: y\r\n\r\n' });
  });

  test.each([
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 'frames'],
    ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n', 'frames'],
    ['HTTP/1.1 200 OK\r\n\r\n', ''],
  ])('becomes a web socket only after the server agreed: %j', (answer, after) => {
    const inspection = new Inspection({ host: 'allowed.test', port: 80 }, gate);
    const text = `GET / HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    expect(inspection.write(bytes(text)).pass).toEqual([bytes(text)]);
    expect(inspection.write(bytes('frames')).pass).toEqual([]);
    const passages = singly(bytes(answer)).flatMap((byte) =>
      inspection.awaitsAnswer ? inspection.answer(byte).pass : [],
    );
    expect(Buffer.concat(passages).toString()).toBe(after);
    expect(inspection.open).toBe(after !== '');
  });
});

describe('HTTP that could be read in two ways', () => {
  const request = (...lines: string[]) =>
    `POST / HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
  const first = 'Host: allowed.test';
  test.each([
    ['another host', request('Host: denied.test')],
    ['two hosts', request(first, 'Host: denied.test')],
    ['the same host twice', request(first, first)],
    ['no host', request('X: y')],
    ['an empty host', request('Host:')],
    ['a host and a list', request('Host: allowed.test, denied.test')],
    ['user information', request('Host: allowed.test@denied.test')],
    ['a folded host', request('Host: x', ' denied.test', first)],
    ['a blank before the colon', request(first, 'Host : denied.test')],
    ['NUL', request('Host: allowed.test\0.denied.test')],
    ['a bare CR', request('Host: allowed.test\rHost: denied.test')],
    ['bare LF', 'GET / HTTP/1.1\nHost: allowed.test\n\n'],
    ['a target elsewhere', `GET http://denied.test/ HTTP/1.1\r\n${HOST}\r\n`],
    ['a host elsewhere', 'GET http://allowed.test/ HTTP/1.1\r\nHost: denied.test\r\n\r\n'],
    ['a target with a user', `GET http://allowed.test@denied.test/ HTTP/1.1\r\n${HOST}\r\n`],
    ['a backslash', `GET http://denied.test\\@allowed.test/ HTTP/1.1\r\n${HOST}\r\n`],
    ['a fragment', `GET http://denied.test#@allowed.test/ HTTP/1.1\r\n${HOST}\r\n`],
    ['another scheme', `GET ftp://allowed.test/ HTTP/1.1\r\n${HOST}\r\n`],
    ['two blanks', `GET  / HTTP/1.1\r\n${HOST}\r\n`],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/0.9', 'GET /\r\n'],
    ['CONNECT', 'CONNECT allowed.test:80 HTTP/1.1\r\nHost: allowed.test\r\n\r\n'],
    ['TRACE', `TRACE / HTTP/1.1\r\n${HOST}\r\n`],
    ['both lengths', request(first, 'Content-Length: 4', 'Transfer-Encoding: chunked')],
    ['two lengths', request(first, 'Content-Length: 4', 'Content-Length: 4')],
    ['a list of lengths', request(first, 'Content-Length: 4, 4')],
    ['a signed length', request(first, 'Content-Length: +4')],
    ['an odd coding', request(first, 'Transfer-Encoding: xchunked')],
    ['two codings', request(first, 'Transfer-Encoding: gzip, chunked')],
    ['two coding fields', request(first, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity')],
    ['chunks in HTTP/1.0', request(first, 'Transfer-Encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0')],
    ['too many fields', request(first, ...Array.from({ length: 100 }, () => 'X: y'))],
    ['an empty name', request(first, ': y')],
    ['a PROXY line', `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: denied.test\r\n\r\n`],
  ])('with %s is refused, and nothing of it passes', (_what, text) => {
    expect(outcome(text)).toEqual({ passed: '', complaint: expect.any(String) });
  });

  const chunked = request(first, 'Transfer-Encoding: chunked');
  test.each([
    ['a length that is too large', 'ffffffffffffffff1\r\n'],
    ['a length with a blank', '5 \r\n'],
    ['a length with a sign', '0x5\r\n'],
    ['a line that ends with LF', '5\nhello'],
    ['a trailer that names a host', '0\r\nHost: denied.test\r\n\r\n'],
  ])('with a chunk of %s is refused after its head', (_what, body) => {
    const { passed, complaint } = outcome(chunked + body);
    expect(complaint).toBeDefined();
    expect(chunked + body).toContain(passed);
    expect(passed).not.toContain('denied');
  });

  test.each([
    ['a body', `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`],
    ['chunks', `${chunked}5\r\nhello\r\n0\r\n\r\n`],
    ['nothing', `GET / HTTP/1.1\r\n${HOST}\r\n`],
  ])('is refused as a second request after %s', (_what, before) => {
    const other = 'GET /smuggled HTTP/1.1\r\nHost: denied.test\r\n\r\n';
    expect(outcome(before + other)).toEqual({
      passed: before,
      complaint: expect.stringContaining('denied.test'),
    });
    expect(outcome(before + other.replace('denied', 'allowed')).complaint).toBeUndefined();
  });

  test.each([
    'get / HTTP/1.1\r\nHost: denied.test\r\n\r\n',
    'FROBNICATE / HTTP/1.1\r\nHost: denied.test\r\n\r\n',
    '\r\n\r\nGET / HTTP/1.1\r\nHost: denied.test\r\n\r\n',
    ' GET / HTTP/1.1\r\nHost: denied.test\r\n\r\n',
  ])('is ended before a server can know the host: %j', (text) => {
    for (const pieces of [[bytes(text)], singly(bytes(text))]) {
      const { passed, complaint } = inspect(pieces);
      expect(complaint).toBeDefined();
      expect(passed).not.toMatch(/HTTP\/1.1\r\n/);
    }
  });
});

describe('TLS', () => {
  const to = (name: string) => clientHello([serverName(name)]);
  test('passes with the name that was dialled or with none, and is refused with another', () => {
    const same = to('allowed.test');
    expect(outcome(same)).toEqual({ passed: same.toString('latin1') });
    const none = clientHello([]);
    expect(outcome(none)).toEqual({ passed: none.toString('latin1') });
    expect(outcome(to('denied.test'))).toEqual({
      passed: '',
      complaint: 'TLS asks for denied.test on a connection that was made to allowed.test',
    });
  });

  test('is looked at too where PostgreSQL asked for it', () => {
    const request = bytes('\0\0\0\x08\x04\xd2\x16\x2f');
    expect(outcome(Buffer.concat([request, to('denied.test')]))).toMatchObject({
      passed: request.toString('latin1'),
    });
    const same = Buffer.concat([request, to('allowed.test')]);
    expect(outcome(same)).toEqual({ passed: same.toString('latin1') });
  });
});

describe('other protocols', () => {
  test.each([
    'SSH-2.0-OpenSSH_9.2\r\n',
    'PING\r\n',
    '*1\r\n$4\r\nPING\r\n',
    'EHLO here\r\n',
    'OPTIONS rtsp://allowed.test/ RTSP/1.0\r\nCSeq: 1\r\n\r\n',
    '\0\0\0\x51\0\x03\0\0user\0postgres\0\0',
    '\x20\0\0\x01\x85\xae',
    '\x10\x0c\0\x04MQTT',
    '{"jsonrpc":"2.0"',
    'ping',
    '0032git-upload-pack /project.git\0host=allowed.test\0',
  ])('pass as they come: %j', (text) => {
    expect(outcome(text)).toEqual({ passed: text });
  });
});

describe('whatever is sent', () => {
  const words = fc.constantFrom(
    ...[
      'GET ',
      'POST ',
      '/',
      ' HTTP/1.1\r\n',
      ' HTTP/1.0\r\n',
      'Host: allowed.test\r\n',
      'Host: denied.test\r\n',
      '\r\n',
    ],
    ...[
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      '3\r\nabc\r\n',
      '0\r\n\r\n',
      'abc',
      ' ',
      '\n',
      '\0',
      ':',
    ],
    ...[
      'Upgrade: websocket\r\n',
      'Connection: upgrade\r\n',
      'http://allowed.test/',
      'http://denied.test/',
      '\x16\x03\x01',
    ],
  );
  const whole = fc.constantFrom(
    `GET / HTTP/1.1\r\n${HOST}\r\n`,
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`,
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`,
  );

  test('has one outcome however it is cut, and no head that passes names another host', () => {
    const input = fc.array(fc.oneof(words, whole), { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(input, fc.array(fc.nat(200), { maxLength: 6 }), (text, cuts) => {
        const all = bytes(text);
        const result = inspect([all]);
        const pieces: Buffer[] = [];
        let at = 0;
        for (const cut of [...cuts, all.length]) {
          pieces.push(all.subarray(at, at + cut));
          at += cut;
        }
        const parts = pieces.filter(({ length }) => length > 0);
        const cut = inspect(parts);
        expect(cut.complaint).toBe(result.complaint);
        if (/^(GET|POST) /.test(text)) expect(cut).toEqual(result);
        if (/^(GET|POST) [^\n]*HTTP\//.test(text)) {
          expect(result.passed).not.toMatch(/^(GET|POST) [^\n]*\r\n([^\n]+\r\n)*Host: denied/);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test('is never held beyond the largest head', () => {
    for (const filler of ['x', 'X: y\r\n']) {
      const inspection = new Inspection({ host: 'allowed.test', port: 80 }, gate);
      const text = `GET / HTTP/1.1\r\n${filler.repeat(40_000)}`;
      expect(inspection.write(bytes(text)).complaint?.reason).toBe('protocol');
      expect(inspection.pending).toBe(false);
    }
  });
});

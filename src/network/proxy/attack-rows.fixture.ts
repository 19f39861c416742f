/** Requests to a proxy that mean two hosts, no host, or a host in disguise; ids are those of the attack catalogue. */

export const A = 'allowed.test:8080';
export const D = 'denied.test:8080';

export interface Row {
  readonly id: string;
  readonly line: string;
  readonly host?: string;
  /** Lines of the head after `Host`, each with its end. */
  readonly extra?: string;
  readonly body?: string;
}

/** What is sent is one character for each byte. */
function bytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function numbered(id: string, lines: readonly string[]): Row[] {
  return lines.map((line, index) => ({ id: `${id}.${String(index).padStart(2, '0')}`, line: bytes(line) }));
}

const LETTERS = ['', ...'bcdefghi'];

function lettered(id: string, lines: readonly string[]): Row[] {
  return lines.map((line, index) => ({ id: `${id}${LETTERS[index]}`, line }));
}

const onPort = (name: string) => `${name}:8080`;

const SPELLINGS = [
  ...['127.0.0.1', '127.1', '127.0.1', '0x7f.1', '0x7f000001', '2130706433', '0177.0.0.1', '017700000001'],
  ...['0', '0.0.0.0', '[::1]', '[::]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]'],
  ...['[::127.0.0.1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[::1%25lo]', '[::1%lo]', '::1'],
  ...['localhost', 'localhost.', 'LocalHost', 'x.localhost', 'ip6-localhost', '127.0.0.1.'],
  ...['127\u30020\u30020\u30021', '\uff11\uff12\uff17.0.0.1', '127.0.0.1%2f.wild.test'],
  ...['169.254.169.254', '0xa9fea9fe', '2852039166', '[::ffff:a9fe:a9fe]', '[fd00:ec2::254]'],
  ...['metadata.google.internal', '10.99.0.9', '[::ffff:10.99.0.9]', '10.99.0.2', '0x0a630002'],
];

const PORTS = [
  ...['22', '25', '0', '-1', '65536', '73616', '99999999999', '', ' 8080', '8080x', '+8080', '0x1f90'],
  ...['008080', '8080:443', '\uff11'],
];

const LONG = 'a'.repeat(60);
const MALFORMED = [
  ...['http://denied.test:8080', 'denied.test:8080/../allowed.test', '//denied.test:8080', 'denied.test'],
  ...[
    ':8080',
    '8080',
    '*:8080',
    '[denied.test]:8080',
    '[allowed.test]:8080',
    'allowed.test:8080/@denied.test',
  ],
  ...[`${'a'.repeat(64)}.wild.test:8080`, `${[LONG, LONG, LONG, LONG, LONG, LONG].join('.')}.wild.test:8080`],
  `${'a'.repeat(70_000)}.wild.test:8080`,
];

/** No tunnel, and no name outside the list may be dialled. */
export const CONNECTS: readonly Row[] = [
  { id: 'N-P01', line: D },
  { id: 'N-P02', line: D, host: A },
  { id: 'N-P07', line: 'allowed.test@denied.test:8080' },
  { id: 'N-P09', line: onPort('denied.test.') },
  { id: 'N-P09c', line: onPort('allowed.test..') },
  { id: 'N-P10b', line: onPort('DENIED.TEST') },
  ...lettered(
    'N-P11',
    [
      ...['allowed.test.evil.test', 'evilallowed.test', 'xwild.test', 'wild.test', 'a.wild.test.evil.test'],
      ...['.wild.test', '*.wild.test', 'a..wild.test'],
    ].map(onPort),
  ),
  { id: 'N-P12', line: onPort('denied.test\0.wild.test') },
  { id: 'N-P12b', line: onPort('denied.test%00.wild.test') },
  { id: 'N-P12d', line: onPort('denied.test\xc0\x80.wild.test') },
  ...lettered(
    'N-P13',
    [
      ...['denied.test\r\nX: .wild.test', 'denied.test\n.wild.test', 'denied.test:8080\t.wild.test'],
      ...['denied.test:8080 a.wild.test', 'denied.test:8080%0d%0aHost:%20a.wild.test', '%64enied.test'],
    ].map(onPort),
  ),
  ...lettered(
    'N-P14',
    [
      ...['\uff44enied.test', 'denied\u3002test', 'den\u00adied.test', 'xn--dnied-bsa.test'],
      ...['\u212bllowed.test', 'a.wild.test\u2024evil.test'],
    ].map((name) => onPort(bytes(name))),
  ),
  ...numbered('N-P15', SPELLINGS.map(onPort)),
  ...numbered(
    'N-P18',
    PORTS.map((port) => `allowed.test:${port}`),
  ).filter(({ line }) => !/:(22|25)$/.test(line)), // those two are for the rules: see gate-escapes
  ...numbered('N-P35', MALFORMED),
];

const SMUGGLED = `GET http://${D}/smuggled HTTP/1.1\r\nHost: ${D}\r\n\r\n`;

/** The same for whole addresses and what else may stand in a request line. */
export const REQUESTS: readonly Row[] = [
  { id: 'N-P03', line: `GET http://${D}/` },
  { id: 'N-P04', line: `GET http://${A}/`, host: D },
  { id: 'N-P05', line: 'GET /', host: D },
  { id: 'N-P06', line: `GET http://allowed.test@${D}/`, host: A },
  { id: 'N-P06b', line: `GET http://${A}@${D}/`, host: A },
  ...lettered('N-P08', [
    ...['GET http://denied.test:8080\\@allowed.test/', 'GET http://allowed.test\\@denied.test:8080/'],
    ...['GET http://denied.test:8080#@allowed.test/', 'GET http://denied.test:8080?@allowed.test/'],
    ...['GET http:/\\denied.test:8080/', 'GET http:///denied.test:8080/'],
  ]).map((row) => ({ ...row, host: A })),
  { id: 'N-P12c', line: 'GET http://denied.test\0.wild.test:8080/', host: A },
  {
    id: 'N-P20',
    line: `POST http://${A}/`,
    host: A,
    extra: 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n',
    body: `0\r\n\r\n${SMUGGLED}`,
  },
  {
    id: 'N-P20b',
    line: `POST http://${A}/`,
    host: A,
    extra: 'Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n',
    body: '0\r\n\r\n',
  },
  {
    id: 'N-P20c',
    line: `POST http://${A}/`,
    host: A,
    extra: 'Content-Length: 5\r\nContent-Length: 0\r\n',
    body: 'GET h',
  },
  { id: 'N-P27', line: `GET http://${A}/`, host: A, extra: `Host: ${D}\r\n` },
  { id: 'N-P27b', line: 'GET /', host: A, extra: `Host: ${D}\r\n` },
  { id: 'N-P27c', line: 'GET /', host: 'x', extra: `Host : ${D}\r\n` },
  { id: 'N-P27d', line: 'GET /', host: A, extra: ` ${D}\r\n` },
  {
    id: 'N-P28',
    line: `GET http://${D}/`,
    host: D,
    extra:
      'X-Forwarded-Host: allowed.test\r\nForwarded: host=allowed.test\r\nX-Original-URL: http://allowed.test/\r\n',
  },
  { id: 'N-P29', line: `TRACE http://${A}/`, host: A, extra: 'Max-Forwards: 0\r\n' },
  { id: 'N-P32c', line: 'GET /', host: 'localhost' },
  ...numbered('N-P34', [
    ...['GET ftp://allowed.test/', 'GET file:///etc/hostname', 'GET gopher://allowed.test:8080/_x'],
    ...['GET http+unix://%2fvar%2frun%2fdocker.sock/info', 'GET unix:/var/run/docker.sock:/info'],
    ...['GET data:text/plain,CANARY', 'GET jar:http://denied.test:8080/!/', 'GET https://denied.test:8080/'],
    ...['GET ws://denied.test:8080/', 'GET //denied.test:8080/', 'GET http://', 'GET *', 'GET '],
  ]).map((row) => ({ ...row, host: A })),
];

/** Whoever answers, it is the allowed host and no other; a refusal is as good. */
export const EITHER: readonly Row[] = [
  { id: 'N-P13g', line: `GET http://${A}/%0d%0aGET%20http://${D}/%20HTTP/1.1%0d%0a`, host: A },
  {
    id: 'N-P20d',
    line: `POST http://${A}/`,
    host: A,
    extra: 'Transfer-Encoding: chunked\r\n',
    body: 'ffffffffffffffff1\r\nx\r\n0\r\n\r\n',
  },
  {
    id: 'N-P21',
    line: `GET http://${A}/1`,
    host: A,
    body: `GET http://${D}/2 HTTP/1.1\r\nHost: ${D}\r\n\r\n`,
  },
  { id: 'N-P22', line: `GET http://${A}/1`, host: A, body: `GET /2 HTTP/1.1\r\nHost: ${D}\r\n\r\n` },
  {
    id: 'N-P24',
    line: `GET http://${A}/ws`,
    host: A,
    extra:
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n',
  },
  {
    id: 'N-P24b',
    line: `GET http://${A}/h2c`,
    host: A,
    extra: 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n',
  },
];

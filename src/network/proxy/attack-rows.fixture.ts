/** Requests to a proxy that mean two hosts, no host, or a host in disguise; ids are those of the attack catalogue. */

export const A = 'allowed.test:8080';
export const D = 'denied.test:8080';

export interface Row {
  readonly id: string;
  readonly line: string;
  readonly host?: string;
  readonly extra?: string;
}

/** Of the attack catalogue, by its ids: nothing may come back, and no name outside the list may be dialled. */
export const CONNECTS: readonly Row[] = [
  { id: 'N-P01', line: D },
  { id: 'N-P02', line: D, host: A },
  { id: 'N-P07', line: 'allowed.test@denied.test:8080' },
  ...['denied.test.:8080', 'allowed.test..:8080', 'DENIED.TEST:8080'].map((line) => ({ id: 'N-P09', line })),
  ...[
    'allowed.test.evil.test',
    'evilallowed.test',
    'xwild.test',
    'wild.test',
    '.wild.test',
    '*.wild.test',
    'a..wild.test',
  ].map((name) => ({ id: 'N-P11', line: `${name}:8080` })),
  ...[
    'denied.test\0.wild.test',
    'denied.test%00.wild.test',
    'denied.test\xc0\x80.wild.test',
    'denied.test\r\nX: .wild.test',
  ].map((name) => ({ id: 'N-P12', line: `${name}:8080` })),
  ...[
    'denied.test\n.wild.test',
    'denied.test:8080\t.wild.test',
    'denied.test:8080 a.wild.test',
    '%64enied.test',
  ].map((name) => ({
    id: 'N-P13',
    line: `${name}:8080`,
  })),
  ...['\xef\xbd\x84enied.test', 'den\xc2\xadied.test', 'xn--dnied-bsa.test'].map((name) => ({
    id: 'N-P14',
    line: `${name}:8080`,
  })),
  ...[
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '2130706433',
    '0177.0.0.1',
    '0',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::1%25lo]',
  ].map((name) => ({ id: 'N-P15', line: `${name}:8080` })),
  ...[
    '::1',
    'localhost',
    'x.localhost',
    '127.0.0.1.',
    '169.254.169.254',
    '0xa9fea9fe',
    'metadata.google.internal',
  ].map((name) => ({
    id: 'N-P15',
    line: `${name}:8080`,
  })),
  ...['0', '-1', '65536', '99999999999', '', ' 8080', '8080x', '0x1f90', '+8080', '008080', '8080:443'].map(
    (port) => ({
      id: 'N-P18',
      line: `allowed.test:${port}`,
    }),
  ),
  ...[
    'http://denied.test:8080',
    'denied.test:8080/../allowed.test',
    '//denied.test:8080',
    'denied.test',
    ':8080',
    '8080',
    '*:8080',
  ].map((line) => ({ id: 'N-P35', line })),
  ...[
    '[allowed.test]:8080',
    'allowed.test:8080/@denied.test',
    `${'a'.repeat(64)}.wild.test:8080`,
    `${'a'.repeat(70_000)}.wild.test:1`,
  ].map((line) => ({ id: 'N-P35', line })),
];

/** The same for whole addresses and what else may stand in a request line. */
export const REQUESTS: readonly Row[] = [
  { id: 'N-P03', line: `GET http://${D}/` },
  { id: 'N-P04', line: `GET http://${A}/`, host: D },
  { id: 'N-P05', line: 'GET /', host: D },
  { id: 'N-P06', line: `GET http://allowed.test@${D}/`, host: A },
  ...[
    'http://denied.test:8080\\@allowed.test/',
    'http://allowed.test\\@denied.test:8080/',
    'http://denied.test:8080#@allowed.test/',
  ].map((target) => ({ id: 'N-P08', line: `GET ${target}`, host: A })),
  ...['http://denied.test:8080?@allowed.test/', 'http:/\\denied.test:8080/', 'http:///denied.test:8080/'].map(
    (target) => ({
      id: 'N-P08',
      line: `GET ${target}`,
      host: A,
    }),
  ),
  {
    id: 'N-P20',
    line: `POST http://${A}/`,
    host: A,
    extra: 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n',
  },
  {
    id: 'N-P20b',
    line: `POST http://${A}/`,
    host: A,
    extra: 'Content-Length: 4\r\nTransfer-Encoding: xchunked\r\n',
  },
  { id: 'N-P20c', line: `POST http://${A}/`, host: A, extra: 'Content-Length: 5\r\nContent-Length: 0\r\n' },
  { id: 'N-P27', line: `GET http://${A}/`, host: A, extra: `Host: ${D}\r\n` },
  { id: 'N-P27c', line: `GET http://${A}/`, host: 'x', extra: `Host : ${D}\r\n` },
  { id: 'N-P27d', line: `GET http://${A}/`, host: A, extra: ` ${D}\r\n` },
  { id: 'N-P28', line: `GET http://${D}/`, host: D, extra: 'X-Forwarded-Host: allowed.test\r\n' },
  { id: 'N-P29', line: `TRACE http://${A}/`, host: A, extra: 'Max-Forwards: 0\r\n' },
  ...[
    'ftp://allowed.test/',
    'file:///etc/hostname',
    'http+unix://%2fvar%2frun%2fdocker.sock/info',
    'data:text/plain,CANARY',
  ].map((target) => ({ id: 'N-P34', line: `GET ${target}`, host: A })),
  ...['https://denied.test:8080/', 'ws://denied.test:8080/', '//denied.test:8080/', 'http://', '*', ''].map(
    (target) => ({
      id: 'N-P34',
      line: `GET ${target}`,
      host: A,
    }),
  ),
];

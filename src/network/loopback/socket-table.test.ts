import { expect, test } from 'vitest';
import { listeningSockets } from './socket-table.ts';

/** Lines as Linux 6.18 wrote them. */
const FOUR = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 123 1 0 100 0 0 10 0
   1: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 124 1 0 100 0 0 10 0
   2: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1001        0 125 1 0 100 0 0 10 0
`;
const SIX = `  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000001000000:1F93 00000000000000000000000000000000:0000 0A 00000000:00000000
   2: 0000000000000000FFFF00000100007F:1F94 00000000000000000000000000000000:0000 0A 00000000:00000000
   3: B80D0120000000000000000001000000:1F95 00000000000000000000000000000000:0000 0A 00000000:00000000
`;

test('tells who listens, and leaves out connections', () => {
  expect(listeningSockets(FOUR)).toEqual([
    { address: '127.0.0.1', port: 8080 },
    { address: '0.0.0.0', port: 3000 },
  ]);
  expect(listeningSockets(SIX)).toEqual([
    { address: '::', port: 8082 },
    { address: '::1', port: 8083 },
    { address: '127.0.0.1', port: 8084 },
    { address: '2001:db8::1', port: 8085 },
  ]);
});

test('makes nothing of an empty or a strange table', () => {
  for (const text of ['', '\n', 'x', '0: zz 0 0A', '0: 01:1 0 0A'])
    expect(listeningSockets(text)).toEqual([]);
});

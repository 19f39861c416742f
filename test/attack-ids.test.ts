/** Every row of these classes of the attack catalogue is either run, under its id, or listed with the reason why it cannot be. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ATTACK_IDS, NOT_RUN } from './fixtures/attack-ids.ts';
import { LOG_ROWS } from './fixtures/log-attacks.ts';
import { DIRECT_ROWS } from './fixtures/network-attacks.ts';
import { SOCKS_ROWS } from './fixtures/socks-attacks.ts';

/** Ids that titles of the suite's own tests begin with. */
function titled(suite: string): string[] {
  const text = readFileSync(new URL(`escape/${suite}.test.ts`, import.meta.url), 'utf8');
  return [...text.matchAll(/['`]((?:N-[DS]|L-)\d+[a-z]?)[':]/g)].map(([, id]) => id!);
}

const rows = [...DIRECT_ROWS, ...SOCKS_ROWS, ...LOG_ROWS].map(({ id }) => id);
const run = new Set([...rows, ...['network-attacks', 'socks-attacks', 'log-attacks'].flatMap(titled)]);

test('no id stands for two rows', () => {
  expect(rows.filter((id, index) => rows.indexOf(id) !== index)).toEqual([]);
});

test('each id is run or listed, and none is both', () => {
  const listed = Object.keys(NOT_RUN);
  expect([...run, ...listed].sort()).toEqual([...ATTACK_IDS].sort());
});

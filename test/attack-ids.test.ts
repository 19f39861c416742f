/** Every row of these classes of the attack catalogue is either run, under its id, or listed with the reason why it cannot be. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ATTACK_IDS, NOT_RUN } from './fixtures/attack-ids.ts';
import { REFUSED_ROWS } from './fixtures/configuration-attacks.ts';
import { KEPT_ROWS } from './fixtures/configuration-kept.ts';
import { LOG_ROWS } from './fixtures/log-attacks.ts';
import { DIRECT_ROWS } from './fixtures/network-attacks.ts';
import { SOCKS_ROWS } from './fixtures/socks-attacks.ts';

/** Ids that titles of the suite's own tests begin with. */
function titled(suite: string): string[] {
  const text = readFileSync(new URL(`escape/${suite}.test.ts`, import.meta.url), 'utf8');
  return [...text.matchAll(/['`]((?:N-[DS]|[FL]-)\d+(?:\.\d+|[a-z])?)[':]/g)].map(([, id]) => id!);
}

const rows = [...DIRECT_ROWS, ...SOCKS_ROWS, ...LOG_ROWS, ...REFUSED_ROWS, ...KEPT_ROWS].map(({ id }) => id);
/** Suites in which rows have a test of their own. */
const SUITES = ['network-attacks', 'socks-attacks', 'log-attacks', 'configuration-attacks', 'network-names'];
const run = new Set([...rows, ...SUITES.flatMap(titled)]);

test('no id stands for two rows', () => {
  expect(rows.filter((id, index) => rows.indexOf(id) !== index)).toEqual([]);
});

test('each id is run or listed, and none is both', () => {
  const listed = Object.keys(NOT_RUN);
  expect([...run, ...listed].sort()).toEqual([...ATTACK_IDS].sort());
});

/** Every row of these classes of the attack catalogue is either run, under its id, or listed with the reason why it cannot be. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ATTACK_IDS, NOT_RUN } from './fixtures/attack-ids.ts';
import { REFUSED_ROWS } from './fixtures/configuration-attacks.ts';
import { KEPT_ROWS } from './fixtures/configuration-kept.ts';
import { DAILY_WORK } from './fixtures/daily-work.ts';
import { HOME_ROWS, PROJECT_ROWS } from './fixtures/deferred-rows.ts';
import { LOG_ROWS } from './fixtures/log-attacks.ts';
import { DIRECT_ROWS } from './fixtures/network-attacks.ts';
import { BOUNDED_ACTS, ENDING_ACTS, PASSING_ACTS } from './fixtures/resource-attacks.ts';
import { SOCKS_ROWS } from './fixtures/socks-attacks.ts';

const ID = String.raw`(?:N-[DS]|C-[A-Z]|[FTILMRSZ]-)\d+(?:\.\d+|[a-z])?`;
const QUOTED = new RegExp(`['"\`](${ID}(?:, ${ID})*)['"\`:]`, 'g');

/** Suites in which rows have a test of their own. */
const SUITES = [
  ...['network-attacks', 'network-names', 'socks-attacks', 'log-attacks', 'configuration-attacks'],
  ...['race-attacks', 'act-races', 'service-attacks', 'terminal-attacks', 'lifetime-attacks'],
  ...['deferred-commands', 'supervisor-attacks', 'supervisor-loss', 'start-attacks', 'inherited-attacks'],
  'resource-attacks',
];

const E2E_SUITES = ['keeps-working', 'keeps-working-network'];

/** Ids that a suite names: titles begin with them, or they are all that a text is. */
function named(suite: string): string[] {
  const text = readFileSync(new URL(`${suite}.test.ts`, import.meta.url), 'utf8');
  return [...text.matchAll(QUOTED)].flatMap(([, ids]) => ids!.split(', '));
}

const ALL = [PROJECT_ROWS, HOME_ROWS, DIRECT_ROWS, SOCKS_ROWS, LOG_ROWS, REFUSED_ROWS, KEPT_ROWS, DAILY_WORK];
const rows = ALL.flatMap((each) => each.map(({ id }) => id));
const run = new Set([
  ...rows,
  // Some of these stand for one row together.
  ...[...BOUNDED_ACTS, ...ENDING_ACTS, ...PASSING_ACTS].map(({ id }) => id),
  ...SUITES.flatMap((suite) => named(`escape/${suite}`)),
  ...E2E_SUITES.flatMap((suite) => named(`e2e/${suite}`)),
]);

test('no id stands for two rows', () => {
  expect(rows.filter((id, index) => rows.indexOf(id) !== index)).toEqual([]);
});

test('each id is run or listed, and none is both', () => {
  const listed = Object.keys(NOT_RUN);
  expect([...run, ...listed].sort()).toEqual([...ATTACK_IDS].sort());
});

import { expect, test } from 'vitest';
import { type Traffic, TrafficLedger } from './traffic-ledger.ts';

const visit: Traffic = {
  kind: 'egress',
  host: 'api.example.com',
  port: 443,
  program: '/usr/bin/node',
  up: 10,
  down: 100,
};

test('adds up by program and place, and says what is new', () => {
  const ledger = new TrafficLedger();
  const other = { ...visit, program: '/usr/bin/curl' };
  expect([visit, visit, other].map((each) => ledger.add(each))).toEqual([true, false, true]);
  expect(ledger.totals).toEqual([
    { ...visit, connections: 2, up: 20, down: 200 },
    { ...other, connections: 1 },
  ]);
});

test('stays bounded, and loses no byte', () => {
  const ledger = new TrafficLedger();
  for (let port = 1; port <= 5000; port++) ledger.add({ ...visit, port });
  expect(ledger.totals.length).toBe(1001);
  expect(ledger.totals.reduce((sum, { connections }) => sum + connections, 0)).toBe(5000);
  expect(ledger.totals.reduce((sum, { up }) => sum + up, 0)).toBe(50_000);
});

import { expect, test } from 'vitest';
import { Pace } from './question-pace.ts';

test('admits ten questions in a minute, and tells once that more came', () => {
  const pace = new Pace();
  const admitted = Array.from({ length: 12 }, (_, index) => pace.admits(0, index));
  expect(admitted.filter(Boolean).length).toBe(10);
  expect([pace.isNews(), pace.isNews()]).toEqual([true, false]);
  expect(pace.admits(0, 59_999)).toBe(false);
  expect(pace.admits(0, 60_000)).toBe(true);
  expect(pace.isNews()).toBe(false);
});

test('admits no more than eight that wait', () => {
  expect([new Pace().admits(7, 0), new Pace().admits(8, 0)]).toEqual([true, false]);
});

test('admits a thousand in all', () => {
  const pace = new Pace();
  const times = Array.from({ length: 1200 }, (_, index) => index * 60_000);
  expect(times.filter((now) => pace.admits(0, now)).length).toBe(1000);
});

import { expect, test } from 'vitest';
import { refusalText } from './refusal-answer.ts';
import type { Refusal } from './types.ts';

const destination = { host: 'vm.test', port: 80 };
const ruleOf = (refusal: Pick<Refusal, 'reason' | 'detail' | 'address' | 'rule'>) =>
  refusalText({ kind: 'refused', destination, ...refusal }, 'b1').split('\n')[3];

test.each([
  [{ reason: 'not-allowed', detail: 'no rule allows it' }, 'Rule: none names this host'],
  [{ reason: 'literal', detail: 'dialled as an address' }, 'Rule: none names this address'],
  [
    { reason: 'address', detail: 'it leads to 10.0.0.9', address: '10.0.0.9' },
    'Rule: none opens the address that it leads to; a rule for its name does not',
  ],
  [{ reason: 'unresolvable', detail: 'unknown' }, 'Rule: none, it is not refused by one'],
] as const)('a client that is refused as %j is told so of the rule', (refusal, told) => {
  expect(ruleOf(refusal)).toBe(told);
});

test('and the rule that refuses it, with its place', () => {
  const origin = { scope: 'user', file: '/f.json', line: 3, text: '"vm.test"' } as const;
  const rule = { pattern: 'vm.test', access: 'deny', origin } as const;
  expect(ruleOf({ reason: 'denied', detail: 'it is denied', rule })).toBe(
    'Rule: deny vm.test, from "vm.test" (/f.json:3)',
  );
});

import { expect, test } from 'vitest';
import { SandboxError } from '../errors.ts';
import { policyOf } from '../platform/linux/plan-cases.fixture.ts';
import type { Sourced } from '../policy/types.ts';
import { refuseOldLandlock, refuseUnaccepted } from './second-tier.ts';

const weaker = {
  why: 'this host allows none',
  fix: 'sudo sysctl -w user.max_user_namespaces=10000',
  guarantees: [{ id: 'hidden-names', claim: 'names can be found out' }],
  losses: ['no sockets'],
};

const said = (value: boolean, scope: 'builtin' | 'flag' | 'managed'): Sourced<boolean> => ({
  value,
  origin: { scope, text: 'acceptWeaker' },
});

test('what is missing refuses the run, by name, with both ways on', () => {
  const policy = policyOf([], { acceptWeaker: said(false, 'builtin') });
  expect(() => refuseUnaccepted(policy, weaker)).toThrow(
    expect.objectContaining({
      code: 'ERR_NAMESPACES_UNAVAILABLE',
      why: weaker.why,
      fix: `${weaker.fix}, or accept what is missing with --accept-weaker`,
      details: [expect.stringContaining('without these guarantees'), '- names can be found out'],
    }),
  );
});

test('where the administrator forbids it, the flag is not offered', () => {
  const policy = policyOf([], { acceptWeaker: said(false, 'managed') });
  expect(() => refuseUnaccepted(policy, weaker)).toThrow(expect.objectContaining({ fix: weaker.fix }));
});

test('what is accepted runs, and so does what misses nothing', () => {
  expect(() => refuseUnaccepted(policyOf([], { acceptWeaker: said(true, 'flag') }), weaker)).not.toThrow();
  const policy = policyOf([], { acceptWeaker: said(false, 'builtin') });
  expect(() => refuseUnaccepted(policy, { ...weaker, guarantees: [] })).not.toThrow();
});

test('a Landlock that cannot keep signals in does not help, and the command that mends the host is told', () => {
  const { why, fix } = weaker;
  const refusal = new SandboxError('ERR_NAMESPACES_UNAVAILABLE', { what: 'Cannot create', why, fix });
  expect(() => refuseOldLandlock(5, refusal)).toThrow(
    expect.objectContaining({
      code: refusal.code,
      why,
      fix,
      details: expect.arrayContaining([expect.stringContaining('ABI 5')]),
    }),
  );
  expect(() => refuseOldLandlock(6, refusal)).not.toThrow();
});

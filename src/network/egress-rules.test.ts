/** Claims about which rule decides, and that nothing hangs on the order in which rules are written. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DomainRule, Scope } from '../policy/types.ts';
import { EgressRules } from './egress-rules.ts';
import { rule, rulesOf } from './rules.fixture.ts';

const rules = (written: string) => new EgressRules(rulesOf(written));

function answer(written: string, host: string, port = 443): string {
  const decided = rules(written).decide({ host, port });
  return decided === undefined ? 'nothing' : `${decided.access} by ${decided.pattern}`;
}

describe('the rule that decides', () => {
  test.each([
    ['+allowed.test', 'allowed.test', 'allow by allowed.test'],
    ['+ALLOWED.Test.', 'allowed.test', 'allow by ALLOWED.Test.'],
    ['', 'allowed.test', 'nothing'],
    ['+allowed.test', 'denied.test', 'nothing'],
    ['+allowed.test', 'sub.allowed.test', 'nothing'],
    ['+allowed.test', 'evilallowed.test', 'nothing'],
    ['+allowed.test', 'allowed.test.evil.test', 'nothing'],
    ['+*.wild.test', 'a.wild.test', 'allow by *.wild.test'],
    ['+*.wild.test', 'a.b.wild.test', 'allow by *.wild.test'],
    ['+*.wild.test', 'wild.test', 'nothing'],
    ['+*.wild.test', 'xwild.test', 'nothing'],
    ['+*.wild.test', 'a.wild.test.evil.test', 'nothing'],
    ['+*.wild.test -a.wild.test', 'a.wild.test', 'deny by a.wild.test'],
    ['+*.wild.test -a.wild.test', 'b.wild.test', 'allow by *.wild.test'],
    ['-*.wild.test +a.wild.test', 'a.wild.test', 'allow by a.wild.test'],
    ['-*.wild.test +*.a.wild.test', 'b.a.wild.test', 'allow by *.a.wild.test'],
    ['+a.test -a.test', 'a.test', 'deny by a.test'],
    ['+a.test:443 -a.test', 'a.test', 'allow by a.test:443'],
    ['+a.test -a.test:443', 'a.test', 'deny by a.test:443'],
    ['+a.test:22', 'a.test', 'nothing'],
    ['+a.test -*.test:443', 'a.test', 'allow by a.test'],
    ['+a.test !*.test', 'a.test', 'deny by *.test'],
    ['+a.test !*.test:22', 'a.test', 'allow by a.test'],
    ['+10.0.0.1', '10.0.0.1', 'allow by 10.0.0.1'],
    ['+[::ffff:10.0.0.1]', '10.0.0.1', 'allow by [::ffff:10.0.0.1]'],
    ['+[2001:db8:0::1]', '2001:db8::1', 'allow by [2001:db8:0::1]'],
  ])('of %j for %s: %s', (written, host, expected) => {
    expect(answer(written, host)).toBe(expected);
  });

  test('a pattern that is no host is an error and not a rule without effect', () => {
    expect(() => rules('-exa%mple.com')).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
    expect(() => rules('-example.com')).not.toThrow();
  });
});

const labels = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 });
const host = labels.map((parts) => `${parts.join('.')}.test`);
const port = fc.constantFrom(22, 80, 443);
const anyRule = fc
  .tuple(
    fc.constantFrom('+', '-', '!'),
    fc.constantFrom('', '*.'),
    host,
    fc.option(port),
    fc.constantFrom<Scope>('user', 'flag'),
  )
  .map(([sign, star, name, at, scope]) => rule(`${sign}${star}${name}${at === null ? '' : `:${at}`}`, scope));
const someRules = fc.array(anyRule, { maxLength: 12 });

describe('whatever the rules are', () => {
  test('a ceiling holds though the same denial stands without it', () => {
    for (const written of ['-a.test !a.test +a.test:443', '!a.test -a.test +a.test:443'])
      expect(rules(written).decide({ host: 'a.test', port: 443 })).toEqual(rule('!a.test'));
    expect(answer('-a.test +a.test:443', 'a.test')).toBe('allow by a.test:443');
  });

  test('their order does not matter, and neither does writing one twice', () => {
    const shuffled = someRules.chain((list) =>
      fc.tuple(
        fc.constant(list),
        fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2, maxLength: list.length * 2 }),
      ),
    );
    fc.assert(
      fc.property(shuffled, host, port, ([list, other], name, at) => {
        const destination = { host: name, port: at };
        expect(new EgressRules(other).decide(destination)).toEqual(new EgressRules(list).decide(destination));
      }),
    );
  });

  test('one more denial never opens, one more allowance never closes', () => {
    fc.assert(
      fc.property(someRules, anyRule, host, port, (list, more, name, at) => {
        const open = (each: readonly DomainRule[]) =>
          new EgressRules(each).decide({ host: name, port: at })?.access === 'allow';
        if (more.access === 'deny') expect(open(list) || !open([...list, more])).toBe(true);
        else expect(!open(list) || open([...list, more])).toBe(true);
      }),
    );
  });

  test('nothing opens what a ceiling denies', () => {
    fc.assert(
      fc.property(someRules, host, port, (list, name, at) => {
        const ceiling = rule(`!${name}`, 'managed');
        expect(new EgressRules([...list, ceiling]).decide({ host: name, port: at })?.access).toBe('deny');
      }),
    );
  });

  test('a name is resolved exactly when some port of it may be reached', () => {
    fc.assert(
      fc.property(someRules, host, (list, name) => {
        const all = new EgressRules(list);
        const reached = [22, 80, 443, 1].some(
          (at) => all.decide({ host: name, port: at })?.access === 'allow',
        );
        expect(all.reaches(name)).toBe(reached);
      }),
    );
  });

  test('what is added and taken away again leaves the answers as they were', () => {
    fc.assert(
      fc.property(someRules, host, port, (list, name, at) => {
        const added = rule('+z.test:8080', 'flag');
        const all = new EgressRules(list);
        const before = all.decide({ host: name, port: at });
        all.add(added);
        expect(all.decide({ host: 'z.test', port: 8080 })).toEqual(added);
        expect(all.removeAllowances('Z.test.:8080')).toEqual([added]);
        expect(all.decide({ host: 'z.test', port: 8080 })).toBeUndefined();
        expect(all.decide({ host: name, port: at })).toEqual(before);
      }),
    );
  });
});

test('taking an allowance away leaves other ports, other patterns and every denial', () => {
  const all = rules('+a.test +a.test:22 +*.a.test -a.test:25');
  expect(all.removeAllowances('a.test').map(({ pattern }) => pattern)).toEqual(['a.test']);
  const left = [22, 25, 80].map((at) => all.decide({ host: 'a.test', port: at })?.access);
  expect(left).toEqual(['allow', 'deny', undefined]);
  expect(all.reaches('b.a.test')).toBe(true);
});

test('the denial of a name is named where there is one', () => {
  const all = rules('-*.a.test -b.a.test +c.test');
  expect([
    all.denialOf('b.a.test')?.pattern,
    all.denialOf('x.a.test')?.pattern,
    all.denialOf('c.test'),
  ]).toEqual(['b.a.test', '*.a.test', undefined]);
});

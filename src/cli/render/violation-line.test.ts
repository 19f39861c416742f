import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plainOutput } from '../../../test/fixtures/plain-output.ts';
import { Decider } from '../../policy/decide.ts';
import { denialOf, HOME, makePolicy, PROJECT } from '../../violations/cases.fixture.ts';
import { Recorder } from '../../violations/recorder.ts';
import type { Act, Denial, Violation } from '../../violations/types.ts';
import { renderLine } from './violation-line.ts';
import { explain, renderBlock, renderExplained } from './violations.ts';

const policy = makePolicy();
const THERE = { exists: () => true, isFile: () => true };
const decider = new Decider(policy);
const output = plainOutput();
const OTHER = `${HOME}/projects/other/x`;
const PLACES = {
  hidden: OTHER,
  credential: `${HOME}/.ssh/id`,
  system: '/usr/lib/x',
  protected: `${PROJECT}/.git/hooks/x`,
} as const;
const CAUSES: Readonly<Record<keyof typeof PLACES, (writes: boolean) => string>> = {
  hidden: () => 'no rule mentions it, and what no rule mentions is hidden',
  credential: () => 'holds ssh keys',
  system: (writes) => `programs and libraries${writes ? ', to be read and not written' : ''}`,
  protected: () => 'git runs hooks',
};
const SEEING: readonly Act[] = ['read', 'list', 'look-up', 'execute'];
const CHANGING: readonly Act[] = ['write', 'create', 'rename', 'remove', 'link', 'metadata'];

function record(...denials: readonly Denial[]): readonly Violation[] {
  const recorder = new Recorder({ policy, now: () => 0, write: () => {} });
  for (const denial of denials) recorder.record(denial);
  return recorder.violations;
}

function lines(...denials: readonly Denial[]): string[] {
  return record(...denials).map((violation) => renderLine(output, violation, HOME));
}

const table = Object.entries(PLACES).flatMap(([place, path]) =>
  [...SEEING, ...CHANGING].map((act) => [act, place as keyof typeof PLACES, path] as const),
);

describe('one denial is one record and one line', () => {
  test.each(table)('%s of what is %s', (act, place, path) => {
    const rule = decider.candidates(path)[0]?.rule;
    const actor = { pid: 812, program: '/usr/bin/tool' };
    const cause = CAUSES[place](CHANGING.includes(act));
    expect(lines(denialOf(path, { act, actor, ...(rule && { rule }) }))).toEqual([
      `✗ pinfold blocked ${act} ${path.replace(HOME, '~')}  by tool: ${cause}  [b1]\n`,
    ]);
  });

  const hosts: readonly (readonly [Act, string, number | undefined, string])[] = [
    ['connect', 'a.test', 443, 'a.test:443'],
    ['connect', '10.0.0.1', 22, '10.0.0.1:22'],
    ['connect', '2001:db8::1', 22, '[2001:db8::1]:22'],
    ['send', '192.0.2.1', 53, '192.0.2.1:53'],
    ['resolve', 'a.test', undefined, 'a.test'],
    ['resolve', 'a\x1b[2J.test', undefined, 'a\\e[2J.test'],
  ];
  test.each(hosts)('%s of the host %s %s', (act, host, port, shown) => {
    const subject = { kind: 'host' as const, host, ...(port !== undefined && { port }) };
    expect(lines(denialOf('', { act, subject }))).toEqual([
      `✗ pinfold blocked ${act} ${shown}: no rule allows this host  [b1]\n`,
    ]);
  });

  test.each([
    ['connect', '/run/docker.sock'],
    ['bind', '/run/x.sock'],
    ['connect', '@abstract'],
  ] as const)('%s of the socket %s', (act, path) => {
    expect(lines(denialOf('', { act, subject: { kind: 'socket', path } }))).toEqual([
      `✗ pinfold blocked ${act} ${path}: no service of the host can be asked  [b1]\n`,
    ]);
  });

  test('and many of them are one line with a count', () => {
    const many = Array.from({ length: 1500 }, () => denialOf('/srv/x', { act: 'write' }));
    expect(lines(...many)).toEqual([
      '✗ pinfold blocked write /srv/x  1,500×: no rule mentions it, and what no rule mentions is hidden  [b1]\n',
    ]);
  });
});

describe('the whole of one', () => {
  const actor = {
    pid: 812,
    program: '/usr/bin/python3.12',
    command: ['/usr/bin/pip', 'install', 'a b'],
    parents: [
      { pid: 800, program: '/usr/bin/dash' },
      { pid: 7, program: '/usr/local/bin/codex' },
    ],
  };
  const [violation] = record(denialOf(`${HOME}/.cache/pip/http`, { act: 'write', actor }));

  test('says who, which rule, what to do without a grant, and with one', () => {
    expect(renderBlock(output, explain(violation!, policy, THERE, { running: true }), policy)).toBe(
      [
        '✗ pinfold blocked write ~/.cache/pip/http  [b1]',
        '  who   python3.12 812 ← dash ← codex',
        '  rule  no rule mentions it, and what no rule mentions is hidden (standard)',
        '  do    PIP_CACHE_DIR=$TMPDIR/pip   no grant needed',
        '  or    pinfold allow ~/.cache/pip/http --write   risk MEDIUM',
        '',
      ].join('\n'),
    );
  });

  test('and asked why, the command line, every reason of the risk and how to keep a grant', () => {
    const shown = renderExplained(output, explain(violation!, policy, THERE, { running: true }), policy);
    expect(shown).toContain("  as    pip install 'a b'\n");
    expect(shown).toContain('  risk  MEDIUM: other projects run what is in this cache\n');
    expect(shown).toContain('  keep  pinfold allow ~/.cache/pip/http --write --project\n');
  });

  test('a parent is named as people know it', () => {
    const parents = [{ pid: 3, program: '/usr/bin/node', name: 'npm ci\x1b' }, ...actor.parents];
    const [named] = record(denialOf(OTHER, { actor: { ...actor, parents } }));
    const shown = renderBlock(output, explain(named!, policy, THERE, { running: true }), policy);
    expect(shown).toContain('  who   python3.12 812 ← npm ci\\e ← dash ← codex\n');
  });

  test('a secret of a hidden file is offered for one open while its session runs', () => {
    const path = `${HOME}/.npmrc`;
    const rule = decider.candidates(path)[0]!.rule;
    const denial = denialOf(path, { act: 'look-up', observer: 'tripwire', rule });
    const [secret] = record(denial);
    const way = (violation: Violation, look = THERE, running = true) =>
      renderBlock(output, explain(violation, policy, look, { running }), policy)
        .split('\n')
        .at(-2);
    expect(way(secret!)).toBe('  or    pinfold allow ~/.npmrc --once   risk HIGH');
    expect(way(secret!, { ...THERE, isFile: () => false })).toBe(
      '  or    pinfold allow ~/.npmrc   risk HIGH',
    );
    expect(way(secret!, THERE, false)).toBe('  or    pinfold run --allow ~/.npmrc:ro -- COMMAND   risk HIGH');
    const [covered] = record({ ...denial, act: 'read' });
    expect(way(covered!)).toBe('  or    pinfold allow ~/.npmrc   risk HIGH');
  });

  test('says that it was not needed where the command ended well, and only there', () => {
    const why = (exitCode?: number) =>
      renderExplained(
        output,
        explain(violation!, policy, THERE, { running: false, ...(exitCode !== undefined && { exitCode }) }),
        policy,
      );
    const said = '  need? perhaps not: the command ended with 0 all the same\n';
    expect(why(0)).toContain(said);
    expect(why(1)).not.toContain('need?');
    expect(why()).not.toContain('need?');
  });

  test('offers no grant where a person denied it', () => {
    const rule = makePolicy({
      deniedPaths: [
        { value: '/srv/s', origin: { scope: 'user', file: '/f.json', line: 3, column: 5, text: '"/srv/s"' } },
      ],
    }).rules.find(({ pattern }) => pattern === '/srv/s')!;
    const [denied] = record(denialOf('/srv/s', { rule }));
    const shown = renderBlock(output, explain(denied!, policy, THERE, { running: true }), policy);
    expect(shown).toContain('  rule  /srv/s: denied (/f.json:3:5 "/srv/s")\n');
    expect(shown).toContain('  grant none: it is denied on purpose');
    expect(shown).not.toContain('--allow');
  });
});

test('a long command line is cut between characters, wherever the cut falls', () => {
  for (const pad of ['', 'a', 'aa']) {
    const command = ['x', pad + '\u{20bb7}'.repeat(100)];
    const [line] = lines(denialOf('/srv/x', { actor: { pid: 1, program: '/bin/x', command } }));
    expect(line).toMatch(/\u{20bb7}…: no rule/u);
    expect(line).not.toMatch(/\p{Cs}/u);
  }
});

test('nothing from inside reaches the terminal unescaped, and each violation stays one line', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('\x1b]0;x\x07', '\u202e', '\n', '\udcff', '\u2028'),
  );
  const denial = fc.record({
    act: fc.constantFrom<Act>('write', 'connect'),
    subject: fc.oneof(
      text.map((path) => ({ kind: 'path' as const, path: `/${path}` })),
      text.map((host) => ({ kind: 'host' as const, host })),
    ),
    observer: fc.constant('gate' as const),
    outcome: fc.constant('refused' as const),
    detail: text,
    movedTo: text,
    actor: fc.record({
      pid: fc.nat(),
      program: text,
      command: fc.array(text, { maxLength: 5 }),
      parents: fc.array(fc.record({ pid: fc.nat(), program: text }), { maxLength: 3 }),
    }),
  });
  fc.assert(
    fc.property(denial, (one) => {
      const [violation] = record(one);
      const line = renderLine(output, violation!, HOME);
      expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      const whole = renderExplained(output, explain(violation!, policy, THERE, { running: true }), policy);
      expect(whole.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }),
  );
});

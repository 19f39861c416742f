/** `pinfold policy`: the effective policy, grouped by meaning, each rule with its origin. */
import { serviceOf } from '../../policy/hazards.ts';
import { printableJson } from '../../policy/printable.ts';
import type { Access, LimitName, PathRule, Policy, RuleCategory, Sourced } from '../../policy/types.ts';
import { loadPolicy } from '../../session/prepare.ts';
import { defineCommand, type Output } from '../command.ts';
import { POLICY_FLAGS, policyRequest } from '../flags.ts';
import { escapeText } from '../render/escape.ts';
import { renderSections } from '../render/plan.ts';
import { paint } from '../render/style.ts';
import { limitValue, networkPhrase, noticeLine, plural, shownOrigin, shownPath } from '../render/words.ts';

const GROUPS: readonly (readonly [RuleCategory, string])[] = [
  ['setting', 'By your settings'],
  ['project', 'The project'],
  ['home', 'Home'],
  ['private', 'Private to the session or the project'],
  ['toolchain', 'Tool chains'],
  ['runtime', 'The system'],
  ['host-run', 'Read-only, because the host runs it by itself'],
  ['credential', 'Credentials'],
  ['pinfold', "Pinfold's own"],
];

/** Long lists that are the same for everybody; shown as a count unless all is asked for. */
const LONG: readonly RuleCategory[] = ['runtime', 'host-run', 'credential', 'toolchain'];

const ACCESS_WORD: Readonly<Record<Access, string>> = { none: 'deny ', read: 'read ', write: 'write' };
const ACCESS_LOOK = { none: 'bad', read: 'accent', write: 'good' } as const;

function ruleLine(output: Output, rule: PathRule, homeDir: string): string {
  const pattern = shownPath(rule.pattern, homeDir);
  const leads =
    rule.resolved === undefined || rule.resolved === rule.pattern
      ? ''
      : ` -> ${shownPath(rule.resolved, homeDir)}`;
  const origin = shownOrigin(rule.origin, homeDir);
  const word = rule.socket ? 'relay' : ACCESS_WORD[rule.access];
  const access = paint(output, ACCESS_LOOK[rule.access], word);
  const service = rule.socket ? serviceOf(rule.resolved ?? rule.pattern) : undefined;
  const why = service === undefined ? escapeText(rule.why) : `its service ${service}`;
  return `${access} ${pattern}${leads}  ${paint(output, 'dim', `${why} · ${origin}`)}`;
}

function groupLines(output: Output, rules: readonly PathRule[], policy: Policy, all: boolean): string[] {
  const category = rules[0]?.category;
  if (!all && category !== undefined && LONG.includes(category) && rules.length > 4) {
    const counts = (['write', 'read', 'none'] as const).flatMap((access) => {
      const count = rules.filter((rule) => rule.access === access).length;
      return count === 0 ? [] : [`${ACCESS_WORD[access].trim()} ${count}`];
    });
    return [
      `${plural(rules.length, 'built-in rule')} (${counts.join(', ')}); pinfold policy --all lists them`,
    ];
  }
  return rules.map((rule) => ruleLine(output, rule, policy.homeDir));
}

function environmentLines(policy: Policy): string[] {
  const { pass, set, drop } = policy.environment;
  const from = ({ origin }: Sourced<unknown>) => shownOrigin(origin, policy.homeDir);
  return [
    ...pass.map((name) => `pass ${escapeText(name.value)}  ${from(name)}`),
    ...Object.entries(set).map(([name, value]) => `set ${escapeText(name)}  ${from(value)}`),
    ...drop.map((name) => `drop ${escapeText(name.value)}  ${from(name)}`),
    'names and values that look secret, and what makes programs load code (LD_PRELOAD …), are dropped',
  ];
}

function sourced<T>(policy: Policy, { value, origin }: Sourced<T>): string {
  return `${String(value)}  ${shownOrigin(origin, policy.homeDir)}`;
}

export function renderPolicy(output: Output, policy: Policy, all: boolean): string {
  const groups = GROUPS.map(([category, title]) => {
    const rules = policy.rules.filter((rule) => rule.category === category);
    return [title, groupLines(output, rules, policy, all)] as const;
  });
  const limits = Object.entries(policy.limits).map(
    ([name, limit]) =>
      `${name} ${limitValue(name as LimitName, limit!.value)}  ${shownOrigin(limit!.origin, policy.homeDir)}`,
  );
  const domains = policy.network.domains.map(
    ({ access, pattern, origin }) =>
      `${access} ${escapeText(pattern)}  ${shownOrigin(origin, policy.homeDir)}`,
  );
  const proxy = policy.network.upstreamProxy;
  return renderSections(output, [
    [
      'Policy',
      [
        `mode ${sourced(policy, policy.mode)}`,
        `enabled ${sourced(policy, policy.enabled)}`,
        `monitor ${sourced(policy, policy.monitor)}`,
        `project ${shownPath(policy.projectDir, policy.homeDir)}`,
        `$HOME inside ${shownPath(policy.sandboxHome, policy.homeDir)}`,
        ...(policy.profile === undefined ? [] : [`profile ${escapeText(policy.profile)}`]),
      ],
    ],
    ...groups,
    [
      'Network',
      [
        networkPhrase(policy),
        `networkAccess ${sourced(policy, policy.network.access)}`,
        ...domains,
        ...(policy.network.localPorts ?? []).map((port) => `localPorts ${sourced(policy, port)}`),
        ...(proxy === undefined ? [] : [`upstreamProxy ${sourced(policy, proxy)}`]),
      ],
    ],
    [
      'Services of macOS',
      (policy.macServices ?? []).map((service) => `macServices ${sourced(policy, service)}`),
    ],
    ['Caches', Object.entries(policy.caches ?? {}).map(([name, said]) => `${name} ${sourced(policy, said)}`)],
    ['Environment', environmentLines(policy)],
    ['Limits', limits],
    ['Notices', policy.notices.map((notice) => noticeLine(notice, policy.homeDir))],
  ]);
}

export const policyCommand = defineCommand({
  name: 'policy',
  summary: 'show the effective policy, each rule with its origin',
  description:
    'What a run started here would have, after all settings files, flags, trust and ceilings. The most specific rule wins; at equal depth deny beats allow.',
  options: {
    ...POLICY_FLAGS,
    all: { type: 'flag', short: 'a', summary: 'list built-in rules in full' },
    json: { type: 'flag', summary: 'for machines, on stdout' },
  },
  examples: [
    { line: 'pinfold policy', does: 'what holds here' },
    { line: 'pinfold policy --mode strict --all', does: 'every rule of another mode' },
  ],
  async run({ options, context }) {
    const { policy } = await loadPolicy(policyRequest(options, context));
    const { out } = context;
    out.write(options.json ? `${printableJson(policy, 2)}\n` : renderPolicy(out, policy, options.all));
    return 0;
  },
});

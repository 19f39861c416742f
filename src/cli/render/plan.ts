/** What a run would be, in words or as data: the answer of `--dry-run`. */
import type { Weaker } from '../../platform/backend.ts';
import { ACCESS_FS } from '../../platform/linux/landlock-plan.ts';
import { type MountStep, NAMESPACE, type Plan } from '../../platform/linux/plan.ts';
import { relayedSockets } from '../../platform/linux/socket-relays.ts';
import { Decider } from '../../policy/decide.ts';
import { serviceOf } from '../../policy/hazards.ts';
import type { Access, Policy, RuleCategory } from '../../policy/types.ts';
import type { Planned } from '../../session/plan-run.ts';
import type { LoadedPolicy } from '../../session/types.ts';
import type { Output } from '../command.ts';
import { escapeText, quoteCommand } from './escape.ts';
import { paint } from './style.ts';
import {
  groupLines,
  limitPhrases,
  networkPhrase,
  noticeLine,
  plural,
  shownOrigin,
  shownPath,
} from './words.ts';

type Section = readonly [title: string, lines: readonly string[]];

const MAX_LISTED = 12;

/** In the order in which a person wants to know. */
const CATEGORY_WORDS: Readonly<Record<RuleCategory, string>> = {
  project: 'the project',
  setting: 'by your settings',
  home: 'of the home directory',
  private: 'private to this project or session',
  toolchain: 'tool chains',
  runtime: 'the system',
  'host-run': 'what the host runs by itself',
  credential: 'credentials',
  pinfold: "Pinfold's own",
};

type Bind = Extract<MountStep, { op: 'bind' }>;

function byCategory(policy: Policy, paths: readonly string[], access: Access): Map<RuleCategory, string[]> {
  const decider = new Decider(policy);
  const groups = new Map<RuleCategory, string[]>();
  for (const path of paths) {
    // The plan has decided already; of the rules that cover the path, the one that says so is its reason.
    const rule = decider.candidates(path).find((candidate) => candidate.rule.access === access)?.rule;
    const category = rule?.category ?? 'runtime';
    groups.set(category, [...(groups.get(category) ?? []), path]);
  }
  return groups;
}

function grouped(policy: Policy, paths: readonly string[], access: Access): string[] {
  const groups = byCategory(policy, paths, access);
  return Object.keys(CATEGORY_WORDS).flatMap((key) => {
    const category = key as RuleCategory;
    const members = groups.get(category) ?? [];
    if (members.length === 0) return [];
    const shown = members.slice(0, MAX_LISTED).map((path) => shownPath(path, policy.homeDir));
    const more = members.length > MAX_LISTED ? ` and ${members.length - MAX_LISTED} more` : '';
    return [`${CATEGORY_WORDS[category]}: ${shown.join(', ')}${more}`];
  });
}

/** Each with what its service does for whoever asks. */
function relayed({ homeDir }: Policy, plan: Plan): string[] {
  return relayedSockets(plan).map((path) => {
    const service = serviceOf(path);
    return `${shownPath(path, homeDir)}${service === undefined ? '' : `: its service ${service}`}`;
  });
}

/** Without mounts Landlock's rules say what is shown. */
function grantSections(policy: Policy, { landlock }: Plan, weaker: Weaker): Section[] {
  const shown = (landlock?.rules ?? []).filter(({ path }) => !/^\/(dev|proc)\//.test(path));
  const pathsOf = (write: boolean) =>
    shown.filter(({ access }) => ((access & ACCESS_FS.WRITE_FILE) !== 0n) === write).map(({ path }) => path);
  return [
    ['Can be written', grouped(policy, pathsOf(true), 'write')],
    ['Can be read', grouped(policy, pathsOf(false), 'read')],
    ['Hidden', ['everything else on this machine']],
    [
      'Weaker: this host allows no namespaces, Landlock and seccomp hold the boundary alone',
      [
        `why: ${escapeText(weaker.why)}`,
        ...(weaker.fix === undefined ? [] : [`fix: ${escapeText(weaker.fix)}`]),
        ...weaker.guarantees.map(({ claim }) => `not given: ${escapeText(claim)}`),
        ...weaker.losses.map((loss) => `does not work: ${escapeText(loss)}`),
        ...(policy.acceptWeaker.value || weaker.guarantees.length === 0
          ? []
          : ['so a run would be refused, unless what is missing is accepted: --accept-weaker']),
      ],
    ],
  ];
}

function mountSections(policy: Policy, plan: Plan): Section[] {
  const binds = plan.mounts.filter((step): step is Bind => step.op === 'bind' && step.devices !== true);
  const targets = (writable: boolean) =>
    binds.filter((step) => step.writable === writable).map(({ target }) => target);
  const masked = plan.mounts.flatMap((step) => (step.op === 'mask' ? [step.target] : []));
  const fresh = plan.mounts.flatMap((step) =>
    step.op === 'tmpfs' && step.target !== '/' ? [step.target] : [],
  );
  return [
    ['Can be written', grouped(policy, targets(true), 'write')],
    ['Can be read', grouped(policy, targets(false), 'read')],
    ['Services of the host that can be asked', relayed(policy, plan)],
    ['Denied although its surroundings are shown', grouped(policy, masked, 'none')],
    ['Made fresh and thrown away at the end', fresh.length > 0 ? [fresh.map(escapeText).join(', ')] : []],
    ['Hidden', ['everything else on this machine; other processes; all other services of the host']],
  ];
}

function nameSection({ plan, policy, unseen }: Planned): Section {
  const rules = new Set(plan.guarded.map(({ rule }) => policy.rules[rule]));
  const names = new Set([...rules].map((rule) => rule?.origin.text.replace(/^protected /, '') ?? ''));
  const shown = [...names].slice(0, MAX_LISTED).map(escapeText).join(', ');
  const more = names.size > MAX_LISTED ? ` and ${names.size - MAX_LISTED} more` : '';
  return [
    'Names that cannot be made in writable places',
    [
      names.size === 0 ? 'none' : `${shown}${more}`,
      ...(unseen.length === 0
        ? []
        : [`what cannot be looked into is read-only: ${unseen.map(escapeText).join(', ')}`]),
    ],
  ];
}

function rightNames(bits: bigint): string {
  return Object.entries(ACCESS_FS)
    .filter(([, bit]) => (bits & bit) !== 0n)
    .map(([name]) => name.toLowerCase())
    .join(' ');
}

function lockSection({ plan, capabilities }: Planned): Section {
  const namespaces = Object.entries(NAMESPACE).flatMap(([name, bit]) =>
    plan.namespaces & bit ? [name] : [],
  );
  const { landlock, seccomp } = plan;
  const writing = landlock?.rules.filter(({ access }) => (access & ACCESS_FS.MAKE_REG) !== 0n).length ?? 0;
  return [
    'Locks, outermost first',
    [
      `namespaces of its own: ${namespaces.join(', ') || 'none'}`,
      'all capabilities dropped, no new privileges',
      ...(landlock
        ? [
            `landlock (ABI ${capabilities.landlockAbi}): ${plural(landlock.rules.length, 'rule')}, ${writing} of them for writing`,
            `  rights it decides about: ${rightNames(landlock.handledFs)}`,
          ]
        : ['landlock: none, this kernel has it not']),
      // struct sock_filter of linux/filter.h is eight bytes.
      seccomp
        ? `seccomp: a filter of ${plural(seccomp.program.length / 8, 'instruction')} for ${capabilities.arch}${seccomp.notify ? ', and the making of guarded names is asked about' : ''}`
        : 'seccomp: none, there is no filter for this processor',
    ],
  ];
}

/** What is seen of what is refused; whatever is not is refused all the same. */
function seenSection({ plan, policy, blind }: Planned): Section {
  const looks = 'who looks at hidden or denied names, with the whole path';
  const acts = 'acts on what is read-only, denied or protected';
  const always = 'the making of guarded names, and connections that are refused';
  const seen = [...(blind === undefined ? [looks] : []), ...(plan.seen ? [acts] : []), always];
  const unseen = [...(blind === undefined ? [] : [`${looks}: ${blind}`]), ...(plan.seen ? [] : [acts])];
  const monitor = `monitor ${policy.monitor.value} (${shownOrigin(policy.monitor.origin, policy.homeDir)})`;
  return [
    'Seen when it is refused',
    [
      monitor,
      ...seen.map((each) => escapeText(each)),
      ...unseen.map((each) => escapeText(`not seen: ${each}`)),
    ],
  ];
}

function environmentSection({ plan, dropped }: Planned): Section {
  return [
    'Environment',
    [
      `${plural(plan.environment.length, 'variable')} passed on${dropped.length === 0 ? '' : '; left out:'}`,
      ...new Set(dropped.map(({ name, why }) => `  ${escapeText(name)}: ${escapeText(why)}`)),
    ],
  ];
}

function noticeSection({ notices, homeDir }: Policy): Section {
  return ['Notices', notices.map((notice) => noticeLine(notice, homeDir))];
}

export function renderSections(output: Output, sections: readonly Section[]): string {
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(
      ([title, lines]) => `${paint(output, 'strong', title)}\n${lines.map((line) => `  ${line}\n`).join('')}`,
    )
    .join('\n');
}

export function renderPlan(output: Output, loaded: LoadedPolicy, planned: Planned): string {
  const { policy } = loaded;
  const { plan, weaker } = planned;
  const limits = limitPhrases(policy);
  return renderSections(output, [
    [
      'Would run, and has not',
      [
        `${quoteCommand(plan.argv)}`,
        `in ${shownPath(plan.cwd, policy.homeDir)}`,
        `mode ${policy.mode.value} (${shownOrigin(policy.mode.origin, policy.homeDir)}), project ${shownPath(policy.projectDir, policy.homeDir)}`,
        ...(policy.profile === undefined ? [] : [`profile ${escapeText(policy.profile)}`]),
      ],
    ],
    ...(weaker === undefined ? mountSections(policy, plan) : grantSections(policy, plan, weaker)),
    [
      'Network',
      weaker === undefined ? [networkPhrase(policy), ...groupLines(policy)] : ['none, not even a loopback'],
    ],
    nameSection(planned),
    seenSection(planned),
    environmentSection(planned),
    ['Limits', limits.length > 0 ? limits : ['none but those of the host']],
    lockSection(planned),
    noticeSection(policy),
  ]);
}

/** JSON has no bigint, and the filter is bytes: both become text. Values of variables stay out: they may be secrets. */
export function planAsData(loaded: LoadedPolicy, planned: Planned): unknown {
  const { plan, dropped, unseen, capabilities, weaker } = planned;
  const { policy } = loaded;
  const { environment, seccomp, ...rest } = plan;
  const data = {
    project: policy.projectDir,
    mode: policy.mode,
    network: policy.network,
    limits: policy.limits,
    notices: policy.notices,
    environment: {
      passed: environment.map((entry) => entry.slice(0, entry.indexOf('='))),
      dropped,
    },
    unseen,
    capabilities,
    ...(weaker && { weaker }),
    plan: {
      ...rest,
      seccomp: seccomp && { instructions: seccomp.program.length / 8, notify: seccomp.notify },
    },
  };
  const text = JSON.stringify(data, (_key, value) =>
    typeof value === 'bigint' ? `0x${value.toString(16)}` : value,
  );
  return JSON.parse(text);
}

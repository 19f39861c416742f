/** What `pinfold explain` says of a host: which rule decides, which group it belongs to and why, and how to open it. */
import { EgressRules } from '../../network/egress-rules.ts';
import { DOMAIN_GROUPS, type DomainGroup, GROUP_NAMES } from '../../policy/domain-groups.ts';
import { normaliseHost, parsePort, splitPort } from '../../policy/host-pattern.ts';
import { portRefusal } from '../../policy/service-ports.ts';
import type { DomainRule, Notice, Policy } from '../../policy/types.ts';
import { type GroupPlaces, surveyGroups } from '../../session/domain-groups.ts';
import type { Output } from '../command.ts';
import { usageError } from '../parse.ts';
import { escapeText, quoteWord } from '../render/escape.ts';
import { paint } from '../render/style.ts';
import { isUrgent, noticeLine, shownOrigin } from '../render/words.ts';

/** What an address without a port means to nearly every program. */
const USUAL_PORT = 443;

export interface AskedHost {
  readonly host: string;
  readonly port: number;
}

interface Membership {
  readonly group: DomainGroup;
  /** `package-lock.json:12`. */
  readonly named: string;
  /** Whether the person has agreed to it in this project, or need not. */
  readonly agreed: boolean;
}

export interface HostExplanation extends AskedHost {
  readonly allowed: boolean;
  readonly rule?: DomainRule;
  /** By what, where no rule does: the loopback with `networkAccess: "local"`. */
  readonly by?: string;
  readonly groups: readonly Membership[];
  readonly notices: readonly Notice[];
  /** Flags of `pinfold run` that would open it; absent where nothing below can. */
  readonly grant?: string;
}

/** A host as it is dialled, not a pattern. Throws ERR_USAGE. */
export function readHost(word: string): AskedHost {
  const written = splitPort(word);
  const host = normaliseHost(written.host);
  const port = written.port === undefined ? USUAL_PORT : parsePort(written.port);
  if (host === undefined || port === undefined) {
    throw usageError(
      `Cannot explain ${JSON.stringify(word)}`,
      'it is no host',
      'Write it as in api.example.com:443',
    );
  }
  return { host, port };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function byLoopback({ network }: Policy, { host, port }: AskedHost): string | undefined {
  if (!isLoopback(host) || network.access.value !== 'local') return undefined;
  const refusal = portRefusal(
    port,
    network.localPorts?.map(({ value }) => value),
  );
  return refusal === undefined ? 'networkAccess is local' : undefined;
}

export async function explainHost(
  policy: Policy,
  asked: AskedHost,
  places: GroupPlaces,
): Promise<HostExplanation> {
  const rule = new EgressRules(policy.network.domains).decide(asked);
  const name = `${asked.host.includes(':') ? `[${asked.host}]` : asked.host}:${asked.port}`;
  const survey = await surveyGroups(GROUP_NAMES, places);
  const groups = GROUP_NAMES.flatMap((group): Membership[] => {
    const found = survey.hostsOf(group).find(({ host }) => host === name || host === asked.host);
    if (found === undefined) return [];
    return [{ group, named: found.named, agreed: found.own || survey.trusted(group).has(found.host) }];
  });
  const by = rule === undefined ? byLoopback(policy, asked) : undefined;
  const allowed = rule?.access === 'allow' || by !== undefined;
  const shut = allowed || rule?.ceiling || policy.network.closed !== undefined;
  return {
    ...asked,
    allowed,
    ...(rule && { rule }),
    ...(by !== undefined && { by }),
    groups,
    notices: policy.notices.filter((notice) => isUrgent(notice) && notice.message.includes(asked.host)),
    ...(!shut && { grant: `--allow-domain ${quoteWord(name)}` }),
  };
}

function decidingLine(output: Output, { rule, by }: HostExplanation, homeDir: string): string {
  if (rule !== undefined) {
    const pattern = paint(output, 'strong', escapeText(rule.pattern));
    return `${pattern} ${rule.access} (${shownOrigin(rule.origin, homeDir)})`;
  }
  return by ?? 'no rule mentions it, and what no rule mentions is refused';
}

export function renderHost(output: Output, explanation: HostExplanation, policy: Policy): string {
  const { homeDir } = policy;
  const { host, port, allowed, rule, groups } = explanation;
  const label = (text: string) => paint(output, 'dim', text.padEnd(9));
  const verdict = allowed ? 'may be reached' : rule === undefined ? 'is refused' : 'is denied';
  const lines = [
    `${escapeText(host)} port ${port} ${paint(output, allowed ? 'good' : 'bad', verdict)} (${policy.mode.value})`,
    `  ${label('rule')}${decidingLine(output, explanation, homeDir)}`,
    ...groups.map(({ group, named, agreed }) => {
      const unseen = agreed ? '' : `; you have not agreed to it: pinfold trust --group ${group}`;
      return `  ${label('group')}belongs to ${group} (${DOMAIN_GROUPS[group]}) because ${escapeText(named)} names it${unseen}`;
    }),
    ...explanation.notices.map((notice) => `  ${label('notice')}${noticeLine(notice, homeDir)}`),
    ...(explanation.grant === undefined
      ? []
      : [`  ${label('to open')}pinfold run ${explanation.grant} -- COMMAND`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

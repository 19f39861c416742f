/** What granting a refused act would mean, from the rule's category, the place, and what network there is. */
import { Hazards, isMetadataService, SHARED_HOSTS, serviceOf } from '../policy/hazards.ts';
import { isWithin } from '../policy/paths.ts';
import { LEFT_OUT } from '../policy/secrets.ts';
import type { PathRule, Policy } from '../policy/types.ts';
import { accessFor } from './acts.ts';
import { isPathRule } from './rules.ts';
import type { Denial, Risk, RiskLevel } from './types.ts';

type Reason = readonly [level: RiskLevel, text: string];

const LEVELS: readonly RiskLevel[] = ['low', 'medium', 'high'];

/** RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291. */
const PRIVATE =
  /^(10\.|127\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|::1$|localhost$)/;

/** Whether something that is read inside could leave the machine. */
function canLeave({ network }: Policy): boolean {
  return network.access.value === 'filtered' || network.domains.some(({ access }) => access === 'allow');
}

function hostReasons(host: string): Reason[] {
  if (host.includes(LEFT_OUT)) return [['high', 'the name itself tells a secret to whoever is asked for it']];
  if (isMetadataService(host)) return [['high', 'it hands out credentials of this machine']];
  if (PRIVATE.test(host))
    return [['high', 'it is in your own network, where services trust whoever reaches them']];
  const upload: Reason = ['medium', 'anything readable inside can be uploaded there'];
  return SHARED_HOSTS.test(host) ? [['high', 'anyone can keep what is sent to this host'], upload] : [upload];
}

function socketReasons(path: string): Reason[] {
  const service = serviceOf(path);
  return service === undefined
    ? [['medium', 'a service of the host answers there']]
    : [['high', `its service ${service}`]];
}

function placeReasons(path: string, wanted: 'read' | 'write', policy: Policy): Reason[] {
  const { homeDir, projectDir } = policy;
  if (isWithin(path, projectDir)) return [];
  const isCache =
    isWithin(path, homeDir) &&
    /\/(\.cache|\.npm|\.cargo|\.gradle|\.m2|go\/pkg|\.pnpm-store)(\/|$)/.test(path);
  if (isCache) {
    const text =
      wanted === 'write'
        ? 'other projects run what is in this cache'
        : 'the cache is shared with other projects';
    return [[wanted === 'write' ? 'medium' : 'low', text]];
  }
  if (isWithin(path, homeDir))
    return [
      [
        'medium',
        wanted === 'write' ? 'it is outside the project, where others use it' : 'it is outside the project',
      ],
    ];
  return [[wanted === 'write' ? 'medium' : 'low', 'it is outside the project and your home']];
}

function pathReasons(path: string, denial: Denial, policy: Policy): Reason[] {
  const wanted = accessFor(denial);
  const hazards = new Hazards(policy);
  const reasons: Reason[] = [];
  const rule = denial.rule && isPathRule(denial.rule) ? denial.rule : undefined;
  if (rule?.category === 'pinfold') reasons.push(['high', 'it is what decides about the boundary']);
  const secret = hazards.ofReading(path);
  if (secret) reasons.push(['high', `${secret.why}, which the command would see`]);
  if (wanted === 'write') reasons.push(...writingReasons(path, hazards, rule));
  reasons.push(...placeReasons(path, wanted, policy));
  if (canLeave(policy))
    reasons.push([secret ? 'high' : 'low', 'what is read can be uploaded to the hosts that are allowed']);
  return reasons;
}

function writingReasons(path: string, hazards: Hazards, rule: PathRule | undefined): Reason[] {
  const hazard = hazards.ofWriting(path);
  if (hazard) return [['high', hazard.why]];
  return rule?.category === 'host-run' ? [['high', `${rule.why}, outside the boundary`]] : [];
}

/** Never without a reason: where nothing speaks against a grant, that is said. */
export function riskOf(denial: Denial, policy: Policy): Risk {
  const { subject } = denial;
  if (subject.kind === 'syscall') return { level: 'high', reasons: ['the boundary itself rests on it'] };
  const reasons =
    subject.kind === 'host'
      ? hostReasons(subject.host)
      : subject.kind === 'socket'
        ? socketReasons(subject.path)
        : pathReasons(subject.path, denial, policy);
  if (reasons.length === 0) return { level: 'low', reasons: ['nothing known speaks against it'] };
  const sorted = reasons.toSorted(([a], [b]) => LEVELS.indexOf(b) - LEVELS.indexOf(a));
  return { level: sorted[0]![0], reasons: sorted.map(([, text]) => text) };
}

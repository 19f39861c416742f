/** What a person would want to know of their own settings before something goes wrong: grants too wide, rules without effect. */
import { isSessionPlace } from './builtin.ts';
import { Decider } from './decide.ts';
import { Hazards, isMetadataService, metadataBeneath, SHARED_HOSTS, serviceOf } from './hazards.ts';
import { parseHostPattern } from './host-pattern.ts';
import { isWithin } from './paths.ts';
import type { Access, Notice, Origin, PathRule, Policy } from './types.ts';

export type FindingKind =
  | 'broad'
  | 'credential'
  | 'host-run'
  | 'on-path'
  | 'shared-host'
  | 'metadata'
  | 'service'
  | 'shadowed'
  | 'redundant'
  | Notice['kind'];

export interface Finding {
  /** `danger`: it opens what should stay closed; `warning`: it does not do what it says. */
  readonly severity: 'danger' | 'warning';
  readonly kind: FindingKind;
  /** One clause, with the person's own path or host in it. May hold hostile text: a project's file says what it likes. */
  readonly message: string;
  readonly origin: Origin;
  readonly fix?: string;
}

const RANK: Readonly<Record<Access, number>> = { none: 0, read: 1, write: 2 };

function placeOf(rule: PathRule): string {
  return rule.resolved ?? rule.pattern;
}

function isPersons({ origin }: PathRule): boolean {
  return origin.scope !== 'builtin';
}

function broad(policy: Policy, rule: PathRule): Finding[] {
  const place = placeOf(rule);
  if (rule.access !== 'write' || !isWithin(policy.homeDir, place)) return [];
  const what =
    place === policy.homeDir ? 'the whole home directory' : `${place}, and with it the home directory,`;
  return [
    {
      severity: 'danger',
      kind: 'broad',
      message: `${what} can be written`,
      origin: rule.origin,
      fix: 'name the directories that are needed',
    },
  ];
}

/** What a socket opens is what its service does, whatever its file is. */
function services(rule: PathRule): Finding[] {
  const place = placeOf(rule);
  const service = rule.socket ? serviceOf(place) : undefined;
  if (service === undefined) return [];
  const message = `the socket ${place} can be asked: its service ${service}`;
  return [{ severity: 'danger', kind: 'service', message, origin: rule.origin, fix: 'take it out' }];
}

function dangerous(hazards: Hazards, rule: PathRule): Finding[] {
  if (rule.socket) return services(rule);
  if (rule.access === 'none' || rule.glob) return [];
  const place = placeOf(rule);
  const secret = hazards.ofReading(place);
  if (secret) {
    const message = `${place} can be read: ${secret.why}`;
    return [
      {
        severity: 'danger',
        kind: 'credential',
        message,
        origin: rule.origin,
        fix: 'grant what is beneath it instead, or nothing',
      },
    ];
  }
  const code = rule.access === 'write' ? hazards.ofWriting(place) : undefined;
  if (code === undefined) return [];
  return [
    {
      severity: 'danger',
      kind: 'host-run',
      message: `${place} can be written: ${code.why}`,
      origin: rule.origin,
      fix: 'grant it with "mode": "read"',
    },
  ];
}

/** A rule of a person's own that changes nothing at its own place, and which one is why. */
function without(policy: Policy, rule: PathRule): Finding[] {
  if (rule.glob) return [];
  const place = placeOf(rule);
  const decides = new Decider(policy).candidates(place, { directory: true })[0]?.rule;
  if (decides !== undefined && decides !== rule && decides.access !== rule.access) {
    const message = `${place} (${rule.access}) has no effect: ${decides.pattern} (${decides.access}) decides, ${decides.why}`;
    return [
      { severity: 'warning', kind: 'shadowed', message, origin: rule.origin, fix: 'remove one of the two' },
    ];
  }
  // The same path is the same grant; a directory around it gives none.
  if (rule.socket) return [];
  const others = policy.rules.filter((other) => other !== rule);
  const left = new Decider({ rules: others }).candidates(place, { directory: true })[0]?.rule;
  const same = (left?.access ?? 'none') === rule.access;
  // To hide what is hidden is a person's word all the same: another entry may open its surroundings tomorrow.
  if (!same || rule.access === 'none' || left === undefined || left.category === 'host-run') return [];
  // The session's own /tmp says nothing of the host's.
  if (isSessionPlace(left)) return [];
  const message = `${place} (${rule.access}) adds nothing: ${left.pattern} (${left.access}) gives as much`;
  return [{ severity: 'warning', kind: 'redundant', message, origin: rule.origin, fix: 'remove it' }];
}

/** `searchPath`: entries of PATH; absolute ones count. */
function onPath(policy: Policy, searchPath: readonly string[]): Finding[] {
  const decider = new Decider(policy);
  return [...new Set(searchPath)].flatMap((entry): Finding[] => {
    if (!entry.startsWith('/')) return [];
    const rule = decider.candidates(entry, { directory: true })[0]?.rule;
    if (rule === undefined || RANK[rule.access] < RANK.write || rule.category === 'private') return [];
    const message = `${entry} is on your PATH and can be written: what is put there runs on the host under a name you type`;
    return [
      {
        severity: 'danger',
        kind: 'on-path',
        message,
        origin: rule.origin,
        fix: 'take it off PATH, or name it in deniedPaths',
      },
    ];
  });
}

function sharedHosts({ network }: Policy): Finding[] {
  return network.domains.flatMap(({ pattern, access, origin }): Finding[] => {
    const host = pattern.replace(/:\d+$/, '').toLowerCase();
    if (access !== 'allow' || !host.startsWith('*.') || !SHARED_HOSTS.test(host.slice(2))) return [];
    const message = `${pattern} covers hosts that anyone can have: what is read inside can be sent to them`;
    return [
      { severity: 'danger', kind: 'shared-host', message, origin, fix: 'name the one host that is needed' },
    ];
  });
}

/** By name or by address, in whatever spelling. */
function metadata({ network }: Policy): Finding[] {
  return network.domains.flatMap(({ pattern, access, origin }): Finding[] => {
    const parsed = access === 'allow' ? parseHostPattern(pattern) : undefined;
    if (parsed === undefined) return [];
    const { kind, host } = parsed;
    const service =
      kind === 'subdomains' ? metadataBeneath(host) : isMetadataService(host) ? host : undefined;
    if (service === undefined) return [];
    const means = kind === 'subdomains' ? `${pattern} covers ${service}` : pattern;
    const message = `${means}, which hands out credentials of this machine to whoever asks`;
    return [{ severity: 'danger', kind: 'metadata', message, origin, fix: 'take it out' }];
  });
}

function asFinding({ kind, message, origin }: Notice): Finding {
  return { severity: 'warning', kind, message, origin };
}

/** Dangers first. `searchPath` is the person's PATH, taken apart. */
export function lintPolicy(policy: Policy, searchPath: readonly string[]): Finding[] {
  const hazards = new Hazards(policy);
  const own = policy.rules.filter((rule) => isPersons(rule));
  const findings = [
    ...own.flatMap((rule) => broad(policy, rule)),
    ...own.flatMap((rule) => dangerous(hazards, rule)),
    ...onPath(policy, searchPath),
    ...sharedHosts(policy),
    ...metadata(policy),
    ...own.flatMap((rule) => without(policy, rule)),
    ...policy.notices.map(asFinding),
  ];
  return findings.sort((a, b) => Number(b.severity === 'danger') - Number(a.severity === 'danger'));
}

/** Whether a host may be opened while a session runs: what somebody denied on purpose is not opened by anybody else's word. */
import { formatHostPattern, type HostPattern, parseHostPattern } from './host-pattern.ts';
import type { DomainRule, Policy } from './types.ts';

export type LiveHost =
  /** `pattern` in its one spelling. */
  | { readonly kind: 'may-open'; readonly pattern: string }
  /** `rule`: what holds it shut, where it is a rule about hosts. */
  | { readonly kind: 'shut'; readonly pattern: string; readonly why: string; readonly rule?: DomainRule }
  | { readonly kind: 'no-host' };

/** Whether every host of `inner` is one of `outer`. */
function covers(outer: HostPattern, inner: HostPattern): boolean {
  if (outer.kind !== 'subdomains') return outer.kind === inner.kind && outer.host === inner.host;
  if (inner.kind === 'address') return false;
  const beneath = inner.host.endsWith(`.${outer.host}`);
  return beneath || (inner.kind === 'subdomains' && inner.host === outer.host);
}

/**
 * Whether an allowance of `wanted` would take something away from the denial. The more specific rule wins (egress-rules.ts),
 * so a denial inside of what is wanted goes on to hold, and one that covers it would be outdone.
 */
function wouldOpen(denied: HostPattern, wanted: HostPattern): boolean {
  if (!covers(denied, wanted)) return false;
  if (denied.port === undefined || denied.port === wanted.port) return true;
  const same = denied.kind === wanted.kind && denied.host === wanted.host;
  return wanted.port === undefined && !same;
}

/** `text` as a person writes it: `api.example.com`, `*.example.com:443`, `[2001:db8::1]`. */
export function judgeLiveHost(text: string, { network }: Pick<Policy, 'network'>): LiveHost {
  const wanted = parseHostPattern(text);
  if (wanted === undefined) return { kind: 'no-host' };
  const pattern = formatHostPattern(wanted);
  if (network.closed !== undefined) {
    return { kind: 'shut', pattern, why: "this machine's administrator lets no other hosts be named" };
  }
  const rule = network.domains.find((each) => {
    const denied = each.access === 'deny' ? parseHostPattern(each.pattern) : undefined;
    return denied !== undefined && wouldOpen(denied, wanted);
  });
  if (rule === undefined) return { kind: 'may-open', pattern };
  const by = rule.ceiling ? "this machine's administrator denies" : 'the settings deny';
  return { kind: 'shut', pattern, rule, why: `${by} ${rule.pattern}` };
}

/** `networkAccess: "none"` that somebody wrote, unlike the one that `strict` comes with: they have answered already. */
export function isNetworkRefused({ mode, network: { access } }: Pick<Policy, 'mode' | 'network'>): boolean {
  return access.value === 'none' && access.origin.scope !== 'builtin' && access.origin !== mode.origin;
}

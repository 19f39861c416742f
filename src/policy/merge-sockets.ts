/** The rules of `allowedSockets`: which sockets of the host are relayed, and which entries fall away. */
import type { HostFacts } from './host-facts.ts';
import { ceilingNotice, isExpired, isOwn, untrustedNotice } from './merge-paths.ts';
import { expandPath } from './paths.ts';
import type { AllowedSocket, Notice, PathRule, SettingsLayer, Sourced } from './types.ts';

export interface SocketInput {
  readonly layers: readonly SettingsLayer[];
  readonly facts: HostFacts;
  readonly now: Date;
}

/** A rule to read it, since there is nothing else to be done with its file; no rule beneath it, no directory. */
function socketRule({ value, origin }: Sourced<AllowedSocket>, facts: HostFacts): PathRule {
  return {
    pattern: expandPath(value.path, facts),
    glob: false,
    access: 'read',
    category: 'setting',
    why: value.reason ?? 'allowed, relayed',
    origin,
    socket: true,
  };
}

/** Where the administrator set a mode, or shut the network, only sockets that they list themselves are opened. */
function ceilingOf({ layers, facts }: SocketInput): ReadonlySet<string> | undefined {
  const managed = layers.filter(({ scope }) => scope === 'managed');
  const bounds = managed.some(
    ({ mode, networkAccess }) =>
      mode !== undefined || (networkAccess !== undefined && networkAccess.value !== 'filtered'),
  );
  if (!bounds) return undefined;
  const listed = managed.flatMap(({ allowedSockets = [] }) => allowedSockets);
  return new Set(listed.map(({ value }) => expandPath(value.path, facts)));
}

function refusalOf(
  { value, origin }: Sourced<AllowedSocket>,
  rule: PathRule,
  {
    layer,
    input,
    ceiling,
  }: { layer: SettingsLayer; input: SocketInput; ceiling: ReturnType<typeof ceilingOf> },
): Notice | undefined {
  const what = `socket ${value.path}`;
  if (isExpired(value, input.now)) {
    return { kind: 'expired', message: `${what} expired on ${value.expires}`, origin };
  }
  // SECURITY: by the control socket of a session its inside would grant itself whatever it likes.
  if (isOwn(rule, input.facts)) {
    return {
      kind: 'ceiling',
      message: `${what} is Pinfold's own and is never opened to what it encloses`,
      origin,
    };
  }
  if (!layer.trusted) return untrustedNotice(origin, what);
  return ceiling !== undefined && !ceiling.has(rule.pattern) ? ceilingNotice(origin, what) : undefined;
}

/** An untrusted entry never counts: what a service does for whoever asks is wider than any file. */
export function mergeSockets(input: SocketInput): { rules: PathRule[]; notices: Notice[] } {
  const ceiling = ceilingOf(input);
  const rules: PathRule[] = [];
  const notices: Notice[] = [];
  for (const layer of input.layers) {
    for (const entry of layer.allowedSockets ?? []) {
      const rule = socketRule(entry, input.facts);
      const refusal = refusalOf(entry, rule, { layer, input, ceiling });
      if (refusal) notices.push(refusal);
      else rules.push(rule);
    }
  }
  return { rules, notices };
}

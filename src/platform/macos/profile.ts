/** Joins the parts of a sandbox profile. Pure: the same policy gives the same text. */
import { Decider } from '../../policy/decide.ts';
import { ancestorsOf, parentOf } from '../../policy/paths.ts';
import type { MacService, PathRule, Policy } from '../../policy/types.ts';
import { baseSections, neverSection, uncoveredSection } from './base-rules.ts';
import type { Spelling } from './glob-regex.ts';
import { type NetworkReach, networkRules } from './network-rules.ts';
import { pathRules } from './path-rules.ts';
import { physicalPath, physicalRules } from './physical.ts';
import { pinRules } from './pins.ts';
import { allow, literal, type Rule, writeProfile } from './sbpl.ts';
import { serviceRules } from './services.ts';

export interface ProfileInput {
  readonly policy: Policy;
  /** How the volume compares names. `apfs` is right for a case-sensitive APFS too: it only refuses more. */
  readonly spelling: Spelling;
  /** Existing entries that glob rules match; their directories are kept in place. */
  readonly matches: readonly { readonly path: string }[];
  readonly network: Omit<NetworkReach, 'socketDirectories' | 'sockets'>;
  /** The session's temporary directory; with the private home the place of sockets made inside. */
  readonly tempDir: string;
  readonly services: readonly MacService[];
  readonly terminal?: string;
  /** Told by the kernel with each refusal, so that a session finds its own. Printable ASCII. */
  readonly tag?: string;
  /** Lines of explanation at the top. */
  readonly preface?: readonly string[];
}

/** The text for `sandbox-exec -p`. Throws ERR_PATH_INVALID for a path that no profile can hold. */
export function buildProfile(input: ProfileInput): string {
  const { policy, spelling } = input;
  const rules = physicalRules(policy.rules);
  const matches = input.matches.map(({ path }) => ({ path: physicalPath(path) }));
  const paths = pathRules({ policy: { rules }, spelling });
  const pins = pinRules({ policy: { rules }, spelling, matches });
  return writeProfile({
    preface: input.preface ?? [],
    ...(input.tag === undefined ? {} : { message: input.tag }),
    sections: [
      uncoveredSection(),
      { title: 'Reading and running, shallow first: the last rule that matches decides', rules: paths.read },
      { title: 'Writing', rules: paths.write },
      { title: 'What keeps its place, and what cannot be put in place', rules: pins },
      neverSection(),
      { title: 'The way to what is shown: that it exists, not what it holds', rules: wayRules(rules) },
      ...baseSections(input.terminal === undefined ? {} : { terminal: input.terminal }),
      { title: 'Services of the host', rules: serviceRules(input.services) },
      { title: 'Network', rules: networkRules(reachOf(input, rules)) },
    ],
  });
}

/** Every directory above something shown may be looked up, and links on the way read: else no path would lead there. */
function wayRules(rules: readonly PathRule[]): Rule[] {
  const decider = new Decider({ rules });
  const shown = rules.filter(
    ({ access, glob, resolved, pattern }) =>
      access !== 'none' && !glob && decider.decide(resolved ?? pattern, 'read').allowed,
  );
  const above = shown.flatMap((rule) => ancestorsOf(parentOf(rule.resolved ?? rule.pattern)));
  const links = shown.flatMap((rule) => [...(rule.links ?? []), ...(rule.links ?? []).flatMap(ancestorsOf)]);
  const way = [...new Set(['/', '/etc', '/tmp', '/var', ...above, ...links])].sort();
  return [
    allow(['file-read-metadata'], way.map(literal)),
    // dyld opens it; what is in it is the same on every Mac.
    allow(['file-read-data'], [literal('/')]),
  ];
}

/** A person who makes the path of a socket writable means the socket. Nothing can be mounted in its place, so none is relayed. */
function reachOf({ policy, network, tempDir }: ProfileInput, rules: readonly PathRule[]): NetworkReach {
  const opened = rules.filter(
    ({ access, glob, origin, socket }) =>
      (access === 'write' || socket) && !glob && origin.scope !== 'builtin',
  );
  const own = policy.sandboxHome === policy.homeDir ? [] : [physicalPath(policy.sandboxHome)];
  return {
    ...network,
    socketDirectories: [...new Set([physicalPath(tempDir), ...own])].sort(),
    sockets: [...new Set(opened.map((rule) => rule.resolved ?? rule.pattern))].sort(),
  };
}

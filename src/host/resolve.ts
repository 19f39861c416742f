/** Follows the symbolic links of a policy's rules, and refuses links that an earlier run may have planted. */
import { SandboxError } from '../errors.ts';
import { isSessionPlace } from '../policy/builtin.ts';
import { accessOf } from '../policy/decide.ts';
import { isWithin, normalizePath, parentOf } from '../policy/paths.ts';
import type { Access, Notice, PathRule, Policy } from '../policy/types.ts';
import { followLinks, type Known, type Trail } from './symlinks.ts';

const RANK: Readonly<Record<Access, number>> = { none: 0, read: 1, write: 2 };

/**
 * Sets `resolved` (and `links`) of every rule. A missing allowed path becomes a notice and the rule stays. Throws
 * ERR_PATH_INVALID for a person's rule with a dangling or looping link, ERR_PATH_SYMLINK_UNTRUSTED for a grant that
 * is reached through a link which something inside may have put there, and ERR_PROJECT_INVALID where the project was exchanged for
 * a link meanwhile.
 */
export function resolvePolicy(policy: Policy, known: Known = new Map()): Policy {
  // A hundred protections of one tree share its path, and the rest their upper directories.
  const walked = new Map<string, Trail>();
  const trails = policy.rules.map((rule) => {
    const path = literalPart(rule);
    const trail = walked.get(path) ?? followLinks(path, known);
    walked.set(path, trail);
    return trail;
  });
  refuseExchanged(policy.projectDir, walked.get(policy.projectDir) ?? followLinks(policy.projectDir, known));
  const followed = policy.rules.map((rule, index) => follow(rule, trails[index]!));
  const resolved: Policy = { ...policy, rules: followed };
  const rules = followed.map((rule, index) => settle(resolved, rule, index));
  const missing = policy.rules.flatMap((rule, index) => missingNotice(rule, trails[index]!));
  return { ...policy, rules, notices: [...policy.notices, ...missing] };
}

/**
 * SECURITY: the project is a real path, whose settings have been read. A link that is on its way now was put there since, and
 * would open what it leads to by the settings and protections of another place.
 */
function refuseExchanged(projectDir: string, { links }: Trail): void {
  const [link] = links;
  if (link === undefined) return;
  throw new SandboxError('ERR_PROJECT_INVALID', {
    what: `Cannot take ${projectDir} as the project`,
    why: `${link} was exchanged for a symbolic link while the run started`,
    fix: 'Find out what replaced it, and run again',
  });
}

/** The part of a pattern before the first component that holds a glob character; the whole of a literal one. */
function literalPart(rule: PathRule): string {
  if (!rule.glob) return rule.pattern;
  const names = rule.pattern.split('/');
  const first = names.findIndex((name) => /[*?[\]{}\\]/.test(name));
  return names.slice(0, first === -1 ? names.length : first).join('/') || '/';
}

function follow(rule: PathRule, trail: Trail): PathRule {
  const person = isPersons(rule);
  if (trail.kind === 'dangling' || trail.kind === 'looping') {
    if (person) throw invalidLink(rule, trail);
    // One of our own rules on a broken link of the person's: nothing is there to protect or to show.
    return { ...rule, resolved: rule.pattern, links: trail.links };
  }
  const rest = rule.pattern.slice(literalPart(rule).length);
  const resolved = rule.glob ? normalizePath(trail.path + rest) : trail.path;
  return { ...rule, resolved, ...(trail.links.length > 0 ? { links: trail.links } : {}) };
}

/**
 * SECURITY: a run may leave a link behind (`ln -s ~/.ssh data` where `data` is an allowed path) and wait for the next run
 * to follow it. A link is believed only if nothing inside could have made it, or if following it grants nothing. /tmp inside
 * is not the host's: nothing inside can plant a link in the latter.
 */
function settle(policy: Policy, rule: PathRule, index: number): PathRule {
  if (!rule.links || rule.access === 'none' || rule.resolved === undefined) return rule;
  // Most links are the system's: no rule that allows writing comes near them.
  if (!rule.links.some((link) => mayBeWritten(policy, parentOf(link)))) return rule;
  const others: Policy = {
    ...policy,
    rules: policy.rules.filter((other, each) => each !== index && !isSessionPlace(other)),
  };
  const planted = rule.links.find((link) => accessOf(others, parentOf(link)) === 'write');
  if (planted === undefined) return rule;
  const target = rule.glob ? literalPart({ ...rule, pattern: rule.resolved }) : rule.resolved;
  const widens = RANK[accessOf(others, target)] < RANK[rule.access];
  if (!widens && !rule.glob) return rule;
  if (rule.glob && isWithin(target, parentOf(planted))) return rule;
  if (isPersons(rule)) throw untrusted(rule, planted, target);
  return { ...rule, resolved: rule.pattern };
}

/** Whether any rule at all could make the directory writable; which one decides is another question. */
function mayBeWritten(policy: Policy, directory: string): boolean {
  return policy.rules.some(
    (rule) => rule.access === 'write' && (rule.glob || isWithin(directory, rule.resolved ?? rule.pattern)),
  );
}

function isPersons(rule: PathRule): boolean {
  return rule.origin.scope !== 'builtin';
}

function missingNotice(rule: PathRule, trail: Trail): Notice[] {
  if (trail.kind !== 'missing' || rule.glob || rule.access === 'none' || !isPersons(rule)) return [];
  const message = `${rule.pattern} does not exist, so it could not be allowed`;
  return [{ kind: 'missing', message, origin: rule.origin }];
}

function placeOf({ origin }: PathRule): string {
  if (origin.file === undefined) return origin.text;
  const line = origin.line === undefined ? '' : `:${origin.line}`;
  return `${origin.file}${line}: ${origin.text}`;
}

function invalidLink(rule: PathRule, trail: Trail): SandboxError {
  return new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot follow ${rule.pattern} (${placeOf(rule)})`,
    why:
      trail.kind === 'looping'
        ? `the symbolic link ${trail.path} leads back to itself`
        : `the symbolic link ${trail.path} leads to nothing`,
    fix: 'Mend or remove the link, or take the entry out',
  });
}

function untrusted(rule: PathRule, link: string, target: string): SandboxError {
  return new SandboxError('ERR_PATH_SYMLINK_UNTRUSTED', {
    what: `Cannot allow ${rule.pattern} (${placeOf(rule)})`,
    why: `it leads to ${target} through the symbolic link ${link}, which a program inside could have made`,
    fix: `Name ${target} itself if that is what you mean, or remove the link`,
  });
}

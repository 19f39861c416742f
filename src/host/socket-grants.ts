/** Looks at the sockets that a policy opens: whether they are sockets, and whose. */
import { lstatSync, type Stats } from 'node:fs';
import { SandboxError } from '../errors.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import { ancestorsOf, isWithin, parentOf } from '../policy/paths.ts';
import type { PathRule, Policy } from '../policy/types.ts';

const OTHERS_MAY_WRITE = 0o002;

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // Beneath a directory that the person may not search: a relay could not reach it either.
    return undefined;
  }
}

function refuse({ pattern, origin }: PathRule, why: string, fix: string): SandboxError {
  const line = origin.line === undefined ? '' : `:${origin.line}`;
  const place = origin.file === undefined ? origin.text : `${origin.file}${line}`;
  return new SandboxError('ERR_PATH_INVALID', {
    what: `Cannot open the socket ${pattern} (${place})`,
    why,
    fix,
  });
}

/**
 * The owner of whatever on the way another user could have put there: in `/tmp` the name of an agent's socket is anyone's
 * who comes first. Undefined: nobody but the person, root, and the service whose directory it is.
 */
function strangerOn(path: string, self: number): number | undefined {
  for (const each of ancestorsOf(path)) {
    if (each === '/') break;
    const directory = look(parentOf(each));
    const owner = look(each)?.uid;
    if (directory === undefined || owner === undefined || (directory.mode & OTHERS_MAY_WRITE) === 0) continue;
    if (owner !== self && owner !== 0) return owner;
  }
  return undefined;
}

/** SECURITY: handed in as a file a socket would let descriptors through, and nobody would count. Covered by "a socket in allowedPaths". */
function refuseAsPath(rule: PathRule): void {
  if (rule.category !== 'setting' || rule.glob || rule.access === 'none' || rule.untrusted) return;
  if (!look(rule.resolved ?? rule.pattern)?.isSocket()) return;
  throw refuse(
    rule,
    'it is no file to be read or written, but a service of the host',
    'Name it in allowedSockets, or give --allow-socket: then it is relayed',
  );
}

/**
 * Throws ERR_PATH_INVALID for a socket that is none, that a stranger may have put there, or that is named as a path. What is
 * missing was reported when links were followed.
 */
export function checkSockets(policy: Policy, { pinfold, privateHome, macos }: HostFacts): void {
  const self = process.getuid?.() ?? 0;
  for (const rule of policy.rules) {
    if (!rule.socket) {
      if (macos === undefined) refuseAsPath(rule);
      continue;
    }
    const path = rule.resolved ?? rule.pattern;
    // SECURITY: also by a link; see `isOwn` in policy/merge-paths.ts.
    const own = [pinfold.stateDir, pinfold.dataDir].some((dir) => isWithin(path, dir));
    if (own && !isWithin(path, privateHome))
      throw refuse(rule, `it leads to ${path}, which is Pinfold's own`, 'Take the entry out');
    const found = look(path);
    if (found === undefined) continue;
    if (!found.isSocket()) {
      const kind = found.isDirectory() ? 'a directory' : 'no socket';
      throw refuse(
        rule,
        `${path} is ${kind}`,
        'Name the socket; files and directories belong in allowedPaths',
      );
    }
    const stranger = strangerOn(path, self);
    if (stranger !== undefined) {
      throw refuse(
        rule,
        `it lies where every user may make files, and belongs to user ${stranger}, who is neither you nor root`,
        'Have the service keep its socket in a directory of its own',
      );
    }
  }
}

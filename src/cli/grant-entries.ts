/** Which entry of the settings a grant comes to, and how risky it is; what was denied on purpose is refused. */
import { existsSync, lstatSync } from 'node:fs';
import { relative } from 'node:path';
import { SandboxError } from '../errors.ts';
import { followLinks } from '../host/symlinks.ts';
import { Decider } from '../policy/decide.ts';
import { judgeLiveHost } from '../policy/live-host.ts';
import { expandPath, isWithin } from '../policy/paths.ts';
import type { Policy } from '../policy/types.ts';
import { grantFor } from '../violations/grant.ts';
import { riskOf } from '../violations/risk.ts';
import type { Denial, Risk } from '../violations/types.ts';
import { usageError } from './parse.ts';
import { quoteWord } from './render/escape.ts';

function refused(what: string, why: string, fix: string): SandboxError {
  return new SandboxError('ERR_GRANT_REFUSED', { what, why, fix });
}

export function hostEntry(host: string, policy: Policy): { entry: string; risk: Risk } {
  const judged = judgeLiveHost(host, policy);
  if (judged.kind === 'no-host')
    throw usageError(`Cannot use ${JSON.stringify(host)}`, 'it is no host', 'See pinfold allow --help');
  if (judged.kind === 'shut') {
    const where = judged.rule?.origin.file ?? judged.rule?.origin.text;
    const why = where === undefined ? judged.why : `${judged.why} (${where})`;
    throw refused(
      `Cannot open ${judged.pattern}`,
      why,
      'Only whoever wrote that rule can change it, in that place',
    );
  }
  const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(judged.pattern) ?? [];
  const subject = { kind: 'host', host: name, ...(port !== undefined && { port: Number(port) }) } as const;
  const risk = riskOf({ act: 'connect', subject, observer: 'gate', outcome: 'refused' }, policy);
  return { entry: judged.pattern, risk };
}

/** As a person would write it: short, and in a project's file without a word about whose machine this is. */
function writtenPath(path: string, policy: Policy, scope: 'project' | 'user'): string {
  const { projectDir, homeDir } = policy;
  if (scope === 'project' && path !== projectDir && isWithin(path, projectDir))
    return `./${relative(projectDir, path)}`;
  return path !== homeDir && isWithin(path, homeDir) ? `~/${relative(homeDir, path)}` : path;
}

/** Without an entry: the path is open already. */
export function pathEntry(path: string, mode: 'read' | 'write', policy: Policy, scope: 'project' | 'user') {
  const resolved = followLinks(path).path;
  const decision = new Decider(policy).decide(resolved, mode);
  if (decision.allowed)
    return { key: 'allowedPaths', target: resolved, entry: undefined, risk: undefined } as const;
  const { rule } = decision;
  const isSocket = lstatSync(resolved, { throwIfNoEntry: false })?.isSocket() === true;
  const denial: Denial = {
    act: isSocket ? 'connect' : mode,
    subject: { kind: isSocket ? 'socket' : 'path', path: resolved },
    observer: 'supervisor',
    outcome: 'refused',
    ...(rule && { rule }),
  };
  const grant = grantFor(denial, policy, existsSync);
  if (grant.kind === 'none') {
    const by = rule === undefined ? '' : ` (${rule.pattern}, ${rule.origin.file ?? rule.origin.text})`;
    throw refused(
      `Cannot open ${path}`,
      `${grant.why}${by}`,
      `pinfold explain ${quoteWord(path)} says which rule decides`,
    );
  }
  const { key, value } = grant.setting;
  const target = typeof value === 'string' ? value : (value as { path: string }).path;
  const written = writtenPath(target, policy, scope);
  return {
    key,
    target,
    entry: mode === 'write' || isSocket ? written : { path: written, mode },
    risk: riskOf(denial, policy),
  };
}

/** Whether an entry of `allowedPaths` or `allowedSockets` is about this very path. */
export function isAbout(entry: unknown, path: string, { projectDir, homeDir }: Policy): boolean {
  const written = typeof entry === 'string' ? entry : (entry as { path?: unknown } | null)?.path;
  return typeof written === 'string' && expandPath(written, { projectDir, homeDir }) === path;
}

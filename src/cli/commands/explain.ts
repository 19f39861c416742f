/** `pinfold explain`: which rule of which file decides about a path or a host, and the smallest grant that would change it. */
import { existsSync, lstatSync, type Stats } from 'node:fs';
import { join, resolve } from 'node:path';
import { SandboxError } from '../../errors.ts';
import { followLinks } from '../../host/symlinks.ts';
import { type Candidate, Decider } from '../../policy/decide.ts';
import { serviceOf } from '../../policy/hazards.ts';
import { isWithin } from '../../policy/paths.ts';
import { printableJson } from '../../policy/printable.ts';
import type { Decision, Notice, PathRule, Policy } from '../../policy/types.ts';
import { loadPolicy } from '../../session/prepare.ts';
import { grantablePath } from '../../violations/grant.ts';
import { type Context, defineCommand, type Output } from '../command.ts';
import { POLICY_FLAGS, policyRequest } from '../flags.ts';
import { escapeText, quoteWord } from '../render/escape.ts';
import { paint } from '../render/style.ts';
import { isUrgent, noticeLine, shownOrigin, shownPath } from '../render/words.ts';
import { explainHost, readHost, renderHost } from './explain-host.ts';

export interface Explanation {
  /** As it was asked for, absolute. */
  readonly path: string;
  /** Where it leads once symbolic links are followed: what the rules are about. */
  readonly resolved: string;
  readonly exists: boolean;
  readonly wanted: 'read' | 'write';
  readonly decision: Decision;
  /** Other rules that cover it, the strongest first. */
  readonly overruled: readonly PathRule[];
  /** The path inside is a private one, not the host's. */
  readonly private: boolean;
  readonly notices: readonly Notice[];
  /** Flags of `pinfold run` that would open it; absent where nothing below can. */
  readonly grant?: string;
}

function expand(written: string, context: Context, homeDir: string): string {
  if (written.includes('\0')) {
    throw new SandboxError('ERR_PATH_INVALID', {
      what: 'Cannot explain this path',
      why: 'it holds a NUL character',
    });
  }
  if (written === '~' || written.startsWith('~/')) return join(homeDir, written.slice(1));
  return resolve(context.cwd, written);
}

function stateOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    // Absent, or not for this person to see: then rules about files of a name are taken to apply.
    return undefined;
  }
}

function grantFor(path: string, wanted: 'read' | 'write', decision: Decision): string | undefined {
  if (decision.allowed || decision.rule?.ceiling || decision.rule?.socket) return undefined;
  if (stateOf(path)?.isSocket()) return `--allow-socket ${quoteWord(path)}`;
  return `--allow ${quoteWord(path)}${wanted === 'read' ? ':ro' : ''}`;
}

/** A notice is about the path when its entry names the path, something above it or something beneath it. */
function noticesAbout(policy: Policy, path: string): Notice[] {
  return policy.notices.filter((notice) => {
    if (!isUrgent(notice)) return false;
    const named = /^(?:"(.*)"|--\w+ (.*?)(?::r[ow])?)$/s.exec(notice.origin.text);
    const text = named?.[1] ?? named?.[2];
    if (text === undefined) return false;
    const entry = resolve(
      policy.projectDir,
      text.startsWith('~') ? join(policy.homeDir, text.slice(1)) : text,
    );
    return isWithin(path, entry) || isWithin(entry, path);
  });
}

export async function explainPath(
  policy: Policy,
  path: string,
  wanted: 'read' | 'write',
): Promise<Explanation> {
  const trail = followLinks(path);
  const resolved = trail.path;
  const directory = stateOf(resolved)?.isDirectory();
  const facts = directory === undefined ? {} : { directory };
  const decider = new Decider(policy);
  const decision = decider.decide(resolved, wanted, facts);
  const overruled = decider
    .candidates(resolved, facts)
    .slice(1)
    .map(({ rule }: Candidate) => rule);
  const exists = trail.kind === 'found';
  const grant = grantFor(grantablePath(resolved, decider, existsSync), wanted, decision);
  return {
    path,
    resolved,
    exists,
    wanted,
    decision,
    overruled,
    private: decision.rule?.category === 'private' && !isWithin(resolved, policy.sandboxHome),
    notices: noticesAbout(policy, resolved),
    ...(grant !== undefined && { grant }),
  };
}

function verdictWords({ decision, wanted, private: isPrivate }: Explanation): string {
  const { allowed, access, rule } = decision;
  if (rule?.socket) return 'is relayed to the service of the host';
  if (isPrivate && allowed) return 'can be written, in a private place: what the host has there is hidden';
  if (allowed)
    return wanted === 'write' || access === 'write' ? 'can be read and written' : 'can be read, not written';
  if (access === 'read') return 'can be read, not written';
  return rule === undefined ? 'is hidden' : 'is denied';
}

function decidingLine(output: Output, { decision }: Explanation, homeDir: string): string {
  const { rule } = decision;
  if (rule === undefined) return 'no rule mentions it, and what no rule mentions is hidden';
  const pattern = shownPath(rule.pattern, homeDir);
  const service = rule.socket ? serviceOf(rule.resolved ?? rule.pattern) : undefined;
  const why = service === undefined ? escapeText(rule.why) : `${escapeText(rule.why)}; it ${service}`;
  return `${paint(output, 'strong', pattern)} ${rule.access === 'none' ? 'deny' : rule.access}: ${why} (${shownOrigin(rule.origin, homeDir)})`;
}

export function renderExplanation(output: Output, explanation: Explanation, policy: Policy): string {
  const { homeDir } = policy;
  const { path, resolved, decision, overruled } = explanation;
  const label = (text: string) => paint(output, 'dim', text.padEnd(9));
  const same = path === resolved ? '' : ` -> ${shownPath(resolved, homeDir)}`;
  const verdict = paint(output, decision.allowed ? 'good' : 'bad', verdictWords(explanation));
  const lines = [
    `${shownPath(path, homeDir)}${same} ${verdict} (${policy.mode.value})`,
    `  ${label('rule')}${decidingLine(output, explanation, homeDir)}`,
  ];
  if (!explanation.exists) lines.push(`  ${label('note')}nothing is there on the host now`);
  if (decision.rule?.ceiling)
    lines.push(`  ${label('note')}an administrator's rule: nothing below can open it`);
  for (const rule of overruled.slice(0, 5)) {
    lines.push(
      `  ${label('over')}${shownPath(rule.pattern, homeDir)} ${rule.access === 'none' ? 'deny' : rule.access} (${shownOrigin(rule.origin, homeDir)})`,
    );
  }
  for (const notice of explanation.notices) lines.push(`  ${label('notice')}${noticeLine(notice, homeDir)}`);
  if (explanation.grant !== undefined) {
    lines.push(`  ${label('to open')}pinfold run ${explanation.grant} -- COMMAND`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** A path that is there is one, whatever it looks like; a word that could be a host and names nothing here is a host. */
function namesHost(word: string, cwd: string): boolean {
  if (/^[~./]/.test(word) || word.includes('/')) return false;
  const isHost = /^(localhost|.*\.[a-z][a-z0-9-]+|\[.*\]|\d+(\.\d+){3})(:\d+)?$/i.test(word);
  return isHost && stateOf(resolve(cwd, word)) === undefined;
}

export const explainCommand = defineCommand({
  name: 'explain',
  summary: 'say which rule decides about a path or host, and what opens it',
  description:
    'The answer is what the kernel would do in a run started here. A symbolic link explains what it leads to. With --write the question is whether the path could be written. A word without a slash that looks like a host and names no file here is one; its port is 443 unless it is given. Exit code 0: allowed, 1: refused.',
  arguments: [{ name: 'WHAT', summary: 'the path or host to ask about', required: true, completion: 'path' }],
  options: {
    ...POLICY_FLAGS,
    write: { type: 'flag', short: 'w', summary: 'ask about writing, not reading' },
    host: { type: 'flag', summary: 'take the word for a host' },
    json: { type: 'flag', summary: 'for machines, on stdout' },
  },
  examples: [
    { line: 'pinfold explain api.example.com', does: 'whether it may be reached, and by which rule' },
    { line: 'pinfold explain ~/.ssh/id_ed25519', does: 'why it cannot be read' },
    { line: 'pinfold explain .git/hooks --write', does: 'why it cannot be written' },
  ],
  async run({ options, arguments: [written = ''], context }) {
    const { policy, facts } = await loadPolicy(policyRequest(options, context));
    if (options.host || namesHost(written, context.cwd)) {
      const { projectDir, homeDir } = policy;
      const { environment } = context;
      const places = { projectDir, homeDir, stateDir: facts.pinfold.stateDir, environment };
      const host = await explainHost(policy, readHost(written), places);
      context.out.write(options.json ? `${printableJson(host, 2)}\n` : renderHost(context.out, host, policy));
      return host.allowed ? 0 : 1;
    }
    const path = expand(written, context, policy.homeDir);
    const explanation = await explainPath(policy, path, options.write ? 'write' : 'read');
    const { out } = context;
    out.write(
      options.json ? `${printableJson(explanation, 2)}\n` : renderExplanation(out, explanation, policy),
    );
    return explanation.decision.allowed ? 0 : 1;
  },
});

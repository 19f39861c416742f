/** The smallest grant that would let a refused act pass, or why there is none. Only a person on the host can give it. */
import { Decider } from '../policy/decide.ts';
import { isWithin, parentOf } from '../policy/paths.ts';
import { quoteWord } from '../policy/printable.ts';
import { LEFT_OUT } from '../policy/secrets.ts';
import type { Policy } from '../policy/types.ts';
import { accessFor, classOf } from './acts.ts';
import { isExplicitDenial, isPathRule } from './rules.ts';
import type { Denial } from './types.ts';

export type Grant =
  | {
      readonly kind: 'grant';
      /** Words after `pinfold run`: `['--allow', '/data:ro']`. */
      readonly flags: readonly string[];
      /** Words after `pinfold allow`: `['/data']`, `['api.example.com:443']`. */
      readonly words: readonly string[];
      /** Whether it can be given to a session that runs. */
      readonly live: boolean;
      /** The entry that makes it last: `allowedPaths` and `{ path, mode }`, `allowedSockets` and the path, or `allowedDomains` and the host. */
      readonly setting: {
        readonly key: 'allowedPaths' | 'allowedSockets' | 'allowedDomains';
        readonly value: unknown;
      };
    }
  | { readonly kind: 'none'; readonly why: string };

function none(why: string): Grant {
  return { kind: 'none', why };
}

/**
 * The path to grant. What is absent in a directory that cannot be written is not granted alone: there is nothing to mount,
 * and nothing could be made. Then the nearest directory that exists is, if a rule speaks of just that.
 */
export function grantablePath(path: string, decider: Decider, exists: (path: string) => boolean): string {
  if (exists(path) || decider.accessOf(parentOf(path), { directory: true }) === 'write') return path;
  let up = parentOf(path);
  while (up !== '/' && !exists(up)) up = parentOf(up);
  const rule = decider.candidates(up, { directory: true })[0]?.rule;
  const meant =
    rule?.category === 'host-run' || rule?.category === 'credential' || rule?.category === 'setting';
  return meant ? up : path;
}

function hostGrant(host: string, port: number | undefined): Grant {
  const name = host.includes(':') ? `[${host}]` : host;
  const value = port === undefined ? name : `${name}:${port}`;
  return {
    kind: 'grant',
    flags: ['--allow-domain', quoteWord(value)],
    words: [quoteWord(value)],
    live: true,
    setting: { key: 'allowedDomains', value },
  };
}

/** The supervisor writes, who must hear of it; never names from which the host runs code. */
function isWrittenLive(rule: Denial['rule'], { monitor }: Policy): boolean {
  return monitor.value !== 'off' && !(rule && isPathRule(rule) && rule.category === 'host-run');
}

/** A path inside the project or beneath the home stays as it is; what stands for it is the shown one. */
export function grantFor(denial: Denial, policy: Policy, exists: (path: string) => boolean): Grant {
  const { rule, subject } = denial;
  if (rule?.ceiling) return none("this machine's administrator denies it");
  if (rule && isExplicitDenial(rule))
    return none('it is denied on purpose; only whoever wrote that rule can change it');
  if (denial.remedy?.kind === 'none' || subject.kind === 'syscall') return none('no setting changes this');
  if (subject.kind === 'host' && subject.host.includes(LEFT_OUT))
    return none('its name holds a secret, which is not kept');
  if (subject.kind === 'host') return hostGrant(denial.remedy?.host ?? subject.host, subject.port);
  if (classOf(denial.act) === 'bind') return none('no setting opens this');
  const { path } = subject;
  if (subject.kind === 'socket' && !path.startsWith('/'))
    return none('a socket without a path cannot be opened');
  if (path.length >= 4095 || /[\ud800-\udfff]/u.test(path))
    return none('its name cannot be written in a setting');
  if ((rule && isPathRule(rule) && rule.category === 'pinfold') || isWithin('/', path)) {
    return none('this is never opened to what is enclosed');
  }
  if (subject.kind === 'socket') {
    const word = quoteWord(path);
    const setting = { key: 'allowedSockets', value: path } as const;
    return { kind: 'grant', flags: ['--allow-socket', word], words: [word], live: false, setting };
  }
  const target = grantablePath(path, new Decider(policy), exists);
  if (target === '/' || isWithin(policy.homeDir, target))
    return none('it would open the whole home directory');
  const mode = accessFor(denial);
  return {
    kind: 'grant',
    flags: ['--allow', `${quoteWord(target)}${mode === 'read' ? ':ro' : ''}`],
    words: [quoteWord(target), ...(mode === 'write' ? ['--write'] : [])],
    live: mode === 'read' || (exists(target) && isWrittenLive(rule, policy)),
    setting: { key: 'allowedPaths', value: mode === 'write' ? target : { path: target, mode } },
  };
}

/**
 * As a person types it; `running`: the session that was refused is live, so that what can be given to it is. What cannot is
 * a matter of the next run. `once`: where it is given to the session, for one open.
 */
export function grantCommand(
  grant: Grant & { kind: 'grant' },
  { running, ...how }: { readonly running: boolean; readonly homeDir?: string; readonly once?: boolean },
): string {
  const { words, flags, live } = grant;
  return running && live
    ? `pinfold allow ${typed(words, how.homeDir)}${how.once ? ' --once' : ''}`
    : `pinfold run ${typed(flags, how.homeDir)} -- COMMAND`;
}

/** For a person whose home is known `~` stands for it, which their shell fills in where the word is not quoted. */
function typed(words: readonly string[], homeDir: string | undefined): string {
  const within = homeDir === undefined ? undefined : `${homeDir}/`;
  const shown = (word: string) =>
    within !== undefined && word.startsWith(within) ? `~/${word.slice(within.length)}` : word;
  return words.map(shown).join(' ');
}

/** What makes it last, for every session of the project to come. */
export function keepCommand({ words }: Grant & { kind: 'grant' }, homeDir?: string): string {
  return `pinfold allow ${typed(words, homeDir)} --project`;
}

/** `pinfold allow`: opens a host in a running session, or keeps a host, path or Unix socket open in the settings. */
import { existsSync, lstatSync } from 'node:fs';
import { relative } from 'node:path';
import { SandboxError } from '../../errors.ts';
import { findHome } from '../../host/host-facts.ts';
import { followLinks } from '../../host/symlinks.ts';
import { Decider } from '../../policy/decide.ts';
import { judgeLiveHost } from '../../policy/live-host.ts';
import { expandPath, isWithin } from '../../policy/paths.ts';
import { printableJson } from '../../policy/printable.ts';
import type { Policy } from '../../policy/types.ts';
import { askSession } from '../../session/control-client.ts';
import type { PathAccess } from '../../session/held-paths.ts';
import type { GrantedHost, Lasting } from '../../session/live-grants.ts';
import { loadPolicy } from '../../session/prepare.ts';
import { grantFor } from '../../violations/grant.ts';
import { riskOf } from '../../violations/risk.ts';
import type { Denial, Risk } from '../../violations/types.ts';
import { type Context, defineCommand, type OptionValues } from '../command.ts';
import { PLACE_OPTIONS, type Place, readLasting, readPlace, readWanted } from '../grant-words.ts';
import { chooseLive } from '../live-session.ts';
import { usageError } from '../parse.ts';
import { escapeText, quoteWord } from '../render/escape.ts';
import { type Applied, appliedLines, riskLine, writtenLines } from '../render/grants.ts';
import { applyLive } from '../session-wide.ts';
import { addEntry } from '../settings-lists.ts';
import { findPlaces } from '../settings-places.ts';

const OPTIONS = {
  ...PLACE_OPTIONS,
  for: {
    type: 'value',
    placeholder: 'TIME',
    summary: 'for this long: 90s, 10m, 2h; then connections are closed, and open files stay open',
  },
  once: { type: 'flag', summary: 'a host for one connection, a file for one open' },
  read: { type: 'flag', summary: 'a path, for reading', group: 'Paths' },
  write: { type: 'flag', summary: 'a path, for reading and writing', group: 'Paths' },
} as const;

type Options = OptionValues<typeof OPTIONS>;

function lastWords(granted: Pick<GrantedHost, 'state' | 'until'>, lasting: Lasting, once: string): string {
  if (granted.state === 'already') return 'it is open already';
  if (lasting.kind === 'once') return once;
  return granted.until === undefined
    ? 'until the session ends'
    : `until ${new Date(granted.until).toLocaleTimeString('en-GB')}`;
}

async function allowLive(
  context: Context,
  host: string,
  lasting: Lasting,
  { id, json }: { readonly id: string | undefined; readonly json: boolean },
): Promise<void> {
  const session = await chooseLive(context, id);
  const granted = await askSession(session, 'allow', { host, lasting });
  const { out } = context;
  if (json) {
    out.write(`${printableJson({ session: session.id, ...granted }, 2)}\n`);
    return;
  }
  const done = granted.state === 'already' ? '' : 'Opened ';
  out.write(
    `${done}${escapeText(granted.host)} in session ${session.id}: ${lastWords(granted, lasting, 'for one connection')}\n`,
  );
  out.write(riskLine(out, granted.risk));
}

function refused(what: string, why: string, fix: string): SandboxError {
  return new SandboxError('ERR_GRANT_REFUSED', { what, why, fix });
}

function hostEntry(host: string, policy: Policy): { entry: string; risk: Risk } {
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

function pathEntry(path: string, mode: 'read' | 'write', policy: Policy, scope: 'project' | 'user') {
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
function isAbout(entry: unknown, path: string, { projectDir, homeDir }: Policy): boolean {
  const written = typeof entry === 'string' ? entry : (entry as { path?: unknown } | null)?.path;
  return typeof written === 'string' && expandPath(written, { projectDir, homeDir }) === path;
}

async function allowHostForGood(
  context: Context,
  host: string,
  scope: 'project' | 'user',
  json: boolean,
): Promise<void> {
  const { policy } = await loadPolicy({ cwd: context.cwd, environment: context.environment });
  const { entry, risk } = hostEntry(host, policy);
  const places = await findPlaces(context, { project: undefined });
  const outcome = await addEntry({ context, places, scope, key: 'allowedDomains' }, entry, () => false);
  const applied: Applied[] = await applyLive(
    context,
    scope === 'user' ? undefined : policy.projectDir,
    (session) => askSession(session, 'allow', { host: entry, lasting: { kind: 'session' } }),
  );
  show(context, { entry, outcome, risk, applied, scope, json });
}

async function allowPathForGood(
  context: Context,
  path: string,
  {
    scope,
    mode,
    json,
  }: { readonly scope: 'project' | 'user'; readonly mode: 'read' | 'write'; readonly json: boolean },
): Promise<void> {
  const { policy } = await loadPolicy({ cwd: context.cwd, environment: context.environment });
  const { key, target, entry, risk } = pathEntry(path, mode, policy, scope);
  if (entry === undefined) {
    const shown = `${escapeText(path)} can be ${mode === 'read' ? 'read' : 'written'} already\n`;
    context.out.write(json ? `${printableJson({ path, state: 'already' })}\n` : shown);
    return;
  }
  const places = await findPlaces(context, { project: undefined });
  const outcome = await addEntry({ context, places, scope, key }, entry, (each) =>
    isAbout(each, target, policy),
  );
  // A socket is relayed from the start of a session on, or not in it.
  const applied =
    key === 'allowedSockets'
      ? []
      : await applyLive(context, scope === 'user' ? undefined : policy.projectDir, (session) =>
          askSession(session, 'allow-path', { path: target, access: mode, lasting: { kind: 'session' } }),
        );
  show(context, { entry, outcome, risk, applied, scope, json });
}

interface Shown {
  readonly entry: unknown;
  readonly outcome: Awaited<ReturnType<typeof addEntry>>;
  readonly risk: Risk;
  readonly applied: readonly Applied[];
  readonly scope: 'project' | 'user';
  readonly json: boolean;
}

function show({ out, err }: Context, { entry, outcome, risk, applied, scope, json }: Shown): void {
  if (json) {
    out.write(`${printableJson({ entry, scope, ...outcome, risk, sessions: applied }, 2)}\n`);
    return;
  }
  out.write(writtenLines(outcome, scope, entry, 'now has'));
  out.write(riskLine(out, risk));
  out.write(appliedLines(applied, 'open'));
  if (outcome.trust === 'untrusted') {
    err.write('That file is not trusted, so it does not hold yet: look through it with pinfold trust\n');
  }
}

async function allowPathLive(
  context: Context,
  path: string,
  {
    access,
    lasting,
    id,
    json,
  }: {
    readonly access: PathAccess;
    readonly lasting: Lasting;
    readonly id: string | undefined;
    readonly json: boolean;
  },
): Promise<void> {
  const session = await chooseLive(context, id);
  const granted = await askSession(session, 'allow-path', { path, access, lasting });
  const { out } = context;
  if (json) {
    out.write(`${printableJson({ session: session.id, ...granted }, 2)}\n`);
    return;
  }
  const done = granted.state === 'already' ? '' : `Opened to ${access} `;
  out.write(
    `${done}${escapeText(granted.path)} in session ${session.id}: ${lastWords(granted, lasting, 'for one open')}\n`,
  );
  out.write(riskLine(out, granted.risk));
}

async function allowPath(context: Context, path: string, place: Place, options: Options): Promise<void> {
  if (options.read && options.write)
    throw usageError('--read and --write exclude each other', 'each says how far', 'Give one');
  const access = options.write ? 'write' : 'read';
  const lasting = readLasting(options.once, options.for);
  const { json } = options;
  if (place.kind === 'session') {
    await allowPathLive(context, path, { access, lasting, id: place.id, json });
    return;
  }
  refuseTimed(lasting);
  await allowPathForGood(context, path, { scope: place.scope, mode: access, json });
}

function refuseTimed(lasting: Lasting): void {
  if (lasting.kind === 'session') return;
  throw usageError(
    '--once and --for are for a running session',
    'the settings hold for good',
    'Leave out --project and --user',
  );
}

export const allowCommand = defineCommand({
  name: 'allow',
  summary: 'open a host or path in a running session, or keep it open',
  description:
    'What is opened is open at once, for programs that run already. Without --project or --user it is open in the running session of this project and closed when that ends. What was denied on purpose, and what an administrator closed, is never opened.',
  arguments: [
    { name: 'WHAT', summary: 'a host as in api.example.com:443, or a path with a slash', required: true },
  ],
  options: OPTIONS,
  examples: [
    { line: 'pinfold allow registry.example.com', does: 'in the running session of this project' },
    { line: 'pinfold allow "*.example.com:443" --for 10m', does: 'for ten minutes' },
    { line: 'pinfold allow api.example.com --project', does: 'for good, in this project' },
    { line: 'pinfold allow ../lib --for 1h', does: 'a directory, to be read for an hour' },
    { line: 'pinfold allow ../lib --write', does: 'a directory, to be written until the session ends' },
    { line: 'pinfold allow ../lib --write --project', does: 'a directory, for good' },
    { line: 'pinfold allow /run/postgresql/.s.PGSQL.5432 --project', does: 'a socket of the host, relayed' },
  ],
  async run({ options, arguments: [word = ''], context }) {
    const wanted = readWanted(word, { cwd: context.cwd, homeDir: findHome(context.environment) });
    const place = readPlace(options);
    if (wanted.kind === 'path') {
      await allowPath(context, wanted.path, place, options);
      return 0;
    }
    if (options.read || options.write)
      throw usageError('--read and --write are for paths', `${word} is a host`, 'Leave them out');
    const lasting = readLasting(options.once, options.for);
    if (place.kind === 'session') {
      await allowLive(context, wanted.host, lasting, { id: place.id, json: options.json });
      return 0;
    }
    refuseTimed(lasting);
    await allowHostForGood(context, wanted.host, place.scope, options.json);
    return 0;
  },
});

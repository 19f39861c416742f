/** Keeps a host, path or Unix socket open in the settings, and opens it in the sessions that run under them. */
import { printableJson } from '../policy/printable.ts';
import { askSession } from '../session/control-client.ts';
import { loadPolicy } from '../session/prepare.ts';
import type { Risk } from '../violations/types.ts';
import type { Context } from './command.ts';
import { hostEntry, isAbout, pathEntry } from './grant-entries.ts';
import { escapeText } from './render/escape.ts';
import { type Applied, appliedLines, riskLine, writtenLines } from './render/grants.ts';
import { applyLive } from './session-wide.ts';
import { addEntry } from './settings-lists.ts';
import { findPlaces } from './settings-places.ts';

export async function keepHost(
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

export async function keepPath(
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

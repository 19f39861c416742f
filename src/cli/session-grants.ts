/** Opens a host or path in a running session, for programs that run already. */
import { printableJson } from '../policy/printable.ts';
import { askSession } from '../session/control-client.ts';
import type { PathAccess } from '../session/held-paths.ts';
import type { GrantedHost, Lasting } from '../session/live-grants.ts';
import type { Context } from './command.ts';
import { chooseLive } from './live-session.ts';
import { escapeText } from './render/escape.ts';
import { riskLine } from './render/grants.ts';

function lastWords(granted: Pick<GrantedHost, 'state' | 'until'>, lasting: Lasting, once: string): string {
  if (granted.state === 'already') return 'it is open already';
  if (lasting.kind === 'once') return once;
  return granted.until === undefined
    ? 'until the session ends'
    : `until ${new Date(granted.until).toLocaleTimeString('en-GB')}`;
}

export async function openHost(
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

export async function openPath(
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

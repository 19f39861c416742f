/** `pinfold allow`: opens a host in a running session, or keeps a host, path or Unix socket open in the settings. */
import { findHome } from '../../host/host-facts.ts';
import type { Lasting } from '../../session/live-grants.ts';
import { type Context, defineCommand, type OptionValues } from '../command.ts';
import { PLACE_OPTIONS, type Place, readLasting, readPlace, readWanted } from '../grant-words.ts';
import { keepHost, keepPath } from '../kept-grants.ts';
import { usageError } from '../parse.ts';
import { openHost, openPath } from '../session-grants.ts';

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

async function allowPath(context: Context, path: string, place: Place, options: Options): Promise<void> {
  if (options.read && options.write)
    throw usageError('--read and --write exclude each other', 'each says how far', 'Give one');
  const access = options.write ? 'write' : 'read';
  const lasting = readLasting(options.once, options.for);
  const { json } = options;
  if (place.kind === 'session') {
    await openPath(context, path, { access, lasting, id: place.id, json });
    return;
  }
  refuseTimed(lasting);
  await keepPath(context, path, { scope: place.scope, mode: access, json });
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
      await openHost(context, wanted.host, lasting, { id: place.id, json: options.json });
      return 0;
    }
    refuseTimed(lasting);
    await keepHost(context, wanted.host, place.scope, options.json);
    return 0;
  },
});

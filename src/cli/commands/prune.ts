/** `pinfold prune`: removes grants that expired, lead nowhere or were never used, and undoes that. */
import type { AuditedGrant } from '../../audit/types.ts';
import { type Removable, removable } from '../../audit/use.ts';
import { isProjectScope } from '../../config/discover.ts';
import { type Change, type EditableScope, editSettings } from '../../config/edit.ts';
import { readSettingsFile } from '../../config/settings-file.ts';
import { SandboxError } from '../../errors.ts';
import { printableJson } from '../../policy/printable.ts';
import { type Context, defineCommand } from '../command.ts';
import { usageError } from '../parse.ts';
import { lastPrune, type PrunedFile, rememberPrune } from '../prune-record.ts';
import { removalWords, shownEntry } from '../render/audit.ts';
import { escapeText } from '../render/escape.ts';
import { paint } from '../render/style.ts';
import { plural, shownOrigin, shownPath } from '../render/words.ts';
import { auditSettings } from '../settings-grants.ts';
import { findPlaces, JSON_OPTION, PROJECT_OPTION, type SettingsPlaces } from '../settings-places.ts';
import { askOnTerminal } from '../terminal-question.ts';

/** Sessions without a connection that count as never, where nobody says another number. */
const ENOUGH = 5;

interface Going {
  readonly audited: AuditedGrant;
  readonly why: Removable;
}

function readEnough(text: string | undefined): number {
  if (text === undefined) return ENOUGH;
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw usageError(
    `--sessions cannot be ${JSON.stringify(text)}`,
    'it is a number of sessions',
    'Give 1 or more',
  );
}

async function edit(
  places: SettingsPlaces,
  scope: EditableScope,
  file: string,
  change: Change,
): Promise<string> {
  const { homeDir, stateDir, projectDir } = places;
  const owner = isProjectScope(scope) ? projectDir! : homeDir;
  return (await editSettings({ scope, file, projectDir: owner, homeDir, stateDir, change })).sha256;
}

/** Takes all of them out of one file in one write. */
async function removeFrom(
  places: SettingsPlaces,
  going: readonly Going[],
  known: string | undefined,
): Promise<PrunedFile> {
  const { origin } = going[0]!.audited.entry;
  const [file, scope] = [origin.file!, origin.scope as EditableScope];
  const reading = await readSettingsFile(file);
  if (reading.kind !== 'read' || reading.sha256 !== known) {
    throw new SandboxError('ERR_SETTINGS_EDIT', {
      what: `Cannot change ${file}`,
      why: 'it was changed by somebody else at this moment',
      fix: 'Run pinfold prune again',
    });
  }
  const items = going.map(({ audited: { entry } }) => ({
    path: [...(entry.origin.profile === undefined ? [] : ['profiles', entry.origin.profile]), entry.key],
    index: entry.index,
  }));
  const after = await edit(places, scope, file, { kind: 'remove', items, sha256: reading.sha256 });
  return {
    scope,
    file,
    before: reading.text,
    after,
    entries: going.map(({ audited: { entry } }) => entry.text),
  };
}

async function removeAll(
  places: SettingsPlaces,
  going: readonly Going[],
  hashes: ReadonlyMap<string, string | undefined>,
): Promise<void> {
  const files = [...new Set(going.map(({ audited }) => audited.entry.origin.file!))];
  const done: PrunedFile[] = [];
  for (const file of files) {
    const mine = going.filter(({ audited }) => audited.entry.origin.file === file);
    done.push(await removeFrom(places, mine, hashes.get(file)));
    const prune = { time: new Date().toISOString(), files: done };
    await rememberPrune(places.stateDir, places.projectDir ?? places.homeDir, prune);
  }
}

async function undo(context: Context, places: SettingsPlaces, json: boolean): Promise<number> {
  const { stateDir, homeDir, projectDir = homeDir } = places;
  const last = lastPrune(stateDir, projectDir);
  const { out } = context;
  if (last === undefined) {
    out.write(json ? `${printableJson({ restored: [] })}\n` : 'There is no prune to undo here.\n');
    return 1;
  }
  let left = last.files;
  for (const { scope, file, before, after } of last.files) {
    await edit(places, scope, file, { kind: 'restore', text: before, sha256: after });
    left = left.filter((each) => each.file !== file);
    await rememberPrune(stateDir, projectDir, left.length === 0 ? undefined : { ...last, files: left });
  }
  const restored = last.files.map(({ file, entries }) => ({ file, entries }));
  if (json) out.write(`${printableJson({ restored }, 2)}\n`);
  else
    for (const { file, entries } of restored)
      out.write(`${shownPath(file, homeDir)} has ${entries.map(escapeText).join(', ')} again.\n`);
  return 0;
}

function show(context: Context, going: readonly Going[], homeDir: string): void {
  for (const { audited, why } of going) {
    const { entry } = audited;
    const where = paint(context.err, 'dim', shownOrigin({ ...entry.origin, text: '' }, homeDir).trim());
    context.err.write(`- ${shownEntry(entry, homeDir)}  ${where}\n    ${removalWords(audited, why)}\n`);
  }
}

export const pruneCommand = defineCommand({
  name: 'prune',
  summary: 'remove grants that expired, lead nowhere or were never used',
  description:
    'Shows each entry of allowedPaths, allowedSockets and allowedDomains that may go, asks, and takes them out of their files; comments stay. A host or a socket is proposed when enough sessions in a row had it in force and none dialled it. A path is proposed only when it expired or nothing is there now: that nobody saw it used does not prove that it is unused. Files that are not trusted are left alone. Exit code 0: nothing to remove, or removed; 1: something was left.',
  options: {
    yes: { type: 'flag', short: 'y', summary: 'do not ask' },
    undo: { type: 'flag', summary: 'put back what the last prune here removed' },
    sessions: {
      type: 'value',
      placeholder: 'N',
      completion: 'none',
      summary: 'how many sessions without a connection count as never used',
      default: String(ENOUGH),
    },
    ...PROJECT_OPTION,
    ...JSON_OPTION,
  },
  examples: [
    { line: 'pinfold prune', does: 'show what may go, and ask' },
    { line: 'pinfold prune --undo', does: 'take it back' },
  ],
  async run({ options, context }) {
    const places = await findPlaces(context, options);
    if (options.undo) return await undo(context, places, options.json);
    const enough = readEnough(options.sessions);
    const { grants, files } = await auditSettings(context, places);
    const going = grants.flatMap((audited): Going[] => {
      const why = removable(audited, enough);
      return why === undefined ? [] : [{ audited, why }];
    });
    const { out } = context;
    if (!options.json) show(context, going, places.homeDir);
    const question = `Remove ${plural(going.length, 'entry', 'entries')} as shown? [y/N] `;
    const noTerminal = {
      what: 'Cannot ask what to remove',
      fix: 'Read the list, then run pinfold prune --yes',
    };
    const agreed =
      going.length > 0 && (options.yes || (!options.json && askOnTerminal(context, question, noTerminal)));
    if (agreed) await removeAll(places, going, new Map(files.map(({ path, sha256 }) => [path, sha256])));
    if (options.json) {
      const entries = going.map(({ audited: { entry }, why }) => ({ ...entry, why }));
      out.write(`${printableJson({ removed: agreed, entries }, 2)}\n`);
    } else if (going.length === 0) out.write('Nothing to remove.\n');
    else
      out.write(
        agreed ? `Removed ${going.length}. To put back: pinfold prune --undo\n` : 'Nothing was removed.\n',
      );
    return going.length === 0 || agreed ? 0 : 1;
  },
});

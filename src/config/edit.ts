/** Owns the changing of a settings file on disk, and whether the result counts as trusted. */
import { createHash } from 'node:crypto';
import { mkdir, realpath } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SandboxError } from '../errors.ts';
import { writeFileAtomically } from './atomic-write.ts';
import { type FileScope, isProjectScope } from './discover.ts';
import type { Grant } from './grants.ts';
import { interpretSettings } from './interpretation.ts';
import { formatProblem } from './load.ts';
import { type FileContent, type FileReading, readSettingsFile } from './settings-file.ts';
import { addItemInText, removeItemInText, setInText, unsetInText, valueInText } from './text-edit.ts';
import { isTrusted, readTrust, trustName } from './trust.ts';
import { rememberTrust } from './trust-change.ts';

export type EditableScope = Exclude<FileScope, 'flag' | 'managed'>;

export type Change =
  | { readonly kind: 'set'; readonly path: readonly string[]; readonly value: unknown }
  | { readonly kind: 'unset'; readonly path: readonly string[] }
  /** Adds items to the ends of lists, all in one write. */
  | {
      readonly kind: 'add';
      readonly items: readonly { readonly path: readonly string[]; readonly value: unknown }[];
    }
  /** Takes items out of lists, all in one write. `sha256`: of the content that the positions are of; another is refused. */
  | { readonly kind: 'remove'; readonly items: readonly ListItem[]; readonly sha256: string }
  /** Puts back what the file held before the change that made it `sha256`. */
  | { readonly kind: 'restore'; readonly text: string; readonly sha256: string };

export interface ListItem {
  readonly path: readonly string[];
  /** From 0. */
  readonly index: number;
}

export interface EditRequest {
  readonly scope: EditableScope;
  readonly file: string;
  readonly projectDir: string;
  readonly homeDir: string;
  readonly stateDir: string;
  readonly change: Change;
}

export interface EditOutcome {
  readonly file: string;
  readonly change: 'created' | 'changed' | 'unchanged';
  /** Of the content as it is now; of an empty file where there is none. */
  readonly sha256: string;
  /** `untrusted`: the file held grants that the person has not agreed to, and still is not trusted. */
  readonly trust: 'trusted' | 'untrusted';
  /** What is not in effect because of that, the new value perhaps among it. */
  readonly pending: readonly Grant[];
}

function refuse(file: string, why: string, fix?: string, cause?: unknown): SandboxError {
  return new SandboxError('ERR_SETTINGS_EDIT', {
    what: `Cannot change ${file}`,
    why,
    ...(fix && { fix }),
    cause,
  });
}

/** Where the new content goes: the file itself, or the one that a link in the same directory names. */
async function findTarget({ scope, file, projectDir }: EditRequest, reading: FileReading): Promise<string> {
  const directory = await realpath(dirname(file));
  if (isProjectScope(scope)) {
    // SECURITY: a repository may bring `.pinfold` as a link to anywhere; what is written would land there.
    // Test: "refuses to write through a directory that is a link out of the project".
    const expected = join(await realpath(projectDir), relative(projectDir, dirname(file)));
    if (directory !== expected) {
      throw refuse(
        file,
        `${dirname(file)} is a symbolic link to ${directory}`,
        'Remove the link, or edit the file it leads to',
      );
    }
  }
  if (reading.kind === 'read' && dirname(reading.realPath) !== directory) {
    throw refuse(file, `it is a symbolic link to ${reading.realPath}`, `Edit ${reading.realPath} itself`);
  }
  return reading.kind === 'read' ? reading.realPath : file;
}

async function readForEdit({ scope, file }: EditRequest): Promise<FileContent | undefined> {
  const owner = isProjectScope(scope) ? undefined : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() };
  const reading = await readSettingsFile(file, owner);
  if (reading.kind === 'absent') {
    return undefined;
  }
  if (reading.kind !== 'read') {
    throw refuse(file, reading.problem.message);
  }
  return reading;
}

function interpret(request: EditRequest, text: string) {
  const { scope, file, projectDir, homeDir } = request;
  return interpretSettings({ scope, file, text, trusted: false, places: { projectDir, homeDir } });
}

/** What the list at `path` is to hold once `items` are gone. */
function expectedList(body: string, path: readonly string[], items: readonly ListItem[]): unknown[] {
  const gone = new Set(items.map(({ index }) => index));
  const list = valueInText(body, path);
  return Array.isArray(list) ? list.filter((_item, index) => !gone.has(index)) : [];
}

/** The new text, and what it must say under which key. */
function rewrite(
  body: string,
  change: Change,
): { changed: string; expected: Map<readonly string[], unknown> } {
  const inside = (path: readonly string[]) => ['sandbox', ...path];
  if (change.kind === 'restore') return { changed: change.text.replace(/^\uFEFF/, ''), expected: new Map() };
  if (change.kind === 'add') {
    const expected = new Map<readonly string[], unknown>();
    for (const key of new Set(change.items.map(({ path }) => JSON.stringify(path)))) {
      const path = inside(JSON.parse(key));
      const added = change.items
        .filter((item) => JSON.stringify(item.path) === key)
        .map(({ value }) => value);
      expected.set(path, [...expectedList(body, path, []), ...added]);
    }
    const add = (text: string, { path, value }: (typeof change.items)[number]) =>
      addItemInText(text, inside(path), value);
    return { changed: change.items.reduce(add, body), expected };
  }
  if (change.kind === 'remove') {
    const expected = new Map<readonly string[], unknown>();
    for (const key of new Set(change.items.map(({ path }) => JSON.stringify(path)))) {
      const path = inside(JSON.parse(key));
      expected.set(
        path,
        expectedList(
          body,
          path,
          change.items.filter((item) => JSON.stringify(item.path) === key),
        ),
      );
    }
    // From the last on, so that the positions before it stay true.
    const ordered = change.items.toSorted((a, b) => b.index - a.index);
    const changed = ordered.reduce(
      (text, { path, index }) => removeItemInText(text, inside(path), index),
      body,
    );
    return { changed, expected };
  }
  const path = inside(change.path);
  return change.kind === 'set'
    ? { changed: setInText(body, path, change.value), expected: new Map([[path, change.value]]) }
    : { changed: unsetInText(body, path), expected: new Map([[path, undefined]]) };
}

/** The new text, sure to be valid and to say what was asked. */
function changeText(request: EditRequest, text: string): { text: string; grants: readonly Grant[] } {
  const { change, file } = request;
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  const { changed, expected } = rewrite(text.slice(mark.length), change);
  const meaning = interpret(request, changed);
  if (meaning.kind === 'invalid') {
    throw refuse(file, `the result would not be valid: ${formatProblem(meaning.problems[0]!)}`);
  }
  for (const [path, value] of expected) {
    if (!isDeepStrictEqual(valueInText(changed, path), value)) {
      throw refuse(file, 'the change would not read back as it was written', 'Change the file by hand');
    }
  }
  return { text: mark + changed, grants: meaning.grants };
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A change that is about one content is not made to another. */
function refuseOther({ change, file }: EditRequest, before: FileContent | undefined): void {
  if (!('sha256' in change) || before?.sha256 === change.sha256) return;
  throw refuse(file, 'it has changed since', 'Look at it, and change it by hand or ask again');
}

/**
 * Whether what is there before the edit has the person's consent: nothing is there, the content is trusted, or it holds
 * nothing that could widen.
 *
 * SECURITY: without this a repository ships `allowedPaths: ["~/.ssh"]`, untrusted and without effect, and waits until the
 * person runs `pinfold config set` for something harmless: the edit's trust would cover the planted entry too.
 * Test: "does not launder a planted grant through a harmless edit".
 */
async function hadConsent(
  request: EditRequest,
  before: FileContent | undefined,
  grants: readonly Grant[],
): Promise<boolean> {
  if (before === undefined || grants.length === 0) {
    return true;
  }
  const trust = await readTrust(request.stateDir);
  const candidate = { file: trustName(request.projectDir, request.file), sha256: before.sha256 };
  return isTrusted(trust, await realpath(request.projectDir), candidate);
}

async function replaceFile(
  request: EditRequest,
  before: FileContent | undefined,
  text: string,
): Promise<void> {
  const { file, scope } = request;
  try {
    await mkdir(dirname(file), { recursive: true, mode: isProjectScope(scope) ? 0o777 : 0o700 });
    const target = await findTarget(request, before ?? { kind: 'absent', path: file });
    const created = { mode: isProjectScope(scope) ? 0o644 : 0o600 };
    await writeFileAtomically(
      target,
      text,
      before === undefined ? created : { mode: before.mode, owner: before },
    );
  } catch (cause) {
    throw cause instanceof SandboxError ? cause : refuse(file, (cause as Error).message, undefined, cause);
  }
}

/** Sets or removes one value. Comments and layout stay; the file is replaced in one step; an invalid file is left alone. */
export async function editSettings(request: EditRequest): Promise<EditOutcome> {
  const { file, scope, stateDir, projectDir } = request;
  const before = await readForEdit(request);
  refuseOther(request, before);
  const start = before?.text ?? '{}\n';
  const meaning = interpret(request, start);
  if (meaning.kind === 'invalid') {
    throw refuse(file, `it is not valid: ${formatProblem(meaning.problems[0]!)}`, 'Correct it by hand first');
  }
  const after = changeText(request, start);
  const consent = !isProjectScope(scope) || (await hadConsent(request, before, meaning.grants));
  const trust = consent ? 'trusted' : 'untrusted';
  const pending = consent ? [] : after.grants;
  if (after.text === start && (before !== undefined || request.change.kind === 'unset')) {
    return { file, change: 'unchanged', sha256: digestOf(before?.text ?? ''), trust, pending };
  }
  await replaceFile(request, before, after.text);
  const sha256 = digestOf(after.text);
  if (consent && isProjectScope(scope)) {
    // The hash of what was written, not of what the disk holds by now.
    await rememberTrust(stateDir, projectDir, [{ file: trustName(projectDir, file), sha256 }]);
  }
  return { file, change: before === undefined ? 'created' : 'changed', sha256, trust, pending };
}

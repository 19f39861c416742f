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
import { setInText, unsetInText, valueInText } from './text-edit.ts';
import { isTrusted, readTrust, trustName } from './trust.ts';
import { rememberTrust } from './trust-change.ts';

export type EditableScope = Exclude<FileScope, 'flag' | 'managed'>;

export type Change =
  | { readonly kind: 'set'; readonly path: readonly string[]; readonly value: unknown }
  | { readonly kind: 'unset'; readonly path: readonly string[] };

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

/** The new text, sure to be valid and to say what was asked. */
function changeText(request: EditRequest, text: string): { text: string; grants: readonly Grant[] } {
  const { change, file } = request;
  const path = ['sandbox', ...change.path];
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  const body = text.slice(mark.length);
  const changed = change.kind === 'set' ? setInText(body, path, change.value) : unsetInText(body, path);
  const meaning = interpret(request, changed);
  if (meaning.kind === 'invalid') {
    throw refuse(file, `the result would not be valid: ${formatProblem(meaning.problems[0]!)}`);
  }
  if (!isDeepStrictEqual(valueInText(changed, path), change.kind === 'set' ? change.value : undefined)) {
    throw refuse(file, 'the change would not read back as it was written', 'Change the file by hand');
  }
  return { text: mark + changed, grants: meaning.grants };
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
    return { file, change: 'unchanged', trust, pending };
  }
  await replaceFile(request, before, after.text);
  if (consent && isProjectScope(scope)) {
    // The hash of what was written, not of what the disk holds by now.
    const sha256 = createHash('sha256').update(after.text).digest('hex');
    await rememberTrust(stateDir, projectDir, [{ file: trustName(projectDir, file), sha256 }]);
  }
  return { file, change: before === undefined ? 'created' : 'changed', trust, pending };
}

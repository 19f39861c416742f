/** Owns the loading of all settings files into layers: every file read once, every problem of every file told together. */
import { realpathSync, statSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { type Problem, SandboxError } from '../errors.ts';
import { isWithin } from '../policy/paths.ts';
import type { Notice, SettingsLayer } from '../policy/types.ts';
import {
  type FileScope,
  isProjectScope,
  type LocationQuery,
  locateSettings,
  type SettingsLocation,
  stateDirOf,
} from './discover.ts';
import type { Grant } from './grants.ts';
import { describeForeignHands, type FileContent, type OwnerRule, readSettingsFile } from './settings-file.ts';
import { isTrusted, readTrust, type TrustRecord, trustName } from './trust.ts';

export interface LoadRequest extends LocationQuery {
  readonly homeDir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the trust record is; default: from XDG_STATE_HOME or `~/.local/state`. */
  readonly stateDir?: string | undefined;
  /** The user who must own the managed file; root unless a test says otherwise. */
  readonly managedOwner?: number | undefined;
}

export interface LoadedFile {
  readonly scope: FileScope;
  readonly path: string;
  readonly state: 'loaded' | 'absent';
  /** Of the content that was read. */
  readonly sha256?: string;
  readonly trusted?: boolean;
  /** What the file can widen where it is trusted. */
  readonly grants?: readonly Grant[];
}

export interface LoadedLayers {
  /** Weakest first; a file that is absent has none. */
  readonly layers: readonly SettingsLayer[];
  readonly files: readonly LoadedFile[];
  readonly notices: readonly Notice[];
}

interface Surroundings {
  readonly request: LoadRequest;
  readonly project: { readonly dir: string; readonly realDir: string } | undefined;
  readonly trust: TrustRecord;
}

interface Failure {
  readonly code: 'ERR_SETTINGS_INVALID' | 'ERR_SETTINGS_UNREADABLE';
  readonly problems: readonly Problem[];
}

type Outcome =
  | { readonly kind: 'failed'; readonly failure: Failure }
  | {
      readonly kind: 'read';
      readonly file: LoadedFile;
      readonly layer?: SettingsLayer;
      readonly notices: readonly Notice[];
    };

function ownerRuleOf(scope: FileScope, managedOwner: number): OwnerRule | undefined {
  if (scope === 'managed') {
    return { uid: managedOwner, gid: undefined };
  }
  return isProjectScope(scope) ? undefined : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() };
}

/** Where a file really lies decides who can write it, whatever path led there. */
function describeMisplacement(
  scope: FileScope,
  content: FileContent,
  { project }: Surroundings,
): string | undefined {
  const { path, realPath } = content;
  if (project === undefined || !isWithin(realPath, project.realDir)) {
    return undefined;
  }
  // SECURITY: a link from trusted ground into the project would let the sandboxed command write its own settings
  // (attack F-53). Test: "refuses a user's settings file that is a link into the project".
  if ((scope === 'user' || scope === 'managed') && !isWithin(path, project.dir)) {
    return `it is a symbolic link to ${realPath}, inside the project, where a sandboxed command could change it`;
  }
  const ownDirectory = scope === 'project' || scope === 'local';
  if (ownDirectory && !isWithin(realPath, `${project.realDir}${sep}.pinfold`)) {
    return `it is a symbolic link to ${realPath}, outside .pinfold, where a sandboxed command could change it`;
  }
  return undefined;
}

function describeManagedDirectory(path: string, owner: number): string | undefined {
  const wrong = describeForeignHands(statSync(dirname(path)), { uid: owner, gid: undefined });
  return wrong === undefined ? undefined : `its directory can be changed by others: ${wrong}`;
}

function decideTrust(scope: FileScope, content: FileContent, { project, trust }: Surroundings): boolean {
  const insider = isProjectScope(scope) || scope === 'flag';
  if (project === undefined || !insider) {
    return true;
  }
  if (scope === 'flag' && !isWithin(content.realPath, project.realDir)) {
    return true;
  }
  const { path, sha256 } = content;
  return isTrusted(trust, project.realDir, { file: trustName(project.dir, path), sha256 });
}

function unreadable(problem: Problem): Outcome {
  return { kind: 'failed', failure: { code: 'ERR_SETTINGS_UNREADABLE', problems: [problem] } };
}

async function loadFile({ scope, path }: SettingsLocation, around: Surroundings): Promise<Outcome> {
  const managedOwner = around.request.managedOwner ?? 0;
  const reading = await readSettingsFile(path, ownerRuleOf(scope, managedOwner));
  const place = { file: path, line: 1, column: 1 };
  // A plain file named `.claude` is none of Pinfold's business; one named `.pinfold` is a mistake.
  const foreign = reading.kind === 'unreadable' && reading.errno === 'ENOTDIR' && scope === 'claude';
  if (reading.kind === 'absent' || foreign) {
    return scope === 'flag'
      ? unreadable({ ...place, message: 'there is no such file' })
      : { kind: 'read', file: { scope, path, state: 'absent' }, notices: [] };
  }
  if (reading.kind !== 'read') {
    const code = reading.kind === 'malformed' ? 'ERR_SETTINGS_INVALID' : 'ERR_SETTINGS_UNREADABLE';
    return { kind: 'failed', failure: { code, problems: [reading.problem] } };
  }
  const misplaced =
    describeMisplacement(scope, reading, around) ??
    (scope === 'managed' ? describeManagedDirectory(reading.realPath, managedOwner) : undefined);
  if (misplaced !== undefined) {
    return unreadable({ ...place, message: misplaced });
  }
  const { homeDir, projectDir = homeDir } = around.request;
  const trusted = decideTrust(scope, reading, around);
  // Most starts find no settings at all, and need no parser for them.
  const { interpretSettings } = await import('./interpretation.ts');
  const meaning = interpretSettings({
    scope,
    file: path,
    text: reading.text,
    trusted,
    places: { projectDir, homeDir },
  });
  if (meaning.kind === 'invalid') {
    return { kind: 'failed', failure: { code: 'ERR_SETTINGS_INVALID', problems: meaning.problems } };
  }
  const file: LoadedFile = {
    scope,
    path,
    state: 'loaded',
    sha256: reading.sha256,
    trusted,
    grants: meaning.grants,
  };
  return { kind: 'read', file, layer: meaning.layer, notices: meaning.notices };
}

export function formatProblem({ file, line, column, message, suggestion }: Problem): string {
  return `${file}:${line}:${column}: ${message}${suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`}`;
}

function failureOf(failures: readonly Failure[]): SandboxError {
  const problems = failures.flatMap((failure) => failure.problems);
  const code =
    failures.find((failure) => failure.code === 'ERR_SETTINGS_UNREADABLE')?.code ?? 'ERR_SETTINGS_INVALID';
  const more = problems.length === 1 ? '' : `, and ${problems.length - 1} more`;
  return new SandboxError(code, {
    what: code === 'ERR_SETTINGS_INVALID' ? 'The settings are not valid' : 'A settings file cannot be used',
    why: formatProblem(problems[0]!) + more,
    fix: 'Correct what is named; nothing is run until then',
    problems,
  });
}

/**
 * Throws ERR_SETTINGS_UNREADABLE or ERR_SETTINGS_INVALID with the problems of all files: no setting is ever guessed from
 * the files that happened to be good.
 */
export async function loadLayers(request: LoadRequest): Promise<LoadedLayers> {
  const trust = await readTrust(request.stateDir ?? stateDirOf(request.homeDir, request.environment));
  const { projectDir } = request;
  const project =
    projectDir === undefined ? undefined : { dir: projectDir, realDir: realpathSync.native(projectDir) };
  const around: Surroundings = { request, project, trust };
  const outcomes = await Promise.all(locateSettings(request).map((location) => loadFile(location, around)));
  const failures = outcomes.flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.failure] : []));
  if (failures.length > 0) {
    throw failureOf(failures);
  }
  const read = outcomes.flatMap((outcome) => (outcome.kind === 'read' ? [outcome] : []));
  return {
    layers: read.flatMap(({ layer }) => (layer === undefined ? [] : [layer])),
    files: read.map(({ file }) => file),
    notices: read.flatMap(({ notices }) => notices),
  };
}

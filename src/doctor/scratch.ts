/** The world in which doctor attempts what is forbidden: a home, a project and an outside that it made, and removes. */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SandboxError } from '../errors.ts';
import { identify, isRunning } from '../session/process-identity.ts';

export interface Scratch {
  /** Not to be found by chance in anything that is not doctor's. */
  readonly token: string;
  readonly home: string;
  /** With a `.git` like a repository's, in `home`. */
  readonly project: string;
  /** No policy mentions it. */
  readonly outside: string;
  /** Beneath the host's own directory for temporary files. */
  readonly temporary: string;
  /** For what doctor itself keeps; no policy mentions it. */
  readonly notes: string;
  dispose(): void;
}

/** Where doctors have their worlds: one directory for each process, named so that a later one knows whether it still runs. */
const KEPT = 'doctor';
/** Not $TMPDIR: this is the one that programs of the host keep sockets in, and that every sandbox has for itself. */
const TEMPORARY = '/tmp';
const PREFIX = 'pinfold-doctor-';

function nameOf(pid: number): string {
  return `${pid}-${identify(pid).startTicks ?? '0'}`;
}

function isAbandoned(name: string): boolean {
  const [, pid, startTicks] = /^(\d+)-(\d+)/.exec(name) ?? [];
  if (pid === undefined) return false;
  const { boot } = identify(process.pid);
  // Where nobody says when a process began, one of the same number counts as the same.
  const began = startTicks === '0' ? {} : { startTicks: startTicks! };
  return !isRunning({ pid: Number(pid), ...began, ...(boot !== undefined && { boot }) });
}

/** Removes what a doctor of this user that was killed left behind: entries of `parent` named `PREFIX` and as it was. */
function sweep(parent: string, prefix: string): void {
  for (const name of readdirSync(parent)) {
    const path = join(parent, name);
    if (!name.startsWith(prefix) || !isAbandoned(name.slice(prefix.length))) continue;
    if (lstatSync(path, { throwIfNoEntry: false })?.uid !== process.getuid?.()) continue;
    rmSync(path, { recursive: true, force: true });
  }
}

/** Removes `leaf` and each directory above it up to `first`, as far as they are empty. */
function removeEmpty(leaf: string, first: string): void {
  for (let directory = leaf; directory.startsWith(first); directory = dirname(directory)) {
    try {
      rmdirSync(directory);
    } catch {
      // Somebody else keeps something there by now: another doctor, or a session.
      return;
    }
  }
}

function furnish(root: string, token: string): void {
  const secret = `${token}\n`;
  const files: Readonly<Record<string, string>> = {
    'home/notes.txt': secret,
    'home/.ssh/id_ed25519': secret,
    'home/.bashrc': secret,
    'home/.config/pinfold/settings.json': '{}\n',
    'home/project/README': secret,
    'home/project/.git/HEAD': 'ref: refs/heads/main\n',
    'home/project/.git/config': '[core]\n\tbare = false\n',
    'home/project/.git/hooks/pre-commit': '#!/bin/sh\n',
    'home/project/.git/objects/info/packs': '',
    'home/project/.git/refs/heads/keep': '',
    'outside/canary': secret,
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true, mode: 0o700 });
    writeFileSync(join(root, name), content, { mode: 0o600 });
  }
  mkdirSync(join(root, 'notes'), { mode: 0o700 });
}

function noPlace(cause: unknown, fix: string): SandboxError {
  return new SandboxError('ERR_STATE_UNWRITABLE', {
    what: 'Cannot make a place for the attempts',
    why: cause instanceof Error ? cause.message : String(cause),
    fix,
    cause,
  });
}

function makeTemporary(token: string): string {
  try {
    sweep(TEMPORARY, PREFIX);
    const temporary = mkdtempSync(`${join(TEMPORARY, PREFIX)}${nameOf(process.pid)}-`);
    writeFileSync(join(temporary, 'canary'), `${token}\n`, { mode: 0o600 });
    return temporary;
  } catch (cause) {
    throw noPlace(cause, `Make ${TEMPORARY} writable (sudo chmod 1777 ${TEMPORARY}), or mount one that is`);
  }
}

/** `stateDir`: Pinfold's own, of the person; made for as long as it is needed. Throws ERR_STATE_UNWRITABLE. */
export function makeScratch(stateDir: string): Scratch {
  const token = `doctor${randomBytes(12).toString('hex')}`;
  const own = join(stateDir, KEPT, nameOf(process.pid));
  const parent = dirname(own);
  try {
    const first = mkdirSync(own, { recursive: true, mode: 0o700 });
    sweep(parent, '');
    const root = mkdtempSync(join(own, 'world-'));
    let temporary: string | undefined;
    const dispose = () => {
      if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
      rmSync(root, { recursive: true, force: true });
      removeEmpty(own, first !== undefined && first.length < parent.length ? first : parent);
    };
    try {
      furnish(root, token);
      temporary = makeTemporary(token);
    } catch (error) {
      dispose();
      throw error;
    }
    const [home, outside, notes] = ['home', 'outside', 'notes'].map((name) => join(root, name)) as [
      string,
      string,
      string,
    ];
    return { token, home, project: join(home, 'project'), outside, temporary, notes, dispose };
  } catch (cause) {
    if (cause instanceof SandboxError) throw cause;
    throw noPlace(cause, `Make ${stateDir} writable, or set XDG_STATE_HOME to a directory that is`);
  }
}

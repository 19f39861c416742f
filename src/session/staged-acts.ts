/** Does for git inside what it may not do itself in a repository that lies in the session's own directory. */
import { realpathSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { baseOf, isWithin, parentOf } from '../policy/paths.ts';
import { Opened, placeOf } from './git-config-writing.ts';

/**
 * git renames its lock file over `path`. False: that is not in the repository of which `at` is the path and `content` the place, or
 * cannot be done. By the host, and never by letting the call go on: its names may lead beneath the cover by then.
 */
export function replaceStagedConfig(content: string, at: string | undefined, path: string): boolean {
  return doIn(content, at, path, (place) => renameSync(`${place}/config.lock`, `${place}/config`));
}

/** `create_default_files` of git's setup.c, by mkstemp(3). */
const PROBE = /^t[A-Za-z0-9]{6}$/;

/**
 * git is about to try whether links can be made there (else it would check them out as files). False as above, or it is another name.
 * SECURITY: the link is the one that git makes, whatever the call says, and is made by the host: a call that went on might make
 * one beneath the cover, where git on the host takes what it leads to for a submodule's repository.
 */
export function makeProbeLink(content: string, at: string | undefined, path: string): boolean {
  if (!PROBE.test(baseOf(path))) return false;
  return doIn(content, at, path, (place) => symlinkSync('testing', `${place}/${baseOf(path)}`));
}

function doIn(content: string, at: string | undefined, path: string, act: (place: string) => void): boolean {
  if (at === undefined || !isWithin(path, at)) return false;
  const opened = new Opened();
  try {
    // SECURITY: a directory in it may be exchanged for a link by who writes there.
    act(placeOf(opened, join(realpathSync(content), parentOf(path).slice(at.length))));
    return true;
  } catch {
    return false;
  } finally {
    opened.close();
  }
}

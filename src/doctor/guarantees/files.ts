/** Guarantees about files: what is hidden, what is read-only, and names from which the host runs code. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Attempt, Guarantee } from '../guarantee.ts';
import type { Ground } from './ground.ts';

type FileGround = Pick<Ground, 'policy' | 'scratch'> & Partial<Pick<Ground, 'weaker'>>;

/** The acts on files, in the words of one probe. */
export interface FileActs<C> {
  /** Reads what must not be readable; reached when `token` is in it. */
  read(act: string, path: string, token: string): Attempt<C>;
  /** Lists a directory; reached when `name` is among its entries. */
  list(act: string, path: string, name: string): Attempt<C>;
  /** Adds to a file that exists; what stood in it is still there for others to find. */
  write(act: string, path: string, unchanged: 'private' | 'undone'): Attempt<C>;
  create(act: string, path: string, unchanged: 'private' | 'undone'): Attempt<C>;
  /** Makes a file of a harmless name and gives it the forbidden one. */
  rename(act: string, from: string, to: string): Attempt<C>;
  /** Opens for writing and closes again. */
  openForWriting(act: string, path: string, hostRefuses: readonly string[]): Attempt<C>;
}

function hiddenHome<C>({ scratch }: FileGround, acts: FileActs<C>): Guarantee<C> {
  const { home, token } = scratch;
  return {
    id: 'home-hidden',
    group: 'files',
    claim: 'The home directory is hidden: its files cannot be read, nor their names listed',
    short: 'home hidden',
    attempts: [
      acts.read('read ~/notes.txt', join(home, 'notes.txt'), token),
      acts.list('list ~', home, 'notes.txt'),
      acts.create('create ~/planted', join(home, 'planted'), 'private'),
    ],
  };
}

function homeHostRun<C>({ scratch: { home } }: FileGround, acts: FileActs<C>): Guarantee<C> {
  return {
    id: 'home-host-run',
    group: 'files',
    claim: 'Files of the open home from which the host runs code cannot be changed or made',
    short: 'shell files read-only',
    attempts: [
      acts.write('write ~/.bashrc', join(home, '.bashrc'), 'undone'),
      acts.create('create ~/.zshrc', join(home, '.zshrc'), 'undone'),
      acts.rename('rename a file to ~/.profile', join(home, 'harmless'), join(home, '.profile')),
    ],
  };
}

function credentials<C>(
  { scratch: { home, token }, policy, weaker }: FileGround,
  acts: FileActs<C>,
): Guarantee<C> {
  // In an open home Landlock alone cannot keep the names from being listed, which is told by itself.
  const listable = weaker !== undefined && policy.mode.value === 'permissive';
  return {
    id: 'credentials',
    group: 'files',
    claim: 'Credential stores cannot be read, listed or added to',
    short: 'credentials hidden',
    attempts: [
      acts.read('read ~/.ssh/id_ed25519', join(home, '.ssh/id_ed25519'), token),
      ...(listable ? [] : [acts.list('list ~/.ssh', join(home, '.ssh'), 'id_ed25519')]),
      acts.create('create ~/.ssh/authorized_keys', join(home, '.ssh/authorized_keys'), 'private'),
    ],
  };
}

function outside<C>({ scratch: { outside: directory, token } }: FileGround, acts: FileActs<C>): Guarantee<C> {
  return {
    id: 'outside',
    group: 'files',
    claim: 'A directory that the policy does not name can be neither read nor written',
    short: 'outside closed',
    attempts: [
      acts.read('read a file outside', join(directory, 'canary'), token),
      acts.list('list a directory outside', directory, 'canary'),
      acts.write('write a file outside', join(directory, 'canary'), 'private'),
      acts.create('create a file outside', join(directory, 'planted'), 'private'),
    ],
  };
}

function temporary<C>(
  { scratch: { temporary: directory, token } }: FileGround,
  acts: FileActs<C>,
): Guarantee<C> {
  return {
    id: 'private-tmp',
    group: 'files',
    claim: "The host's /tmp is neither read nor written",
    short: '/tmp private',
    attempts: [
      acts.read('read a file in /tmp', join(directory, 'canary'), token),
      acts.create('create a file in /tmp', join(directory, 'planted'), 'private'),
    ],
  };
}

function hostRun<C>({ scratch: { project } }: FileGround, acts: FileActs<C>): Guarantee<C> {
  return {
    id: 'host-run',
    group: 'files',
    claim: 'Files of the project from which the host runs code cannot be changed or made',
    short: 'git hooks read-only',
    attempts: [
      acts.write('write .git/hooks/pre-commit', join(project, '.git/hooks/pre-commit'), 'undone'),
      acts.create('create .git/hooks/post-checkout', join(project, '.git/hooks/post-checkout'), 'undone'),
      acts.write('write .git/config', join(project, '.git/config'), 'undone'),
      acts.create('create .envrc', join(project, '.envrc'), 'undone'),
      acts.rename('rename a file to .mcp.json', join(project, 'harmless'), join(project, '.mcp.json')),
    ],
  };
}

function ownFiles<C>({ scratch: { home } }: FileGround, acts: FileActs<C>): Guarantee<C> {
  return {
    id: 'own-settings',
    group: 'files',
    claim: "Pinfold's own settings cannot be changed from inside",
    short: 'own settings safe',
    attempts: [
      acts.write(
        'write ~/.config/pinfold/settings.json',
        join(home, '.config/pinfold/settings.json'),
        'undone',
      ),
    ],
  };
}

/** Opened for writing and closed again: nothing of the host changes where it is let through. */
function system<C>(acts: FileActs<C>): Guarantee<C> {
  return {
    id: 'system-files',
    group: 'files',
    claim: "The system's own files cannot be written",
    short: 'system read-only',
    attempts: ['/etc/passwd', '/etc/hosts', '/usr/lib/os-release']
      .filter((path) => existsSync(path))
      .map((path) => acts.openForWriting(`open ${path} for writing`, path, ['EACCES', 'EROFS', 'EPERM'])),
  };
}

export function fileGuarantees<C>(ground: FileGround, acts: FileActs<C>): Guarantee<C>[] {
  const home =
    ground.policy.mode.value === 'permissive' ? homeHostRun(ground, acts) : hiddenHome(ground, acts);
  return [
    home,
    credentials(ground, acts),
    outside(ground, acts),
    temporary(ground, acts),
    hostRun(ground, acts),
    ownFiles(ground, acts),
    system(acts),
  ];
}

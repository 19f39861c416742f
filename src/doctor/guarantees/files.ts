/** Guarantees about files: what is hidden, what is read-only, and names from which the host runs code. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  createAttempt,
  listAttempt,
  O_WRONLY,
  openAttempt,
  readAttempt,
  renameAttempt,
  writeAttempt,
} from '../acts.ts';
import type { Guarantee } from '../guarantee.ts';
import type { Ground } from './ground.ts';

function hiddenHome({ scratch }: Ground): Guarantee {
  const { home, token } = scratch;
  return {
    id: 'home-hidden',
    group: 'files',
    claim: 'The home directory is hidden: its files cannot be read, nor their names listed',
    short: 'home hidden',
    attempts: [
      readAttempt('read ~/notes.txt', join(home, 'notes.txt'), token),
      listAttempt('list ~', home, 'notes.txt'),
      createAttempt('create ~/planted', join(home, 'planted'), 'private'),
    ],
  };
}

function homeHostRun({ scratch: { home } }: Ground): Guarantee {
  return {
    id: 'home-host-run',
    group: 'files',
    claim: 'Files of the open home from which the host runs code cannot be changed or made',
    short: 'shell files read-only',
    attempts: [
      writeAttempt('write ~/.bashrc', join(home, '.bashrc'), 'undone'),
      createAttempt('create ~/.zshrc', join(home, '.zshrc'), 'undone'),
      renameAttempt('rename a file to ~/.profile', join(home, 'harmless'), join(home, '.profile')),
    ],
  };
}

function credentials({ scratch: { home, token } }: Ground): Guarantee {
  return {
    id: 'credentials',
    group: 'files',
    claim: 'Credential stores cannot be read, listed or added to',
    short: 'credentials hidden',
    attempts: [
      readAttempt('read ~/.ssh/id_ed25519', join(home, '.ssh/id_ed25519'), token),
      listAttempt('list ~/.ssh', join(home, '.ssh'), 'id_ed25519'),
      createAttempt('create ~/.ssh/authorized_keys', join(home, '.ssh/authorized_keys'), 'private'),
    ],
  };
}

function outside({ scratch: { outside: directory, token } }: Ground): Guarantee {
  return {
    id: 'outside',
    group: 'files',
    claim: 'A directory that the policy does not name can be neither read nor written',
    short: 'outside closed',
    attempts: [
      readAttempt('read a file outside', join(directory, 'canary'), token),
      listAttempt('list a directory outside', directory, 'canary'),
      writeAttempt('write a file outside', join(directory, 'canary'), 'private'),
      createAttempt('create a file outside', join(directory, 'planted'), 'private'),
    ],
  };
}

function temporary({ scratch: { temporary: directory, token } }: Ground): Guarantee {
  return {
    id: 'private-tmp',
    group: 'files',
    claim: "The host's /tmp is neither read nor written",
    short: '/tmp private',
    attempts: [
      readAttempt('read a file in /tmp', join(directory, 'canary'), token),
      createAttempt('create a file in /tmp', join(directory, 'planted'), 'private'),
    ],
  };
}

function hostRun({ scratch: { project } }: Ground): Guarantee {
  return {
    id: 'host-run',
    group: 'files',
    claim: 'Files of the project from which the host runs code cannot be changed or made',
    short: 'git hooks read-only',
    attempts: [
      writeAttempt('write .git/hooks/pre-commit', join(project, '.git/hooks/pre-commit'), 'undone'),
      createAttempt('create .git/hooks/post-checkout', join(project, '.git/hooks/post-checkout'), 'undone'),
      writeAttempt('write .git/config', join(project, '.git/config'), 'undone'),
      createAttempt('create .envrc', join(project, '.envrc'), 'undone'),
      renameAttempt('rename a file to .mcp.json', join(project, 'harmless'), join(project, '.mcp.json')),
    ],
  };
}

function ownFiles({ scratch: { home } }: Ground): Guarantee {
  return {
    id: 'own-settings',
    group: 'files',
    claim: "Pinfold's own settings cannot be changed from inside",
    short: 'own settings safe',
    attempts: [
      writeAttempt(
        'write ~/.config/pinfold/settings.json',
        join(home, '.config/pinfold/settings.json'),
        'undone',
      ),
    ],
  };
}

/** Opened for writing and closed again: nothing of the host changes where it is let through. */
function system(): Guarantee {
  return {
    id: 'system-files',
    group: 'files',
    claim: "The system's own files cannot be written",
    short: 'system read-only',
    attempts: ['/etc/passwd', '/etc/hosts', '/usr/lib/os-release']
      .filter((path) => existsSync(path))
      .map((path) => openAttempt(`open ${path} for writing`, path, O_WRONLY, ['EACCES', 'EROFS', 'EPERM'])),
  };
}

export function fileGuarantees(ground: Ground): Guarantee[] {
  const home = ground.policy.mode.value === 'permissive' ? homeHostRun(ground) : hiddenHome(ground);
  return [
    home,
    credentials(ground),
    outside(ground),
    temporary(ground),
    hostRun(ground),
    ownFiles(ground),
    system(),
  ];
}

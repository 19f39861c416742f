/** Reads the remotes of a repository from its configuration, as data: git would run what an untrusted one names. */
import { join } from 'node:path';
import { readAsData } from './registry-hosts.ts';

export interface GitRemote {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly kind: 'https' | 'ssh' | 'other';
  /** Of `.git/config`, from 1. */
  readonly line: number;
}

/** `user@host:path`, git's short form of ssh (git-clone(1), GIT URLS). */
const SHORT = /^(?:[^@/\s]+@)?([A-Za-z0-9.-]+):(?!\/\/)/;

function parseAddress(name: string, text: string): Omit<GitRemote, 'line'> | undefined {
  if (URL.canParse(text) && text.includes('://')) {
    const { protocol, hostname, port } = new URL(text);
    if (hostname === '') return undefined;
    if (protocol === 'https:') return { name, host: hostname, port: Number(port || 443), kind: 'https' };
    if (protocol === 'ssh:') return { name, host: hostname, port: Number(port || 22), kind: 'ssh' };
    return { name, host: hostname, port: Number(port || 0), kind: 'other' };
  }
  const host = SHORT.exec(text)?.[1];
  return host === undefined ? undefined : { name, host, port: 22, kind: 'ssh' };
}

export function findGitRemotes(projectDir: string): GitRemote[] {
  const remotes: GitRemote[] = [];
  let name: string | undefined;
  for (const [index, line] of (readAsData(join(projectDir, '.git/config')) ?? '').split('\n').entries()) {
    const section = /^\s*\[([^\]]*)\]/.exec(line)?.[1];
    if (section !== undefined) name = /^remote\s+"(.*)"$/.exec(section)?.[1];
    const url = name === undefined ? undefined : /^\s*url\s*=\s*"?([^"\s]+)/.exec(line)?.[1];
    const remote = url === undefined ? undefined : parseAddress(name!, url);
    if (remote !== undefined) remotes.push({ ...remote, line: index + 1 });
  }
  return remotes;
}

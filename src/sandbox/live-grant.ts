/** What a program says when it opens or closes something in its sandbox. */
import { resolve } from 'node:path';
import { SandboxError } from '../errors.ts';
import type { PathAccess } from '../session/held-paths.ts';
import type { Lasting } from '../session/live-grants.ts';

export interface HostGrant {
  /** As in `allowedDomains`: `api.example.com`, `*.example.com:443`, `[2001:db8::1]`. */
  readonly host: string;
  /** For one connection. */
  readonly once?: boolean;
  /** For so long, in milliseconds; then its connections are closed. */
  readonly forMs?: number;
}

export interface PathGrant {
  /** A file or directory that exists; relative to the project directory. */
  readonly path: string;
  /** Default `read`. */
  readonly access?: PathAccess;
  /** A file, for one open; then it is closed for the next. */
  readonly once?: boolean;
  /** For so long, in milliseconds; what is open then stays open. */
  readonly forMs?: number;
}

export type Wanted =
  | { readonly kind: 'host'; readonly host: string; readonly lasting: Lasting }
  | {
      readonly kind: 'path';
      readonly path: string;
      readonly access: PathAccess;
      readonly lasting: Lasting;
    };

const KNOWN = { host: ['host', 'once', 'forMs'], path: ['path', 'access', 'once', 'forMs'] } as const;

/** Throws ERR_USAGE for what is no grant. */
export function readGrant(grant: HostGrant | PathGrant, projectDir: string): Wanted {
  const said: Readonly<Record<string, unknown>> = { ...grant };
  const kind = said.path === undefined ? 'host' : 'path';
  const why = mistakeIn(said, kind);
  if (why !== undefined) {
    throw new SandboxError('ERR_USAGE', {
      what: 'Cannot use this grant',
      why,
      fix: "Write it as in { host: 'api.example.com:443' } or { path: '/data', access: 'read' }, with forMs: 60_000 for a minute",
    });
  }
  const { once, forMs } = grant as HostGrant;
  const lasting: Lasting = once
    ? { kind: 'once' }
    : forMs === undefined
      ? { kind: 'session' }
      : { kind: 'for', ms: forMs };
  if (kind === 'host') return { kind, host: (grant as HostGrant).host, lasting };
  const { path, access = 'read' } = grant as PathGrant;
  return { kind, path: resolve(projectDir, path), access, lasting };
}

function mistakeIn(said: Readonly<Record<string, unknown>>, kind: 'host' | 'path'): string | undefined {
  const odd = Object.keys(said).find((key) => !(KNOWN[kind] as readonly string[]).includes(key));
  if (odd !== undefined) return `a grant for a ${kind} has no ${odd}`;
  if (typeof said[kind] !== 'string') return `${kind} is no text`;
  if (String(said[kind]).includes('\0')) return `${kind} holds a NUL character`;
  if (said.once && said.forMs !== undefined) return 'once and forMs exclude each other';
  if (said.access !== undefined && said.access !== 'read' && said.access !== 'write')
    return 'access is "read" or "write"';
  return undefined;
}

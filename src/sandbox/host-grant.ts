/** What a program says when it opens or closes something in its sandbox. */
import { SandboxError } from '../errors.ts';
import type { Lasting } from '../session/live-grants.ts';

export interface HostGrant {
  /** As in `allowedDomains`: `api.example.com`, `*.example.com:443`, `[2001:db8::1]`. */
  readonly host: string;
  /** For one connection. */
  readonly once?: boolean;
  /** For so long, in milliseconds; then its connections are closed. */
  readonly forMs?: number;
}

const KNOWN = ['host', 'once', 'forMs'];

/** Throws ERR_GRANT_REFUSED for a path, ERR_USAGE for what is no grant. */
export function readGrant(grant: HostGrant): { readonly host: string; readonly lasting: Lasting } {
  const said: Readonly<Record<string, unknown>> = { ...grant };
  if (said.path !== undefined) {
    throw new SandboxError('ERR_GRANT_REFUSED', {
      what: `Cannot open or close ${String(said.path)} in a sandbox that is made`,
      why: 'what it shows of files is settled when it is made',
      fix: 'Make the sandbox with allowedPaths',
    });
  }
  const odd = Object.keys(said).find((key) => !KNOWN.includes(key));
  const { host, once, forMs } = grant;
  const why =
    odd !== undefined
      ? `it has no ${odd}`
      : typeof host !== 'string'
        ? 'host is no text'
        : once && forMs !== undefined
          ? 'once and forMs exclude each other'
          : undefined;
  if (why !== undefined) {
    throw new SandboxError('ERR_USAGE', {
      what: 'Cannot use this grant',
      why,
      fix: "Write it as in { host: 'api.example.com:443' }, with once: true or forMs: 60_000",
    });
  }
  if (once) return { host, lasting: { kind: 'once' } };
  return { host, lasting: forMs === undefined ? { kind: 'session' } : { kind: 'for', ms: forMs } };
}

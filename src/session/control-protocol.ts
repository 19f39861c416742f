/** What is said over the control socket of a session: one JSON object on each line, requests one way and answers the other. */
import { type ErrorCode, isSandboxError, SandboxError } from '../errors.ts';
import type { TerminalSize } from '../platform/linux/plan.ts';
import type { Narrowing } from '../policy/narrowing.ts';
import type { GrantedPath, HeldPath, PathAccess } from './held-paths.ts';
import type { GrantedHost, Lasting, RevokedHost } from './live-grants.ts';

export const CONTROL_VERSION = 1;
/** The socket's name in the session's directory. */
export const CONTROL_NAME = 'control';
/** Bytes of one line; a command line is what may be long (ARG_MAX is larger, but nobody types that). */
export const MAX_LINE_BYTES = 256 * 1024;

/** What is wanted, by `op`, and what comes back. */
export interface ControlOps {
  readonly allow: {
    readonly asks: { readonly host: string; readonly lasting: Lasting };
    readonly gives: GrantedHost;
  };
  readonly revoke: { readonly asks: { readonly host: string }; readonly gives: RevokedHost };
  readonly 'allow-path': {
    readonly asks: { readonly path: string; readonly access: PathAccess; readonly lasting: Lasting };
    readonly gives: GrantedPath;
  };
  readonly 'revoke-path': {
    readonly asks: { readonly path: string };
    readonly gives: { readonly path: string };
  };
  /** What is open by a live grant. */
  readonly grants: {
    readonly asks: object;
    readonly gives: {
      readonly hosts: readonly Omit<GrantedHost, 'risk' | 'state'>[];
      readonly paths: readonly HeldPath[];
    };
  };
  /**
   * Runs a command; it must be the only request of its connection. After the answer the connection carries frames
   * (exec-frames.ts). `cwd`: absolute; default that of the session. `terminal`: it gets one of its own, of this size and with
   * this `TERM`. `narrowing`: what it is given less than the session.
   * `detach`: its streams are /dev/null, it outlives its connection, and what ends the frames is that it has started.
   */
  readonly exec: {
    readonly asks: {
      readonly argv: readonly string[];
      readonly cwd?: string;
      readonly terminal?: TerminalSize & { readonly name?: string | undefined };
      readonly narrowing?: Narrowing;
      readonly detach?: boolean;
    };
    readonly gives: object;
  };
  /**
   * Joins whoever asks to the command of a detached session; it must be the only request of its connection, which carries frames
   * after the answer. `recall`: first what was kept of its output.
   */
  readonly attach: { readonly asks: { readonly recall: boolean }; readonly gives: object };
  /** SIGTERM, and SIGKILL to whatever is left after `graceMs`. The connection ends with the session. */
  readonly stop: { readonly asks: { readonly graceMs: number }; readonly gives: object };
}

export type ControlOp = keyof ControlOps;

export type ControlAnswer =
  | { readonly version: 1; readonly ok: true; readonly result: unknown }
  | { readonly version: 1; readonly ok: false; readonly error: ErrorData };

interface ErrorData {
  readonly code: ErrorCode;
  readonly what: string;
  readonly why: string;
  readonly fix?: string;
}

export function errorData(thrown: unknown): ErrorData {
  if (!isSandboxError(thrown)) {
    return {
      code: 'ERR_INTERNAL',
      what: 'The session failed',
      why: String((thrown as Error)?.message ?? thrown),
    };
  }
  const { code, what, why, fix } = thrown;
  return { code, what, why, ...(fix !== undefined && { fix }) };
}

export function errorFrom({ code, what, why, fix }: ErrorData): SandboxError {
  return new SandboxError(code, { what, why, ...(fix !== undefined && { fix }) });
}

/** Takes a stream apart into lines of at most MAX_LINE_BYTES. */
export class LineReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The next lines; undefined when one is too long. */
  push(chunk: Buffer): string[] | undefined {
    const lines: string[] = [];
    let bytes: Buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10)) {
      if (end > MAX_LINE_BYTES) return undefined;
      lines.push(bytes.toString('utf8', 0, end));
      bytes = bytes.subarray(end + 1);
    }
    this.#rest = bytes;
    return bytes.length > MAX_LINE_BYTES ? undefined : lines;
  }

  /** What came after the last line. */
  get rest(): Buffer {
    return this.#rest;
  }
}

/** For a request that no pinfold of this release sends. */
export function misuse(why: string): SandboxError {
  return new SandboxError('ERR_USAGE', {
    what: 'Cannot understand the request to the session',
    why,
    fix: 'Use the pinfold of the same release as the session',
  });
}

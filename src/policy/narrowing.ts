/** What a command may be given less than its session, and that it is never more. */
import { SandboxError } from '../errors.ts';
import type { Mode, NetworkAccess, Policy } from './types.ts';

export interface Narrowing {
  /** Files as this mode shows them, and at most its network. */
  readonly mode?: Mode | undefined;
  /** `none`: no sockets at all but pairs of the command's own. Otherwise only the session's own word. */
  readonly networkAccess?: NetworkAccess | undefined;
  /** Nothing can be written but the command's own temporary directory. */
  readonly readOnly?: boolean | undefined;
}

export interface Narrowed {
  /** Undefined: files are shown as the session shows them. */
  readonly mode: Mode | undefined;
  readonly network: 'session' | 'none';
  readonly readOnly: boolean;
}

const MODES: readonly Mode[] = ['strict', 'standard', 'permissive'];
const NETWORKS: readonly NetworkAccess[] = ['none', 'local', 'filtered'];

function refused(what: string, why: string, fix: string): SandboxError {
  return new SandboxError('ERR_NARROWING', { what, why, fix });
}

function known<T extends string>(name: string, value: T | undefined, values: readonly T[]): void {
  if (value === undefined || values.includes(value)) return;
  throw new SandboxError('ERR_USAGE', {
    what: `Cannot use the ${name} ${JSON.stringify(value)}`,
    why: `it is one of ${values.join(', ')}`,
  });
}

/**
 * Undefined: nothing is narrower. Throws ERR_NARROWING for what is wider than the session, or lies between it and nothing
 * at all and could not be held; ERR_USAGE for words that are none.
 */
export function narrowedBy(
  asked: Narrowing,
  session: { readonly mode: Mode; readonly network: NetworkAccess },
  modeNetwork: (mode: Mode) => NetworkAccess,
): Narrowed | undefined {
  const { mode, networkAccess, readOnly } = asked;
  known('mode', mode, MODES);
  known('network access', networkAccess, NETWORKS);
  if (readOnly !== undefined && typeof readOnly !== 'boolean') {
    throw new SandboxError('ERR_USAGE', { what: 'Cannot use readOnly', why: 'it is true or false' });
  }
  if (mode !== undefined && MODES.indexOf(mode) > MODES.indexOf(session.mode)) {
    throw refused(
      `Cannot give a command the mode ${mode}`,
      `it is wider than the session's, which is ${session.mode}`,
      `Ask for ${MODES.slice(0, MODES.indexOf(session.mode) + 1).join(' or ')}`,
    );
  }
  if (networkAccess !== undefined && networkAccess !== 'none' && networkAccess !== session.network) {
    throw refused(
      `Cannot give a command the network ${networkAccess}`,
      `the session's is ${session.network}, and for one command the kernel can only take all of it away`,
      `Ask for none or ${session.network}`,
    );
  }
  const wanted = networkAccess ?? (mode === undefined ? session.network : modeNetwork(mode));
  // What lies between the session's network and none cannot be held for one command, so it has none.
  const network = networkAccess !== 'none' && wanted === session.network ? 'session' : 'none';
  if (mode === undefined && network === 'session' && !readOnly) return undefined;
  return { mode, network, readOnly: readOnly === true };
}

/** The session as `narrowedBy` measures against it. */
export function widthOf({ mode, network }: Policy): { readonly mode: Mode; readonly network: NetworkAccess } {
  return { mode: mode.value, network: network.access.value };
}

/** Reads what another of the person's commands asks of a session. All throw ERR_USAGE for what is not as it should be. */
import { normalizePath } from '../policy/paths.ts';
import { CONTROL_VERSION, type ControlOps, misuse } from './control-protocol.ts';

function parse(line: string): Readonly<Record<string, unknown>> {
  let said: unknown;
  try {
    said = JSON.parse(line);
  } catch {
    throw misuse('it is not JSON');
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said)) throw misuse('it is not an object');
  return said as Record<string, unknown>;
}

/** Throws ERR_USAGE: it is not JSON, not an object, or of another version. */
export function understand(line: string): Readonly<Record<string, unknown>> {
  const request = parse(line);
  if (request.version === CONTROL_VERSION) return request;
  throw misuse(`it speaks version ${String(request.version)}, this session version ${CONTROL_VERSION}`);
}

export function text(value: unknown, name: string): string {
  if (typeof value === 'string' && value.length <= 1024) return value;
  throw misuse(`${name} is no text of at most 1,024 characters`);
}

/** Normalised. */
export function pathOf(value: unknown): string {
  const fits = typeof value === 'string' && value.startsWith('/') && !value.includes('\0');
  if (fits && value.length < 4096) return normalizePath(value);
  throw misuse('a path is an absolute one without NUL');
}

export function accessOf(value: unknown): ControlOps['allow-path']['asks']['access'] {
  if (value === 'read' || value === 'write') return value;
  throw misuse('a path is opened to read or to write');
}

export function lastingOf(value: unknown): ControlOps['allow']['asks']['lasting'] {
  const { kind, ms } = (value ?? {}) as { kind?: unknown; ms?: unknown };
  if (kind === 'session' || kind === 'once') return { kind };
  if (kind === 'for' && typeof ms === 'number') return { kind, ms };
  throw misuse('it does not say how long the grant lasts');
}

/** Reads what the kernel reports of refusals in macOS's unified log, and tells real reports from forged ones. */

/** One refusal, as the kernel told it. All text was chosen inside or passed through there: bounded, not yet escaped. */
export interface SandboxReport {
  /** Name of the executable, cut by the kernel. */
  readonly program: string;
  readonly pid: number;
  /** `file-read-data`, `mach-lookup`, `network-outbound` … */
  readonly operation: string;
  /** A path, a service, an address; absent where the operation has none. */
  readonly target?: string;
  /** How often it was refused: the kernel tells repetitions of one process together. */
  readonly count: number;
  /** Milliseconds since the epoch; absent where the line does not say. */
  readonly time?: number;
}

/** Longer lines than any report: a path has at most 1,024 bytes (PATH_MAX), and each may be written as six characters. */
const LONGEST_LINE = 16_384;
const LONGEST_TARGET = 4096;
const LONGEST_NAME = 64;

/** `Sandbox: node(123) deny(1) file-read-data /path`, told again as `3 duplicate reports for Sandbox: …`. */
const REPORT =
  /^(?:(\d{1,9}) duplicate reports? for )?Sandbox: (.{1,64}?)\((\d{1,10})\) deny(?:\(\d{1,3}\))? ([a-z][a-z0-9*-]{1,63})(?: (.*))?$/su;

/**
 * The report in an event's message. `tag` is what the profile of the session adds to each of its refusals, on a line of
 * its own; a report without it belongs to another sandbox. Undefined for anything else.
 *
 * SECURITY: a path inside may hold a line break and a tag, so only the last line is taken for the tag, and the kernel
 * writes that one.
 */
export function parseMessage(message: string, tag: string): Omit<SandboxReport, 'time'> | undefined {
  if (message.length > LONGEST_LINE) return undefined;
  const end = message.lastIndexOf('\n');
  if (end === -1 || message.slice(end + 1).trim() !== tag) return undefined;
  const match = REPORT.exec(message.slice(0, end));
  if (match === null) return undefined;
  const [, again, program, pid, operation, target] = match;
  return {
    program: cut(program!, LONGEST_NAME),
    pid: Number(pid),
    operation: operation!,
    ...(target !== undefined && target !== '' ? { target: cut(target, LONGEST_TARGET) } : {}),
    // The first of them was told by itself.
    count: again === undefined ? 1 : Number(again),
  };
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length);
}

/**
 * One line of `log stream --style ndjson` or `log show --style ndjson`. SECURITY: any process may log text that looks like
 * a report. Only the kernel's has process 0, the kernel's image and the sandbox extension as its sender; these are filled
 * in by the log itself.
 */
export function parseNdjson(line: string, tag: string): SandboxReport | undefined {
  if (line.length > LONGEST_LINE || !line.startsWith('{')) return undefined;
  let event: Readonly<Record<string, unknown>>;
  try {
    event = JSON.parse(line);
  } catch {
    // The heading of the stream, or a line that was cut: neither is a report.
    return undefined;
  }
  if (!isFromKernel(event) || typeof event.eventMessage !== 'string') return undefined;
  const report = parseMessage(event.eventMessage, tag);
  return report && withTime(report, event.timestamp);
}

const SENDER = /^\/System\/Library\/Extensions\/Sandbox\.kext\//;

function isFromKernel(event: Readonly<Record<string, unknown>>): boolean {
  return (
    event.processID === 0 &&
    event.processImagePath === '/kernel' &&
    typeof event.senderImagePath === 'string' &&
    SENDER.test(event.senderImagePath)
  );
}

/**
 * Entries of `--style compact`: `2026-09-05 23:01:34.988 E  kernel[0:47bd] (Sandbox) Sandbox: cat(9) deny(1) …`, the tag on
 * the line after. For what a person has saved; a session reads ndjson, where the sender is told apart from the text.
 */
export function parseCompact(text: string, tag: string): SandboxReport[] {
  const reports: SandboxReport[] = [];
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const match = COMPACT.exec(line.slice(0, LONGEST_LINE));
    if (match === null) continue;
    const report = parseMessage(`${match[2]}\n${(lines[index + 1] ?? '').slice(0, 256)}`, tag);
    if (report !== undefined) reports.push(withTime(report, match[1]));
  }
  return reports;
}

const COMPACT =
  /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,6}(?:[+-]\d{4})?)\s+(?:\S{1,16}\s+)?(?:localhost )?kernel\[0(?::[0-9a-f]{1,16})?\](?: \(Sandbox\)|: \(Sandbox\)) (.*)$/;

/** `2026-09-05 23:01:34.988314-0500`; a time without its zone is this host's. */
function withTime(report: Omit<SandboxReport, 'time'>, stamp: unknown): SandboxReport {
  const match =
    typeof stamp === 'string'
      ? /^(\S{10}) (\d\d:\d\d:\d\d\.\d{1,3})\d*(?:([+-]\d\d)(\d\d))?$/.exec(stamp)
      : null;
  if (match === null) return report;
  const [, day, clock, hours, minutes] = match;
  const time = Date.parse(`${day}T${clock}${hours === undefined ? '' : `${hours}:${minutes}`}`);
  return Number.isNaN(time) ? report : { ...report, time };
}

/** Cuts a stream into lines and keeps no more than one of them; a longer one is dropped to its end. */
export class LineCutter {
  #rest = '';
  #dropping = false;
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: string): void {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', from)) {
      this.#take(chunk.slice(from, end));
      if (!this.#dropping) this.#onLine(this.#rest);
      this.#rest = '';
      this.#dropping = false;
      from = end + 1;
    }
    this.#take(chunk.slice(from));
  }

  #take(part: string): void {
    if (this.#dropping) return;
    if (this.#rest.length + part.length > LONGEST_LINE) {
      this.#dropping = true;
      this.#rest = '';
    } else this.#rest += part;
  }
}

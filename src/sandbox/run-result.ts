/** What `sandbox.run` gives back: how a command ended and what it wrote, within bounds. */
import type { Readable } from 'node:stream';
import { SandboxError } from '../errors.ts';
import type { Enforcement } from '../platform/backend.ts';
import type { Denial } from '../violations/types.ts';
import type { CommandProcess } from './command-process.ts';
import type { SpawnOptions } from './spawn-options.ts';

export interface RunOptions extends Omit<SpawnOptions, 'stdio' | 'pty'> {
  /** What the command reads. Default: nothing. */
  readonly input?: string | Uint8Array | undefined;
  /** Bytes of each of stdout and stderr beyond which the command is killed. Default 64 MiB. */
  readonly maxOutput?: number | undefined;
  /** Default `utf8`. */
  readonly encoding?: BufferEncoding | undefined;
}

export interface RunResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** `timeout` was over before the command was. */
  readonly timedOut: boolean;
  /** It wrote more than `maxOutput`, or `limits.output` left; what came until then is here. */
  readonly outputExceeded: boolean;
  /** What the sandbox refused while the command ran; commands that ran beside it may be among the causes. */
  readonly violations: readonly Denial[];
  /** What held for this command besides the sandbox's boundary; empty where nothing was narrower. */
  readonly narrowing: readonly Enforcement[];
}

const MAX_OUTPUT = 64 * 1024 * 1024;

class Collected {
  readonly #chunks: Buffer[] = [];
  #room: number;
  #exceeded = false;

  constructor(stream: Readable | null, room: number, onExceeded: () => void) {
    this.#room = room;
    stream?.on('data', (chunk: Buffer) => {
      if (chunk.length > this.#room) {
        this.#exceeded = true;
        onExceeded();
      }
      this.#chunks.push(chunk.subarray(0, this.#room));
      this.#room -= Math.min(chunk.length, this.#room);
    });
  }

  get exceeded(): boolean {
    return this.#exceeded;
  }

  text(encoding: BufferEncoding): string {
    return Buffer.concat(this.#chunks).toString(encoding);
  }
}

function notStarted(command: string, cause: Error): SandboxError {
  return new SandboxError('ERR_COMMAND_NOT_STARTED', {
    what: `Cannot start ${command}`,
    why: cause.message,
    fix: 'Check its name and the working directory, and that both are visible inside (pinfold explain)',
    cause,
  });
}

export function collect(
  child: CommandProcess,
  options: Pick<RunOptions, 'input' | 'maxOutput' | 'encoding'> & { readonly timeout?: number | undefined },
): Promise<Omit<RunResult, 'violations' | 'narrowing'>> {
  const { input, maxOutput = MAX_OUTPUT, encoding = 'utf8' } = options;
  return new Promise((resolve, reject) => {
    const stop = () => child.kill('SIGKILL');
    const stdout = new Collected(child.stdout, maxOutput, stop);
    const stderr = new Collected(child.stderr, maxOutput, stop);
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(error.syscall === undefined ? error : notStarted(child.spawnfile, error));
    });
    child.on('close', () => {
      resolve({
        exitCode: child.exitCode,
        signal: child.signalCode,
        stdout: stdout.text(encoding),
        stderr: stderr.text(encoding),
        timedOut: child.timedOut,
        outputExceeded: stdout.exceeded || stderr.exceeded || child.stdout?.cut || child.stderr?.cut || false,
      });
    });
    // The command may end without reading it all; that is its own affair.
    child.stdin?.on('error', () => {});
    if (input !== undefined) child.stdin?.end(input);
  });
}

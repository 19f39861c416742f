/** A persistent shell inside: commands one after the other, with the directory and the variables that the last one left. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { SandboxError } from '../errors.ts';
import type { CommandPlan } from '../platform/linux/plan.ts';
import type { Narrowing } from '../policy/narrowing.ts';
import type { CommandEvents, CommandNews } from '../session/commands.ts';
import type { Denial } from '../violations/types.ts';
import { Interruption } from './interruption.ts';
import { ShellControl } from './shell-control.ts';
import { MarkedOutput } from './shell-output.ts';
import { escapedLine, type ShellKind } from './shell-script.ts';
import { socketOf } from './streams.ts';

export interface ShellOptions extends Narrowing {
  /** Default `bash`. */
  readonly shell?: ShellKind | undefined;
  /** Relative to the sandbox's working directory. */
  readonly cwd?: string | undefined;
  /** As for `spawn`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

export interface ShellRunOptions {
  /** Milliseconds after which the command is interrupted; the shell stays, unless the command cannot be ended otherwise. */
  readonly timeout?: number | undefined;
  /** Bytes of each of stdout and stderr beyond which the command is interrupted. Default 64 MiB. */
  readonly maxOutput?: number | undefined;
  /** Default `utf8`. */
  readonly encoding?: BufferEncoding | undefined;
}

export interface ShellResult {
  /** 130 for a command that was interrupted. Null when the shell itself was killed. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Where the shell is now. */
  readonly cwd: string;
  readonly timedOut: boolean;
  readonly outputExceeded: boolean;
  /** The command ended the shell (`exit`, `exec`), or could be ended only with it. */
  readonly ended: boolean;
  /** What the sandbox refused meanwhile. */
  readonly violations: readonly Denial[];
}

/** What a shell needs of its sandbox. */
export interface ShellHost {
  readonly plan: CommandPlan | Promise<CommandPlan>;
  start(plan: CommandPlan | Promise<CommandPlan>, events: CommandEvents): (signal: number) => void;
  /** What of a part of its output may be kept. */
  takeOutput(chunk: Buffer): Buffer;
  /** Resolves once every signal that was sent before has been. */
  fence(): Promise<void>;
  /** Collects violations until the returned function is called. */
  watch(): () => readonly Denial[];
}

const MAX_OUTPUT = 64 * 1024 * 1024;
/** As shells say it: 128 + SIGINT. */
const INTERRUPTED = 130;
/** Milliseconds of silence after which output that a left process holds open is not waited for any more. */
const QUIET = 250;

export class Shell {
  readonly #host: ShellHost;
  readonly #signal: (signal: number) => void;
  readonly #control = new ShellControl();
  readonly #interruption = new Interruption((signal) => this.#signal(signal));
  readonly #outputs = [1, 2].map(() => new MarkedOutput(MAX_OUTPUT, () => this.#interruption.begin()));
  readonly #sockets: Socket[] = [];
  #before: Promise<unknown> = Promise.resolve();
  #ended: CommandNews | undefined;
  #onEnded: (() => void)[] = [];
  #cwd: string;

  /** `Sandbox.shell` makes it. */
  constructor(host: ShellHost, cwd: string) {
    this.#host = host;
    this.#cwd = cwd;
    this.#signal = host.start(host.plan, {
      onRecord: (news) => this.#hear(news),
      onHandle: (stream, handle) => handle && this.#connect(stream, handle),
    });
  }

  /** Where the shell is. */
  get cwd(): string {
    return this.#cwd;
  }

  /**
   * Runs a command (shell text) after those that were asked for before. Rejects with ERR_SHELL_ENDED when the shell has ended before
   * it; ERR_USAGE for text with NUL.
   */
  run(command: string, options: ShellRunOptions = {}): Promise<ShellResult> {
    if (typeof command !== 'string' || command.includes('\0')) {
      return Promise.reject(
        new SandboxError('ERR_USAGE', {
          what: 'Cannot run this in the shell',
          why: 'it is no text without NUL',
        }),
      );
    }
    const result = this.#before.then(() => this.#run(command, options));
    this.#before = result.catch(() => {});
    return result;
  }

  /** Ends the shell when what was asked for has ended; processes in its background stay until the sandbox is closed. */
  async close(): Promise<void> {
    await this.#before;
    if (this.#ended) return;
    this.#control.end();
    await this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(command: string, options: ShellRunOptions): Promise<ShellResult> {
    const { timeout, maxOutput = MAX_OUTPUT, encoding = 'utf8' } = options;
    if (this.#ended) throw shellEnded(this.#ended);
    for (const output of this.#outputs) output.take(maxOutput);
    this.#interruption.renew();
    let timedOut = false as boolean;
    const timer = timeout
      ? setTimeout(() => {
          timedOut = true;
          this.#interruption.begin();
        }, timeout)
      : undefined;
    const violations = this.#host.watch();
    this.#control.write(Buffer.from(escapedLine(command)));
    const answer = await Promise.race([this.#control.answer(), this.#end()]);
    clearTimeout(timer);
    this.#interruption.stop();
    if (answer === undefined) await this.#drained();
    else {
      this.#cwd = answer.cwd;
      await this.#marked();
    }
    const outputExceeded = this.#outputs.some(({ exceeded }) => exceeded);
    const [stdout = '', stderr = ''] = this.#outputs.map((output) =>
      output.take(MAX_OUTPUT).toString(encoding),
    );
    // What a pipeline that was interrupted says of itself depends on which of its processes went first.
    const said = answer !== undefined && this.#interruption.begun ? INTERRUPTED : answer?.status;
    const exitCode = said ?? exitCodeOf(this.#ended);
    const ended = answer === undefined;
    const seen = violations();
    return { exitCode, stdout, stderr, cwd: this.#cwd, timedOut, outputExceeded, ended, violations: seen };
  }

  /** Waits until everything that was written before has come. */
  async #marked(): Promise<void> {
    // A signal on its way would meet the shell at its next line.
    if (this.#interruption.begun) await this.#host.fence();
    const mark = Buffer.from(randomBytes(24).toString('hex'));
    const seen = Promise.all(this.#outputs.map((output) => output.until(mark)));
    this.#control.write(Buffer.from(`${mark}\n`));
    await Promise.race([seen, this.#end()]);
  }

  /** The shell has ended; what it left may hold its output open. */
  async #drained(): Promise<void> {
    const closed = this.#sockets.map(
      (socket) =>
        new Promise<void>((resolve) =>
          socket.destroyed ? resolve() : socket.once('close', () => resolve()),
        ),
    );
    let quiet: NodeJS.Timeout | undefined;
    const silence = new Promise<void>((resolve) => {
      quiet = setTimeout(resolve, QUIET);
      for (const socket of this.#sockets) socket.on('data', () => quiet?.refresh());
    });
    await Promise.race([Promise.all(closed), silence]);
    clearTimeout(quiet);
    for (const socket of this.#sockets) socket.destroy();
    for (const output of this.#outputs) output.flush();
  }

  #end(): Promise<undefined> {
    return new Promise((resolve) => {
      if (this.#ended) resolve(undefined);
      else this.#onEnded.push(() => resolve(undefined));
    });
  }

  #connect(stream: number, handle: object): void {
    if (stream === 0) {
      this.#control.connect(handle);
      return;
    }
    const socket = socketOf(handle, { readable: true, writable: false });
    // What an end of the shell means is told by its record.
    socket.on('error', () => {});
    this.#sockets.push(socket);
    socket.on('data', (chunk: Buffer) => this.#outputs[stream - 1]?.push(this.#host.takeOutput(chunk)));
  }

  #hear(news: CommandNews): void {
    if (news.event === 'started') return;
    this.#ended = news;
    this.#interruption.stop();
    this.#control.destroy();
    for (const hear of this.#onEnded.splice(0)) hear();
  }
}

function exitCodeOf(news: CommandNews | undefined): number | null {
  return news?.event === 'exited' ? news.value : null;
}

function shellEnded({ event, value }: CommandNews): SandboxError {
  const how =
    event === 'exited'
      ? `with status ${value}`
      : event === 'failed'
        ? `at its start (errno ${value})`
        : `by signal ${value}`;
  return new SandboxError('ERR_SHELL_ENDED', {
    what: 'Cannot run this in the shell',
    why: `the shell has ended ${how}`,
    fix: 'Make another one with sandbox.shell()',
  });
}

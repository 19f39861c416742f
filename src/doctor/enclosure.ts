/** How doctor runs its probe: inside, as `pinfold run` does it, and outside, for the control. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Weaker } from '../platform/backend.ts';
import type { StandardStreams } from '../platform/linux/launcher-process.ts';
import type { Mode } from '../policy/types.ts';
import { planFor, type RunOptions } from '../session/plan-run.ts';
import { loadPolicy } from '../session/prepare.ts';
import { runInside } from '../session/run.ts';
import type { RunEvents } from '../session/run-events.ts';
import { refuseUnaccepted } from '../session/second-tier.ts';
import type { LoadedPolicy, RunOutcome, Target } from '../session/types.ts';
import type { Scratch } from './scratch.ts';

/** `runInside`, or what a test puts in its place to see doctor notice. */
export type Enclose = (
  loaded: LoadedPolicy,
  target: Target,
  options: RunOptions,
  events: RunEvents,
) => Promise<RunOutcome>;

export interface Tools {
  /** Absolute path of `pinfold-launcher`. */
  readonly launcherPath: string;
  /** Absolute path of doctor's probe. */
  readonly probePath: string;
  /** Absolute path of what runs the probe, where it is no program of its own. */
  readonly interpreter?: string;
  /** Of the person; HOME and what names Pinfold's own places are replaced. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Default: `runInside`. */
  readonly enclose?: Enclose;
  /** Aborted when the person wants doctor to stop: whatever runs inside is killed. */
  readonly signal?: AbortSignal;
}

function probeWords({ interpreter, probePath }: Pick<Tools, 'interpreter' | 'probePath'>): string[] {
  return [...(interpreter === undefined ? [] : [interpreter]), probePath];
}

/** Kept from the person's environment: where programs are found, and how they speak. */
const KEPT = ['PATH', 'LANG', 'LC_ALL', 'TERM'];

export class Enclosure {
  readonly loaded: LoadedPolicy;
  readonly #tools: Tools;
  readonly #scratch: Scratch;
  readonly #environment: Readonly<Record<string, string>>;
  #runs = 0;

  private constructor(
    loaded: LoadedPolicy,
    tools: Tools,
    scratch: Scratch,
    environment: Readonly<Record<string, string>>,
  ) {
    this.loaded = loaded;
    this.#tools = tools;
    this.#scratch = scratch;
    this.#environment = environment;
  }

  /** A sandbox of `mode` around the scratch project. The managed settings of the host hold here too. */
  static async prepare(
    mode: Mode,
    tools: Tools,
    scratch: Scratch,
    variables: Readonly<Record<string, string>>,
  ): Promise<Enclosure> {
    const kept = KEPT.flatMap((name) => {
      const value = tools.environment[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    const environment = { ...Object.fromEntries(kept), HOME: scratch.home, ...variables };
    const origin = { scope: 'flag', text: 'pinfold doctor' } as const;
    const loaded = await loadPolicy({
      cwd: scratch.project,
      projectDir: scratch.project,
      environment,
      flags: {
        scope: 'flag',
        trusted: true,
        mode: { value: mode, origin },
        // Doctor proves what there is, and tells what is missing.
        acceptWeaker: { value: true, origin },
        allowedPaths: probeWords(tools).map((path) => ({ value: { path, mode: 'read' }, origin })),
      },
    });
    return new Enclosure(loaded, tools, scratch, environment);
  }

  /** What is missing because this host gives no namespaces; undefined where it does. */
  async weaker(): Promise<Weaker | undefined> {
    const { launcherPath } = this.#tools;
    const target = { argv: [], cwd: this.#scratch.project };
    const planned = await planFor(this.loaded, target, { launcherPath, environment: this.#environment });
    if (planned.weaker !== undefined) refuseUnaccepted(planned.policy, planned.weaker);
    return planned.weaker;
  }

  /** Runs the probe inside; its report, and how the run went. Throws as `runInside` does. */
  async inside(words: readonly string[]): Promise<{ readonly report: string; readonly outcome: RunOutcome }> {
    const path = join(this.#scratch.notes, `report-${this.#runs++}`);
    const descriptor = openSync(path, 'w', 0o600);
    try {
      const outcome = await this.start(words, ['ignore', descriptor, 'ignore'], {});
      return { report: readFileSync(path, 'utf8'), outcome };
    } finally {
      closeSync(descriptor);
    }
  }

  /** As `inside`, for who wants to watch. */
  async start(words: readonly string[], streams: StandardStreams, events: RunEvents): Promise<RunOutcome> {
    const { launcherPath, signal, enclose = runInside } = this.#tools;
    signal?.throwIfAborted();
    let stop = (): void => {};
    try {
      return await enclose(
        this.loaded,
        { argv: [...probeWords(this.#tools), ...words], cwd: this.#scratch.project },
        { launcherPath, environment: this.#environment, streams },
        {
          ...events,
          onStarted(control, pid) {
            signal?.removeEventListener('abort', stop);
            stop = () => control.signal('SIGKILL');
            signal?.addEventListener('abort', stop);
            events.onStarted?.(control, pid);
          },
        },
      );
    } finally {
      signal?.removeEventListener('abort', stop);
      signal?.throwIfAborted();
    }
  }

  /** The control: the probe on the host, with the environment as it is. */
  async outside(words: readonly string[]): Promise<string> {
    const [program, ...before] = probeWords(this.#tools) as [string, ...string[]];
    const child = spawn(program, [...before, ...words], {
      cwd: this.#scratch.project,
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'ignore'],
      ...(this.#tools.signal && { signal: this.#tools.signal }),
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(child, 'close');
    return Buffer.concat(chunks).toString('latin1');
  }
}

/** Keeps the limits of one session: by a control group where the host lets us make one, else by rlimits and by measuring. */
import { constants } from 'node:os';
import type { Enforcement } from '../platform/backend.ts';
import { cgroupGround } from '../platform/linux/cgroup/ground.ts';
import { ControlGroup, type Controller, OWN_PROCESSES } from '../platform/linux/cgroup/group.ts';
import type { Launcher } from '../platform/linux/launcher.ts';
import { type LimitMeans, limitStatus, MEASURED_EVERY_MS } from '../platform/linux/limit-status.ts';
import type { Plan } from '../platform/linux/plan.ts';
import { limitsOf } from '../platform/linux/plan-builder.ts';
import type { LimitName, Policy } from '../policy/types.ts';
import { DiskWatch, type Found } from './disk-watch.ts';
import type { CommandRecord, Exceeded, SessionLimits } from './limits.ts';
import { usageOf } from './process-usage.ts';
import { startWatchdog } from './watchdog.ts';

/** Which limit a process exceeded that died by this signal (setrlimit(2)). */
const SIGNALS: Readonly<Record<number, LimitName>> = {
  [constants.signals.SIGXCPU]: 'cpuTime',
  [constants.signals.SIGXFSZ]: 'fileSize',
};

export interface Watched {
  readonly output: LimitMeans['output'];
  /** The private home; undefined where the person's own is open. */
  readonly home: string | undefined;
}

export class LimitKeeper implements SessionLimits {
  readonly rlimits: Plan['rlimits'];
  readonly #limits: Policy['limits'];
  readonly #launcher: Pick<Launcher, 'pid' | 'signal' | 'close'>;
  readonly #group: ControlGroup | undefined;
  readonly #held: ReadonlySet<Controller>;
  readonly #without: string | undefined;
  readonly #exceeded = new Map<string, Exceeded>();
  #onExceeded: (exceeded: Exceeded) => void = () => {};
  #stop: () => void = () => {};
  #stopClock: () => void = () => {};
  readonly #output: LimitMeans['output'];
  readonly #home: string | undefined;
  #written = 0;
  #disk: DiskWatch | undefined;

  constructor(
    limits: Policy['limits'],
    launcher: Pick<Launcher, 'pid' | 'signal' | 'close'>,
    { output, home }: Watched,
  ) {
    this.#output = output;
    this.#home = home;
    this.#limits = limits;
    this.#launcher = launcher;
    const wanted: Controller[] = [
      ...(limits.memory ? ['memory' as const] : []),
      ...(limits.processes ? ['pids' as const] : []),
    ];
    const ground = cgroupGround();
    const { pid } = launcher;
    this.#group =
      pid !== undefined && (wanted.length > 0 || limits.cpuTime)
        ? ControlGroup.make(ground, pid, wanted)
        : undefined;
    this.#held =
      this.#group?.limit({
        ...(limits.memory && { memory: limits.memory.value }),
        ...(limits.processes && { processes: limits.processes.value }),
      }) ?? new Set();
    this.#without =
      ground.kind === 'none'
        ? ground.why
        : this.#group === undefined
          ? 'no control group of cgroup v2 was delegated to this user'
          : 'the control group that could be made has no such controller';
    this.rlimits = limitsOf({ limits }, { inGroup: this.#held });
  }

  status({ namespaces }: Pick<Plan, 'namespaces'>): readonly Enforcement[] {
    return limitStatus(
      { limits: this.#limits },
      {
        uid: process.getuid?.() ?? 0,
        group: this.#held,
        counted: this.#group !== undefined,
        ...(this.#without !== undefined && { without: this.#without }),
        namespaces: namespaces !== 0,
        output: this.#output,
        privateHome: this.#home !== undefined,
      },
    );
  }

  start(onExceeded: (exceeded: Exceeded) => void): void {
    this.#onExceeded = onExceeded;
    const measures =
      this.#group !== undefined || this.#limits.memory || this.#limits.processes || this.#limits.cpuTime;
    const timer = measures ? setInterval(() => this.#measure(), MEASURED_EVERY_MS).unref() : undefined;
    this.#stop = () => {
      this.#disk?.stop();
      this.#stopClock();
      clearInterval(timer);
    };
  }

  begin(temporary: string | undefined): void {
    const { disk, wallTime } = this.#limits;
    // Not before: who is told that its time is over has to be there.
    this.#stopClock = startWatchdog(this.#launcher, wallTime?.value, () =>
      this.#tell('wallTime', 'watchdog', 'ended'),
    );
    const places = [this.#home, temporary].filter((place) => place !== undefined);
    if (disk === undefined || places.length === 0) return;
    this.#disk = new DiskWatch(places, disk.value, (found) => this.#end('disk', 'watchdog', found));
  }

  takeOutput(chunk: Buffer): Buffer {
    const { output } = this.#limits;
    if (output === undefined) return chunk;
    const room = output.value - this.#written;
    this.#written += Math.min(chunk.length, room);
    if (chunk.length > room) this.#end('output', 'relay');
    return chunk.subarray(0, room);
  }

  hear({ event, value }: CommandRecord): void {
    if (event === 'killed') this.#hearSignal(value);
  }

  finish(signal: number | undefined): readonly Exceeded[] {
    this.#stop();
    this.#readGroup();
    if (signal !== undefined) this.#hearSignal(signal);
    return [...this.#exceeded.values()];
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#group?.remove();
  }

  #hearSignal(signal: number): void {
    const limit = SIGNALS[signal];
    if (limit !== undefined) this.#tell(limit, 'rlimit', 'killed');
  }

  #measure(): void {
    this.#readGroup();
    const { memory, processes, cpuTime } = this.#limits;
    const { pid } = this.#launcher;
    const watchesMemory = memory !== undefined && !this.#held.has('memory');
    // RLIMIT_NPROC holds for everybody but root.
    const watchesProcesses = processes !== undefined && !this.#held.has('pids') && process.getuid?.() === 0;
    const watchesTime = cpuTime !== undefined && this.#group === undefined;
    if (pid === undefined || !(watchesMemory || watchesProcesses || watchesTime)) return;
    const usage = usageOf(pid, memory?.value ?? Number.POSITIVE_INFINITY);
    if (watchesMemory && usage.memory > memory.value) this.#end('memory');
    if (watchesProcesses && usage.processes > processes.value + OWN_PROCESSES) this.#end('processes');
    if (watchesTime && usage.cpuSeconds > cpuTime.value) this.#end('cpuTime');
  }

  #readGroup(): void {
    if (this.#group === undefined) return;
    const { memoryKills, refusedProcesses, cpuSeconds } = this.#group.read();
    if (memoryKills > 0) this.#tell('memory', 'cgroup', 'killed', { count: memoryKills });
    if (refusedProcesses > 0) this.#tell('processes', 'cgroup', 'refused', { count: refusedProcesses });
    const { cpuTime } = this.#limits;
    if (cpuTime !== undefined && cpuSeconds !== undefined && cpuSeconds > cpuTime.value) this.#end('cpuTime');
  }

  #end(limit: LimitName, by: 'watchdog' | 'relay' = 'watchdog', found?: Found): void {
    this.#tell(limit, by, 'ended', { found });
    this.#launcher.signal('SIGKILL');
  }

  #tell(
    limit: LimitName,
    by: Exceeded['by'],
    consequence: Exceeded['consequence'],
    { count = 1, found }: { readonly count?: number; readonly found?: Found | undefined } = {},
  ): void {
    const set = this.#limits[limit];
    if (set === undefined) return;
    const key = `${limit} ${by}`;
    const first = !this.#exceeded.has(key);
    const { value, origin } = set;
    const exceeded: Exceeded = { limit, value, origin, by, consequence, count, ...(found && { found }) };
    this.#exceeded.set(key, exceeded);
    if (first) this.#onExceeded(exceeded);
  }
}

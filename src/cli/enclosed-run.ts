/** Runs one command inside for the person at the terminal: records the session, forwards signals, tells what happened. */
import { isSandboxError, SandboxError } from '../errors.ts';
import { bindProject } from '../host/contexts.ts';
import type { Weaker } from '../platform/backend.ts';
import { printableJson } from '../policy/printable.ts';
import type { Commands } from '../session/commands.ts';
import type { SessionEvent } from '../session/event-log.ts';
import type { Planned, RunOptions } from '../session/plan-run.ts';
import { identify } from '../session/process-identity.ts';
import { runInside } from '../session/run.ts';
import type { RunControl } from '../session/run-events.ts';
import { type OpenSession, type SessionRecord, SessionStore } from '../session/store.ts';
import type { Ending, LoadedPolicy, RunOutcome, Target } from '../session/types.ts';
import type { Context } from './command.ts';
import { outputWays } from './output-ways.ts';
import {
  outcomeAsData,
  renderBanner,
  renderDetached,
  renderNotices,
  renderSummary,
  renderWeaker,
} from './render/run.ts';
import { describeUnstarted } from './render/unstarted.ts';

export interface RunManner {
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  /** What is refused becomes a question on the terminal. */
  readonly ask?: boolean;
  /** The command goes on without whoever started it; this process is the one that holds it. */
  readonly detach?: boolean;
}

/** Carries the command of a session that stays until it has ended. */
export interface Carrier {
  /** Of the session. */
  readonly target: Target;
  /** Of the command; undefined when it was not started. */
  readonly ending: Ending | undefined;
  readonly options: Pick<RunOptions, 'ask' | 'held'>;
  readonly detached?: SessionRecord['detached'];
  planned(planned: Planned): void;
  live(control: RunControl, commands: Commands): void;
  /** The boundary is in force. */
  begin(session: OpenSession): void;
  signal(name: NodeJS.Signals): void;
  restore(): void;
}

/** What is done around a run of an agent; its events belong in the session's log. */
export interface Surroundings {
  before(): Promise<readonly SessionEvent[]>;
  after(): Promise<readonly SessionEvent[]>;
}

/** SIGTSTP and its kin are not among them: the launcher sees the terminal's and stops the whole job, us included. */
const FORWARDED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];

const SIGKILL_CODE = 137;

export function exitCodeOf(ending: Ending): number {
  switch (ending.kind) {
    case 'exited':
      return ending.code;
    case 'killed':
      return 128 + ending.signal;
    case 'not-executable':
      return 126;
    case 'not-found':
      return 127;
    case 'closed':
      return 0;
  }
}

function openSession({ loaded, target, context, carrier }: Recorded): OpenSession {
  const { policy, facts } = loaded;
  return new SessionStore(facts.pinfold.stateDir).create(
    {
      pinfold: identify(context.pid),
      argv: target.argv,
      cwd: target.cwd,
      project: policy.projectDir,
      mode: policy.mode.value,
      network: policy.network.access.value,
      ...(policy.profile !== undefined && { profile: policy.profile }),
      ...(carrier?.detached && { detached: carrier.detached }),
    },
    policy,
  );
}

/** From its first run in a context on, a project belongs to it. */
function bind({ facts: { context, pinfold, projectDir } }: LoadedPolicy): void {
  if (context !== undefined) bindProject(pinfold.dataDir, { project: projectDir, context });
}

interface Recorded {
  readonly loaded: LoadedPolicy;
  readonly target: Target;
  readonly context: Context;
  readonly surroundings: Surroundings | undefined;
  readonly carrier: Carrier | undefined;
  onStarted(control: RunControl): void;
  onPlanned(planned: Pick<Planned, 'notices'>): void;
  onWeaker(weaker: Weaker): void;
}

async function record(run: Recorded): Promise<RunOutcome> {
  const { loaded, target, context, surroundings, carrier, onStarted, onPlanned, onWeaker } = run;
  let session: OpenSession | undefined;
  const { launcherPath, started, environment } = context;
  bind(loaded);
  const early = (await surroundings?.before()) ?? [];
  const settle = async () => {
    for (const event of (await surroundings?.after()) ?? []) session?.append(event);
  };
  try {
    const ended = await runInside(
      loaded,
      carrier?.target ?? target,
      {
        ...{ launcherPath, started, environment },
        outputs: outputWays(loaded.policy, { carried: carrier !== undefined }),
        ...(carrier && { live: true, ...carrier.options }),
      },
      {
        onPlanned(planned) {
          onPlanned(planned);
          carrier?.planned(planned);
          session = openSession(run);
          return session;
        },
        onWeaker(planned, weaker) {
          carrier?.planned(planned);
          onWeaker(weaker);
          session?.weaker(weaker);
        },
        onStarted(control, launcherPid) {
          session?.started(launcherPid === undefined ? undefined : identify(launcherPid));
          for (const event of early) session?.append(event);
          onStarted(control);
        },
        onEnforced(enforcement) {
          session?.enforced(enforcement);
          if (session) carrier?.begin(session);
        },
        onLive: (control, commands) => carrier?.live(control, commands),
        onWeakened: (enforcement) => session?.weakened(enforcement),
        onEvent: (event) => session?.append(event),
      },
    );
    const outcome = { ...ended, ...(carrier?.ending && { ending: carrier.ending }) };
    await settle();
    const { ending, enforcement, breached, violations, dropped } = outcome;
    const count = violations.reduce((sum, each) => sum + each.count, dropped);
    session?.ended({
      ending,
      enforcement,
      ...(breached && { breached }),
      ...(count > 0 && { violations: { distinct: violations.length, count } }),
    });
    return outcome;
  } catch (error) {
    await settle();
    const code = isSandboxError(error) ? error.code : 'ERR_INTERNAL';
    session?.ended({ ending: { kind: 'failed', code } });
    throw error;
  }
}

/** Loaded where somebody is to be asked. Throws ERR_USAGE without a terminal, ERR_PLATFORM_UNSUPPORTED. */
async function askedRun(target: Target, context: Context, homeDir: string): Promise<Carrier> {
  if (process.platform !== 'linux') {
    throw new SandboxError('ERR_PLATFORM_UNSUPPORTED', {
      what: 'Cannot ask',
      why: 'on this system what a command may reach is fixed when it starts',
      fix: 'Leave --ask out',
    });
  }
  const { AskedRun } = await import('./asked-run.ts');
  return new AskedRun(target, context, homeDir);
}

/** Undefined: the launcher starts it, on these streams. */
async function carrierOf(
  target: Target,
  context: Context,
  { manner, homeDir }: { readonly manner: RunManner; readonly homeDir: string },
): Promise<Carrier | undefined> {
  if (manner.ask) return await askedRun(target, context, homeDir);
  const { keeper, out, err } = context;
  if (!manner.detach || keeper === undefined) return undefined;
  const { DetachedRun } = await import('./detached-run.ts');
  return new DetachedRun(target, keeper, ({ id }) => {
    out.write(manner.json ? `${printableJson({ session: id })}\n` : `${id}\n`);
    if (err.isTerminal && !manner.quiet && !manner.json) err.write(renderDetached(err, id));
    keeper.ready();
  });
}

/** Resolves with the exit code. */
export async function runEnclosed(
  loaded: LoadedPolicy,
  target: Target,
  context: Context,
  manner: RunManner,
  surroundings?: Surroundings,
): Promise<number> {
  const { policy, facts } = loaded;
  const { err } = context;
  const talkative = !manner.quiet && !manner.json && (manner.verbose || err.isTerminal);
  if (talkative) err.write(renderBanner(err, policy));
  if (!manner.quiet && !manner.json) err.write(renderNotices(err, policy, { all: talkative }));
  // Until there is a command to hear them, signals end this process as they would any other; the launcher goes with it.
  let stopForwarding = (): void => {};
  const carrier = await carrierOf(target, context, { manner, homeDir: facts.homeDir });
  try {
    const outcome = await record({
      loaded,
      target,
      context,
      surroundings,
      carrier,
      onStarted(control) {
        // Comes again where the boundary had to be made once more.
        stopForwarding();
        stopForwarding = context.onSignals(FORWARDED, (name) => (carrier ?? control).signal(name));
      },
      onWeaker(weaker) {
        if (!manner.quiet && !manner.json) err.write(renderWeaker(err, weaker, { all: talkative }));
      },
      onPlanned({ notices }) {
        if (talkative) err.write(renderNotices(err, { ...policy, notices }, { all: true }));
      },
    });
    if (carrier === undefined && context.out.isTerminal) {
      const { leftModesUndone } = await import('./left-modes.ts');
      context.out.write(leftModesUndone(context.environment.TERM));
    }
    const natural = exitCodeOf(outcome.ending);
    // Caught only by the last look, or cut short, after the command had ended well: that must not pass for a success.
    const spoilt = outcome.breached || outcome.exceeded.some(({ limit }) => limit === 'output');
    const code = spoilt && natural === 0 ? SIGKILL_CODE : natural;
    if (manner.json) err.write(`${printableJson(outcomeAsData(outcome, code))}\n`);
    else {
      err.write(
        describeUnstarted(err, outcome.ending, { policy, cwd: target.cwd, environment: context.environment }),
      );
      if (!manner.quiet || outcome.breached) err.write(renderSummary(err, policy, outcome));
    }
    new SessionStore(facts.pinfold.stateDir).prune();
    return code;
  } finally {
    stopForwarding();
    carrier?.restore();
  }
}

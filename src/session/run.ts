/** Runs a command inside: makes its plan and carries it out, again in another way where the host gives less than was hoped for. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxError } from '../errors.ts';
import { Launcher } from '../platform/linux/launcher.ts';
import { startLauncher } from '../platform/linux/launcher-process.ts';
import { carryOut } from './carry-out.ts';
import type { HeldSession } from './control-server.ts';
import { prepareWatch, WatchFailed } from './hidden-watch.ts';
import { openLimits } from './limits.ts';
import { relayedStreams } from './output-relay.ts';
import { makePlan, type RunOptions } from './plan-run.ts';
import type { RunEvents, SessionPlace } from './run-events.ts';
import { NamespacesRefused, refuseUnaccepted } from './second-tier.ts';
import type { LoadedPolicy, RunOutcome, Target } from './types.ts';

/** What a limit ends the session by: one that is detached ends when its command does, which hears of it first. */
function endedBy(
  launcher: Launcher,
  held: HeldSession | undefined,
): Pick<Launcher, 'pid' | 'signal' | 'close'> {
  if (held === undefined) return launcher;
  return {
    pid: launcher.pid,
    signal: (name) => (name === 'SIGTERM' ? held.terminate() : launcher.signal(name)),
    close: () => launcher.close(),
  };
}

/** Told before anything starts, and not at the first connection, when the command is in the middle of its work. */
async function refuseUnusableProxy({ policy }: LoadedPolicy, { environment }: RunOptions): Promise<void> {
  if (policy.network.upstreamProxy?.value !== 'environment') return;
  const { upstreamFrom } = await import('./sandbox-network.ts');
  upstreamFrom({ setting: 'environment', environment });
}

/**
 * Runs `target` inside and resolves when nothing of it is left. Throws SandboxError when the boundary could not be made
 * or the launcher died; then the command was not started, or has been ended.
 */
export async function runInside(
  loaded: LoadedPolicy,
  target: Target,
  options: RunOptions,
  events: RunEvents = {},
): Promise<RunOutcome> {
  await refuseUnusableProxy(loaded, options);
  if (process.platform === 'darwin') {
    const { runOnMac } = await import('./macos-run.ts');
    return await runOnMac(loaded, target, options, events);
  }
  // Before the scan: made after it, in an open home, it would look like a name that slipped past the refusal.
  mkdirSync(join(loaded.facts.pinfold.stateDir, 'sessions'), { recursive: true, mode: 0o700 });
  let tripwire = prepareWatch(loaded.policy);
  let place: SessionPlace | undefined;
  let refusal: SandboxError | undefined;
  for (;;) {
    const { launcherPath: path, outputs } = options;
    const streams = options.streams ?? relayedStreams(loaded.policy, outputs);
    const launcher = new Launcher(
      (streams ? undefined : options.started?.take(path)) ??
        startLauncher(path, {
          channel: true,
          tripwire: tripwire.kind === 'ready' && refusal === undefined,
          ...(streams && { streams }),
        }),
    );
    const limits = await openLimits(loaded.policy, endedBy(launcher, options.held), {
      counted: options.live === true || outputs?.output !== undefined || outputs?.errors !== undefined,
      uncounted: outputs?.uncounted ?? [],
    });
    try {
      const { rlimits } = limits;
      const given = { ...options, ...(rlimits && { rlimits }) };
      const planned = await makePlan(launcher, loaded, target, given, tripwire, refusal);
      const { weaker } = planned;
      if (weaker) {
        refuseUnaccepted(planned.policy, weaker);
        events.onWeaker?.(planned, weaker);
      }
      place ??= events.onPlanned?.(planned) ?? {
        id: '',
        directory: join(loaded.facts.pinfold.stateDir, 'sessions'),
      };
      return await carryOut({ launcher, loaded, planned, place, limits }, options, events);
    } catch (error) {
      if (error instanceof NamespacesRefused) {
        refusal = error.refusal;
        continue;
      }
      // No guarantee rests on seeing: without it the same boundary is made again, and its status says what is not seen.
      if (!(error instanceof WatchFailed)) throw error;
      tripwire = { kind: 'blind', reason: error.message };
    } finally {
      await launcher.close();
      await limits.close();
    }
  }
}

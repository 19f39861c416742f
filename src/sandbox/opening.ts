/** Opens the library's sandbox: settings to policy to boundary, and what the session tells to whoever listens. */
import { resolve } from 'node:path';
import type { Traffic } from '../network/traffic-ledger.ts';
import { EarlyLauncher } from '../platform/linux/launcher-process.ts';
import type { SettingsLayer } from '../policy/types.ts';
import type { Exceeded } from '../session/limits.ts';
import { openLive } from '../session/live.ts';
import { loadPolicy, refuseDisabled } from '../session/prepare.ts';
import type { AccessRequest } from '../violations/requests.ts';
import type { Denial } from '../violations/types.ts';
import { asker } from './ask.ts';
import { scrubGiven } from './given-environment.ts';
import { layerOf, type SandboxOptions } from './options.ts';
import { Sandbox } from './sandbox.ts';

/** What the library needs to know of the process that it is in. */
export interface Surroundings {
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly launcherPath: string;
  readonly pid: number;
}

/** Makes the boundary and waits until every mechanism is in force. Throws SandboxError; then nothing is left. */
export async function openSandbox(options: SandboxOptions, surroundings: Surroundings): Promise<Sandbox> {
  const flags = layerOf(options);
  // It comes up while the policy is made.
  const started = process.platform === 'linux' ? new EarlyLauncher(surroundings.launcherPath) : undefined;
  try {
    return await openWith(started, flags, options, surroundings);
  } finally {
    // What refused the settings has no use for it.
    started?.abandon();
  }
}

async function openWith(
  started: EarlyLauncher | undefined,
  flags: SettingsLayer,
  options: SandboxOptions,
  surroundings: Surroundings,
): Promise<Sandbox> {
  const { cwd, environment, launcherPath, pid } = surroundings;
  const loaded = await loadPolicy({
    cwd,
    environment,
    flags,
    ...(options.projectDir !== undefined && { projectDir: options.projectDir }),
    ...(options.settingsFile !== undefined && { settingsFile: resolve(cwd, options.settingsFile) }),
    ...(options.profile !== undefined && { profile: options.profile }),
  });
  refuseDisabled(loaded);
  const inner = resolve(loaded.policy.projectDir, options.cwd ?? '.');
  let sandbox: Sandbox | undefined;
  const onDenial = (denial: Denial) => sandbox?.emit('violation', denial);
  const onTraffic = ({ kind, ...egress }: Traffic) => kind === 'egress' && sandbox?.emit('egress', egress);
  const onRequest = (request: AccessRequest) => sandbox?.emit('request', request);
  const onExceeded = (exceeded: Exceeded) => sandbox?.emit('limit', exceeded);
  const session = await openLive(loaded, {
    outputs: { uncounted: ['what is written to a stream that a command was given'] },
    ...{ environment, launcherPath, started, pid, cwd: inner, onDenial, onTraffic, onRequest, onExceeded },
    ...(options.ask && { ask: asker(options.ask) }),
  });
  sandbox = new Sandbox(session, inner, (given) => scrubGiven(given, environment, loaded));
  return sandbox;
}

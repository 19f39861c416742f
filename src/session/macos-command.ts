/** The command of a run on a Mac as it is started: profile, environment, limits, and what its home and its temporary directory hold. */
import { lstatSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SandboxError } from '../errors.ts';
import type { Confined, MacSystem } from '../platform/macos/sandbox-exec.ts';
import { Decider } from '../policy/decide.ts';
import { scrubEnvironment } from '../policy/environment.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import type { Policy } from '../policy/types.ts';
import { sessionProfile } from './macos-profile.ts';
import type { RunOptions } from './plan-run.ts';
import type { ProxiedNetwork } from './proxied-network.ts';
import type { Target } from './types.ts';

export interface CommandInput {
  /** As enforced. */
  readonly policy: Policy;
  readonly facts: HostFacts;
  readonly tempDir: string;
  readonly limits: Confined['limits'];
  readonly matches: readonly { readonly path: string }[];
  readonly target: Target;
  readonly options: RunOptions;
  readonly system: MacSystem;
  readonly network: ProxiedNetwork | undefined;
  /** What the kernel adds to each report of a refusal. */
  readonly tag: string;
}

/** The profile, and the command as it is started under it. */
export function confinedCommand(input: CommandInput): Confined {
  const { policy, facts, tempDir, matches, limits, target, options, system, network, tag } = input;
  const terminal = system.terminal();
  const profile = sessionProfile({
    policy,
    tempDir,
    matches,
    tag,
    spelling: system.spellingOf(policy.projectDir),
    ...(network && { proxyPorts: [network.port] }),
    ...(terminal === undefined ? {} : { terminal }),
  });
  const { environment } = scrubEnvironment(options.environment, policy, facts.toolchains);
  const isShown = new Decider(policy).accessOf(process.execPath, { directory: false }) !== 'none';
  return {
    profile,
    argv: target.argv,
    cwd: target.cwd,
    environment: {
      ...environment,
      ...network?.environment(isShown ? process.execPath : undefined),
      // What a person sets by name is their word.
      ...Object.fromEntries(Object.entries(policy.environment.set).map(([name, { value }]) => [name, value])),
      TMPDIR: `${tempDir}/`,
      TMPPREFIX: join(tempDir, 'zsh'),
    },
    limits,
    ...(options.streams && { streams: options.streams }),
  };
}

/** ulimit(1) of sh. There is none for memory that macOS keeps. */
export function limitsOf({ limits }: Policy): Confined['limits'] {
  if (limits.memory !== undefined) {
    throw new SandboxError('ERR_SETUP_FAILED', {
      what: 'Cannot limit memory',
      why: 'macOS has no limit that its kernel keeps for memory',
      fix: 'Run without limits.memory',
    });
  }
  if (limits.temporaryFiles !== undefined) {
    throw new SandboxError('ERR_SETUP_FAILED', {
      what: 'Cannot limit temporary files',
      why: 'on macOS they are in a directory of the host, which has no size of its own',
      fix: 'Run without limits.temporaryFiles',
    });
  }
  if (limits.disk !== undefined) {
    throw new SandboxError('ERR_SETUP_FAILED', {
      what: 'Cannot limit what private places hold',
      why: 'on macOS nobody measures them',
      fix: 'Run without limits.disk',
    });
  }
  if (limits.output !== undefined) {
    throw new SandboxError('ERR_SETUP_FAILED', {
      what: 'Cannot limit output',
      why: 'on macOS nobody relays what the command writes',
      fix: 'Run without limits.output',
    });
  }
  const { cpuTime, fileSize, processes, openFiles } = limits;
  return [
    ['-c', '0'],
    ...(cpuTime ? [['-t', String(cpuTime.value)] as const] : []),
    // In blocks of 512 bytes; a part of one would round up to more than was asked.
    ...(fileSize ? [['-f', String(Math.floor(fileSize.value / 512))] as const] : []),
    ...(processes ? [['-u', String(processes.value)] as const] : []),
    ...(openFiles ? [['-n', String(openFiles.value)] as const] : []),
  ];
}

/** Nothing can be mounted, so the private home holds links to the person's git settings, which are shown where they are. */
export function linkHomeFiles({ homeFiles = [] }: HostFacts, policy: Policy): void {
  if (policy.sandboxHome === policy.homeDir) return;
  for (const { source, target } of homeFiles) {
    // SECURITY: a session before may have left a link on the way; only the home's own directory is sure.
    if (dirname(target) !== policy.sandboxHome) continue;
    const present = lstatSync(target, { throwIfNoEntry: false });
    if (present?.isSymbolicLink() && readlinkSync(target) === source) continue;
    if (present !== undefined) rmSync(target, { recursive: true, force: true });
    symlinkSync(source, target);
  }
}

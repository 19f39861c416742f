/** From a request to a policy that can be enforced: find the project, read the settings, gather the host, merge, resolve. */
import { configDirOf, stateDirOf } from '../config/discover.ts';
import { loadLayers } from '../config/load.ts';
import { SandboxError } from '../errors.ts';
import { boundProjects } from '../host/contexts.ts';
import { kindOf } from '../host/existing.ts';
import { findHome, gatherHostFacts } from '../host/host-facts.ts';
import { resolveProject } from '../host/project.ts';
import { resolvePolicy } from '../host/resolve.ts';
import { refuseExchanged, shareCaches } from '../host/shared-caches.ts';
import { checkSockets } from '../host/socket-grants.ts';
import type { Known } from '../host/symlinks.ts';
import { Decider } from '../policy/decide.ts';
import type { HostFacts } from '../policy/host-facts.ts';
import { mergePolicy } from '../policy/merge.ts';
import { withoutWidening } from '../policy/merge-paths.ts';
import type { Notice, SettingsLayer } from '../policy/types.ts';
import { withGroups } from './domain-groups.ts';
import type { LoadedPolicy, PolicyExtension, PolicyRequest } from './types.ts';

/** Weakest first: the flags stand above every file but the managed one. */
function withFlags(
  layers: readonly SettingsLayer[],
  flags: SettingsLayer | undefined,
): readonly SettingsLayer[] {
  if (flags === undefined) return layers;
  const below = layers.filter(({ scope }) => scope !== 'managed');
  return [...below, flags, ...layers.filter(({ scope }) => scope === 'managed')];
}

/** macOS needs facts that Linux has not; what gathers them is loaded there only. */
async function ofThisPlatform(facts: HostFacts): Promise<HostFacts> {
  if (process.platform !== 'darwin') return facts;
  const { ofThisMac } = await import('./macos-run.ts');
  return ofThisMac(facts);
}

/**
 * Throws SandboxError for everything that keeps a policy from being made; nothing is guessed. `adapt`: to make the policy
 * of another platform.
 */
export async function loadPolicy(
  request: PolicyRequest,
  adapt: (facts: HostFacts) => HostFacts | Promise<HostFacts> = ofThisPlatform,
): Promise<LoadedPolicy> {
  const { environment } = request;
  const homeDir = findHome(environment);
  const projectDir = resolveProject({
    cwd: request.cwd,
    homeDir,
    ...(request.projectDir !== undefined && { projectDir: request.projectDir }),
  });
  const loaded = await loadLayers({
    projectDir,
    homeDir,
    environment,
    configDir: configDirOf(homeDir, environment),
    stateDir: stateDirOf(homeDir, environment),
    settingsFile: request.settingsFile,
  });
  const known: Known = new Map();
  const facts = await adapt(
    gatherHostFacts({
      environment,
      projectDir,
      homeDir,
      known,
      ...(request.context !== undefined && { context: request.context }),
    }),
  );
  const { layers, notices: ofGroups } = await withGroups(withFlags(loaded.layers, request.flags), {
    projectDir,
    homeDir,
    environment,
    stateDir: facts.pinfold.stateDir,
  });
  const notices = [...loaded.notices, ...ofGroups];
  const first = withCaches(
    settle({ layers, facts, notices, profile: request.profile }, known),
    request,
    notices,
  );
  const loadedPolicy =
    request.extend === undefined ? first : extended(first, request.extend(first), request, notices);
  refuseMixing(loadedPolicy);
  checkSockets(loadedPolicy.policy, loadedPolicy.facts);
  return loadedPolicy;
}

/** SECURITY: what another trust level keeps apart must not be seen because its project lies in what is opened here. */
function refuseMixing({ policy, facts }: LoadedPolicy): void {
  const others = boundProjects(facts.pinfold.dataDir).filter(({ context }) => context !== facts.context);
  if (others.length === 0) return;
  const decider = new Decider(policy);
  const seen = others.find(
    ({ project }) =>
      project !== facts.projectDir && decider.accessOf(project) !== 'none' && kindOf(project) !== undefined,
  );
  if (seen === undefined) return;
  throw new SandboxError('ERR_CONTEXT', {
    what: `Cannot show ${seen.project} here`,
    why: `it belongs to the context ${seen.context}, and what one context holds is not shown in another`,
    fix: `Deny it (--deny ${seen.project}), open less, or give --context ${seen.context}`,
  });
}

interface Gathered {
  readonly layers: readonly SettingsLayer[];
  readonly facts: HostFacts;
  readonly notices: readonly Notice[];
  readonly profile: string | undefined;
}

function settle({ layers, facts, notices, profile }: Gathered, known: Known): LoadedPolicy {
  const merged = mergePolicy({
    layers,
    facts,
    now: new Date(),
    ...(profile !== undefined && { profile }),
  });
  // Once more after links were followed: an untrusted entry may name the target of a link that a person denied.
  const policy = withoutWidening(
    resolvePolicy({ ...merged, notices: [...notices, ...merged.notices] }, known),
  );
  refuseExchanged(policy, facts.toolchains);
  return { policy, layers, facts };
}

/** What is shown of the host's caches is known once it is known what the settings say of them. */
function withCaches(loaded: LoadedPolicy, request: PolicyRequest, notices: readonly Notice[]): LoadedPolicy {
  const shared = shareCaches(loaded.policy, loaded.facts, request.environment);
  if (shared === undefined) return loaded;
  const facts = {
    ...loaded.facts,
    homeFiles: [...(loaded.facts.homeFiles ?? []), ...shared.homeFiles],
    toolchains: [...loaded.facts.toolchains, ...shared.toolchains],
  };
  const gathered = { layers: loaded.layers, facts, notices: [...notices, ...shared.notices] };
  // What was seen before no longer holds: places to mount on were made.
  return settle({ ...gathered, profile: request.profile }, new Map());
}

function extended(
  { layers, facts }: LoadedPolicy,
  extension: PolicyExtension,
  { profile }: PolicyRequest,
  notices: readonly Notice[],
): LoadedPolicy {
  const homeFiles = [...(facts.homeFiles ?? []), ...extension.homeFiles];
  const gathered = {
    layers: withFlags(layers, extension.layer),
    facts: { ...facts, homeFiles },
    notices,
    profile,
  };
  // What was seen before no longer holds: the extension has made files.
  const loaded = settle(gathered, new Map());
  const { policy } = loaded;
  const told = [...policy.notices, ...extension.judge(policy)];
  return { ...loaded, policy: { ...policy, agent: extension.agent, notices: told } };
}

/** Throws ERR_DISABLED where the settings switch Pinfold off: that never means to run unconfined. */
export function refuseDisabled({ policy }: LoadedPolicy): void {
  const { value, origin } = policy.enabled;
  if (value) return;
  const line = origin.line === undefined ? '' : `:${origin.line}`;
  throw new SandboxError('ERR_DISABLED', {
    what: 'The sandbox is switched off, so nothing is run',
    why: `"enabled": false in ${origin.file === undefined ? origin.text : `${origin.file}${line}`}`,
    fix: 'Run this once inside with --sandbox, or switch it on: pinfold config set sandbox true',
  });
}

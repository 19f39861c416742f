/** Looks on the host for what the groups of `allowedDomains` stand for, and for what of it the person has agreed to. */
import { realpathSync } from 'node:fs';
import { readTrust } from '../config/trust.ts';
import { findAgentProgram } from '../host/agent-program.ts';
import { findGitRemotes } from '../host/git-remotes.ts';
import { findRegistryHosts } from '../host/registry-hosts.ts';
import {
  type DomainGroup,
  expandGroups,
  type GroupHost,
  type GroupSurvey,
  usedGroups,
} from '../policy/domain-groups.ts';
import { parseHostPattern } from '../policy/host-pattern.ts';
import type { Notice, SettingsLayer } from '../policy/types.ts';

export interface GroupPlaces {
  readonly projectDir: string;
  readonly homeDir: string;
  readonly stateDir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

function registries({ projectDir, homeDir, environment }: GroupPlaces): GroupHost[] {
  return findRegistryHosts(projectDir, homeDir, environment).map(({ host, named, own }) => ({
    host,
    named,
    own,
  }));
}

/** Names only, and no wildcard, which a URL may hold. What stands in `.git/config` was written on the host, or by a `git remote add` inside: it counts when it was seen. */
function remotes({ projectDir }: GroupPlaces): GroupHost[] {
  return findGitRemotes(projectDir).flatMap(({ host, port, line }) =>
    port === 0 || parseHostPattern(host)?.kind !== 'name' || !host.includes('.')
      ? []
      : [{ host: `${host}:${port}`, named: `.git/config:${line}`, own: false }],
  );
}

/** Of the agents that are installed outside the project, with the services whose keys the person has. */
async function models({ projectDir, homeDir, environment }: GroupPlaces): Promise<GroupHost[]> {
  const [{ AGENTS }, { modelHosts }] = await Promise.all([
    import('../agents/catalogue.ts'),
    import('../agents/layer.ts'),
  ]);
  const searchPath = environment.PATH ?? '';
  const installed = AGENTS.filter(
    ({ commands, places }) =>
      findAgentProgram({ commands, places, searchPath, homeDir, projectDir, except: '' }) !== undefined,
  );
  const named = new Map<string, string>();
  for (const preset of installed)
    for (const host of modelHosts(preset, environment).hosts)
      if (!named.has(host)) named.set(host, `the preset ${preset.name}`);
  return [...named].map(([host, preset]) => ({ host, named: preset, own: true }));
}

/** Hosts in the order in which they are named. */
export async function findGroup(group: DomainGroup, places: GroupPlaces): Promise<GroupHost[]> {
  if (group === '@models') return await models(places);
  return group === '@remotes' ? remotes(places) : registries(places);
}

export async function surveyGroups(
  groups: readonly DomainGroup[],
  places: GroupPlaces,
): Promise<GroupSurvey> {
  const found = new Map<DomainGroup, readonly GroupHost[]>();
  for (const group of groups) found.set(group, await findGroup(group, places));
  const agreed = (await readTrust(places.stateDir)).groups.get(realpathSync(places.projectDir));
  return {
    hostsOf: (group) => found.get(group) ?? [],
    trusted: (group) => new Set(agreed?.get(group)),
  };
}

/** The layers with hosts in place of groups; nothing is looked for where none is used. */
export async function withGroups(
  layers: readonly SettingsLayer[],
  places: GroupPlaces,
): Promise<{ readonly layers: readonly SettingsLayer[]; readonly notices: readonly Notice[] }> {
  const groups = usedGroups(layers);
  if (groups.length === 0) return { layers, notices: [] };
  return expandGroups(layers, await surveyGroups(groups, places));
}

/** Words of `allowedDomains` that stand for hosts which the project and the host name: `@registries`. Pure. */
import type { Notice, Origin, SettingsLayer, Sourced } from './types.ts';

export const DOMAIN_GROUPS = {
  '@registries': 'the package registries that the project and its tools are set up for',
  '@remotes': 'the remotes of the project’s repository',
  '@models': 'the models of the agents that are installed here',
} as const;

export type DomainGroup = keyof typeof DOMAIN_GROUPS;

export const GROUP_NAMES = Object.keys(DOMAIN_GROUPS) as readonly DomainGroup[];

export function isGroup(text: string): text is DomainGroup {
  return Object.hasOwn(DOMAIN_GROUPS, text);
}

/** A host that a group stands for. */
export interface GroupHost {
  /** `registry.example.com:443`, as the settings take it. */
  readonly host: string;
  /** Where it is named, the first place of several: `package-lock.json:12`. */
  readonly named: string;
  /** Named where nothing inside can write, and no commit. Else it counts once the person has agreed to it. */
  readonly own: boolean;
}

export interface GroupSurvey {
  hostsOf(group: DomainGroup): readonly GroupHost[];
  /** Hosts of a group that the person has seen and agreed to. */
  trusted(group: DomainGroup): ReadonlySet<string>;
}

/** More notices of one group say nothing new. */
const MOST_TOLD = 8;

/** The groups that count in some layer, or would once it is trusted. */
export function usedGroups(layers: readonly SettingsLayer[]): DomainGroup[] {
  const words = layers.flatMap((layer): string[] => [
    ...(layer.allowedDomains ?? []).map(({ value }) => value),
    ...usedGroups(Object.values(layer.profiles ?? {})),
  ]);
  return GROUP_NAMES.filter((group) => words.includes(group));
}

/**
 * SECURITY: what a group stands for is what files say, and those change with every commit. A host is opened only after the
 * person has seen it in this project, whoever wrote the group into the settings. Covered by "a registry that a commit adds".
 */
function expand(
  { value, origin }: Sourced<string>,
  group: DomainGroup,
  survey: GroupSurvey,
  notices: Notice[],
): Sourced<string>[] {
  const hosts = survey.hostsOf(group);
  const trusted = survey.trusted(group);
  if (hosts.length === 0) {
    notices.push({ kind: 'unmatched', message: `${value} stands for no host here`, origin });
    return [];
  }
  const pending = hosts.filter(({ host, own }) => !own && !trusted.has(host));
  for (const { host, named } of pending.slice(0, MOST_TOLD)) {
    const message = `host ${host} of ${group} is not granted: ${named} names it, and you have not agreed to it; see \`pinfold trust --group ${group}\``;
    notices.push({ kind: 'untrusted', message, origin });
  }
  if (pending.length > MOST_TOLD) {
    const message = `${pending.length - MOST_TOLD} more hosts of ${group} are not granted`;
    notices.push({ kind: 'untrusted', message, origin });
  }
  return hosts
    .filter(({ host, own }) => own || trusted.has(host))
    .map(({ host, named }) => ({ value: host, origin: { ...origin, group: { name: group, named } } }));
}

function expandLayer(layer: SettingsLayer, survey: GroupSurvey, notices: Notice[]): SettingsLayer {
  const { allowedDomains, profiles } = layer;
  // An untrusted entry stays a word, which opens nothing and is told as it was written.
  const entries =
    allowedDomains === undefined || !layer.trusted
      ? allowedDomains
      : allowedDomains.flatMap((entry) =>
          isGroup(entry.value) ? expand(entry, entry.value, survey, notices) : [entry],
        );
  return {
    ...layer,
    ...(entries && { allowedDomains: entries }),
    ...(profiles && {
      profiles: Object.fromEntries(
        // What is said of a profile that nobody chose is of no interest.
        Object.entries(profiles).map(([name, each]) => [name, expandLayer(each, survey, [])]),
      ),
    }),
  };
}

/** The layers with the hosts in place of each group's name. */
export function expandGroups(
  layers: readonly SettingsLayer[],
  survey: GroupSurvey,
): { readonly layers: readonly SettingsLayer[]; readonly notices: readonly Notice[] } {
  if (usedGroups(layers).length === 0) return { layers, notices: [] };
  const notices: Notice[] = [];
  return { layers: layers.map((layer) => expandLayer(layer, survey, notices)), notices };
}

/** `@registries, by package-lock.json:12`; undefined for what a person named by itself. */
export function groupWords({ group }: Origin): string | undefined {
  return group && `${group.name}, by ${group.named}`;
}

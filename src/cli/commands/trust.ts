/** `pinfold trust`: shows what the project's files could widen, asks, and remembers the content that was shown. */
import { realpath } from 'node:fs/promises';
import type { Grant } from '../../config/grants.ts';
import { type LoadedFile, loadLayers } from '../../config/load.ts';
import { readTrust, trustName } from '../../config/trust.ts';
import { rememberGroup, rememberTrust, revokeTrust } from '../../config/trust-change.ts';
import {
  type DomainGroup,
  GROUP_NAMES,
  type GroupHost,
  isGroup,
  usedGroups,
} from '../../policy/domain-groups.ts';
import { printableJson } from '../../policy/printable.ts';
import type { SettingsLayer } from '../../policy/types.ts';
import { surveyGroups } from '../../session/domain-groups.ts';
import { type Context, defineCommand, type Output } from '../command.ts';
import { usageError } from '../parse.ts';
import { escapeText } from '../render/escape.ts';
import { paint } from '../render/style.ts';
import { plural, shownOrigin, shownPath } from '../render/words.ts';
import { findPlaces, PROJECT_OPTION, requireProject, type SettingsPlaces } from '../settings-places.ts';
import { askOnTerminal } from '../terminal-question.ts';

/** A file whose word depends on trust. `sha256` is of the content that is shown, and that alone is ever remembered. */
interface Candidate {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
  readonly trusted: boolean;
  readonly grants: readonly Grant[];
}

function candidatesOf(files: readonly LoadedFile[], projectDir: string): Candidate[] {
  return files.flatMap(({ scope, path, sha256, trusted, grants = [] }) => {
    const insider =
      scope === 'claude' || scope === 'project' || scope === 'local' || (scope === 'flag' && !trusted);
    if (!insider || sha256 === undefined) return [];
    return [{ name: trustName(projectDir, path), path, sha256, trusted: trusted === true, grants }];
  });
}

function grantLine(output: Output, grant: Grant, homeDir: string): string {
  const note =
    grant.widens === 'default' ? '' : paint(output, 'dim', '  (only where your own settings are stricter)');
  return `    ${escapeText(grant.key)}  ${shownOrigin(grant.origin, homeDir)}${note}`;
}

function renderCandidate(output: Output, { path, trusted, grants }: Candidate, homeDir: string): string {
  const state = trusted
    ? paint(output, 'good', 'trusted')
    : grants.length === 0
      ? 'needs no trust: it only tightens'
      : `could widen by ${plural(grants.length, 'entry', 'entries')}:`;
  const lines = trusted ? [] : grants.map((grant) => grantLine(output, grant, homeDir));
  return [`  ${shownPath(path, homeDir)}  ${state}`, ...lines].map((line) => `${line}\n`).join('');
}

/** What a group stands for that nobody has agreed to yet. */
interface PendingGroup {
  readonly group: DomainGroup;
  readonly hosts: readonly GroupHost[];
  readonly unseen: readonly GroupHost[];
}

async function pendingGroups(
  layers: readonly SettingsLayer[],
  asked: readonly string[],
  { homeDir, stateDir, environment }: SettingsPlaces,
  projectDir: string,
): Promise<PendingGroup[]> {
  const unknown = asked.find((group) => !isGroup(group));
  if (unknown !== undefined) {
    throw usageError(
      `Cannot use --group ${unknown}`,
      'there is no group of this name',
      `Give one of ${GROUP_NAMES.join(', ')}`,
    );
  }
  const groups = [...new Set([...usedGroups(layers), ...asked.filter(isGroup)])];
  const survey = await surveyGroups(groups, { projectDir, homeDir, stateDir, environment });
  return groups.map((group) => {
    const hosts = survey.hostsOf(group).filter(({ own }) => !own);
    const trusted = survey.trusted(group);
    return { group, hosts, unseen: hosts.filter(({ host }) => !trusted.has(host)) };
  });
}

function renderGroup(output: Output, { group, unseen }: PendingGroup): string {
  if (unseen.length === 0) return '';
  const lines = unseen.map(
    ({ host, named }) => `    ${escapeText(host)}  ${paint(output, 'dim', escapeText(named))}`,
  );
  const head = `  ${group}  would open ${plural(unseen.length, 'host')} that you have not agreed to:`;
  return [head, ...lines].map((line) => `${line}\n`).join('');
}

const NO_TERMINAL = {
  what: 'Cannot ask whether you trust these files',
  fix: 'Read them, then run pinfold trust --yes',
};

async function listTrusted(context: Context, places: SettingsPlaces, json: boolean): Promise<number> {
  const { projects, groups } = await readTrust(places.stateDir);
  const entries = [...projects].flatMap(([project, files]) =>
    [...files].map(([file, sha256]) => ({ project, file, sha256 })),
  );
  const hosts = [...groups].flatMap(([project, named]) =>
    [...named].map(([group, names]) => ({ project, group, hosts: names })),
  );
  const lines = [
    ...entries.map(
      ({ project, file, sha256 }) =>
        `${shownPath(project, places.homeDir)}  ${escapeText(file)}  ${sha256.slice(0, 12)}`,
    ),
    ...hosts.map(
      ({ project, group, hosts: names }) =>
        `${shownPath(project, places.homeDir)}  ${escapeText(group)}  ${names.map(escapeText).join(' ')}`,
    ),
  ];
  const text = lines.length === 0 ? 'No project’s files are trusted.' : lines.join('\n');
  context.out.write(`${json ? printableJson({ trusted: entries, groups: hosts }, 2) : text}\n`);
  return 0;
}

async function revoke(context: Context, places: SettingsPlaces, json: boolean): Promise<number> {
  const projectDir = requireProject(places);
  const known = await readTrust(places.stateDir);
  const project = await realpath(projectDir);
  const files = [
    ...(known.projects.get(project)?.keys() ?? []),
    ...(known.groups.get(project)?.keys() ?? []),
  ];
  if (files.length > 0) await revokeTrust(places.stateDir, projectDir);
  const text =
    files.length === 0 ? 'Nothing here was trusted.' : `No longer trusted: ${escapeText(files.join(', '))}`;
  context.out.write(`${json ? printableJson({ revoked: files }) : text}\n`);
  return 0;
}

async function trust(
  context: Context,
  places: SettingsPlaces,
  options: { readonly yes: boolean; readonly json: boolean; readonly group: readonly string[] },
): Promise<number> {
  const projectDir = requireProject(places);
  const { files, layers } = await loadLayers(places);
  const candidates = candidatesOf(files, projectDir);
  const groups = (await pendingGroups(layers, options.group, places, projectDir)).filter(
    ({ unseen }) => unseen.length > 0,
  );
  const wanting = candidates.filter(({ trusted, grants }) => !trusted && grants.length > 0);
  const screen = options.json
    ? ''
    : [
        ...candidates.map((each) => renderCandidate(context.err, each, places.homeDir)),
        ...groups.map((each) => renderGroup(context.err, each)),
      ].join('');
  context.err.write(
    screen === '' || options.json ? '' : `${shownPath(projectDir, places.homeDir)}\n${screen}`,
  );
  const total = wanting.reduce((sum, { grants }) => sum + grants.length, 0);
  const hosts = groups.reduce((sum, { unseen }) => sum + unseen.length, 0);
  const parts = [
    ...(total > 0 ? [`${plural(total, 'entry', 'entries')} in ${plural(wanting.length, 'file')}`] : []),
    ...(hosts > 0 ? [plural(hosts, 'host')] : []),
  ];
  const question = `Trust ${parts.join(' and ')} as shown? [y/N] `;
  const agreed = parts.length > 0 && (options.yes || askOnTerminal(context, question, NO_TERMINAL));
  if (agreed) {
    for (const { group, hosts: shown } of groups) {
      const names = shown.map(({ host }) => host);
      await rememberGroup(places.stateDir, projectDir, group, names);
    }
    await rememberTrust(
      places.stateDir,
      projectDir,
      wanting.map(({ name: file, sha256 }) => ({ file, sha256 })),
    );
  }
  const trusted = agreed ? [...wanting.map(({ name }) => name), ...groups.map(({ group }) => group)] : [];
  if (options.json) {
    const pending = agreed
      ? []
      : [
          ...wanting.map(({ name, grants }) => ({ file: name, grants })),
          ...groups.map(({ group, unseen }) => ({ group, hosts: unseen })),
        ];
    context.out.write(`${printableJson({ project: projectDir, trusted, pending }, 2)}\n`);
  } else if (parts.length === 0) {
    context.out.write('Nothing here needs to be trusted.\n');
  } else {
    context.out.write(agreed ? `Trusted ${escapeText(trusted.join(', '))}.\n` : 'Nothing was trusted.\n');
  }
  return parts.length > 0 && !agreed ? 1 : 0;
}

export const command = defineCommand({
  name: 'trust',
  summary: "let the project's settings files widen the boundary",
  description:
    'The files in a project come from whoever wrote the repository. They may tighten at once; they widen only after this. What is remembered is the content: a file that changes must be trusted again. Of groups of hosts (@registries, @remotes) it is the hosts: one that a file of the project names later must be agreed to as well.',
  options: {
    yes: { type: 'flag', short: 'y', summary: 'do not ask' },
    list: { type: 'flag', summary: 'show what is trusted, in every project' },
    group: {
      type: 'list',
      placeholder: '@GROUP',
      completion: 'none',
      summary: 'also the hosts of a group that no file uses, as for --allow-domain @registries',
    },
    revoke: { type: 'flag', summary: 'trust nothing in this project any more' },
    settings: {
      type: 'value',
      placeholder: 'FILE',
      completion: 'path',
      summary: 'also a --settings file that lies in the project',
    },
    ...PROJECT_OPTION,
    json: { type: 'flag', summary: 'for machines, on stdout' },
  },
  examples: [
    { line: 'pinfold trust', does: 'show what would widen, and ask' },
    { line: 'pinfold trust --revoke', does: 'take it back' },
  ],
  async run({ options, context }) {
    if (options.list && options.revoke) {
      throw usageError(
        'Cannot both list and revoke',
        '--list and --revoke are two things to do',
        'Give one of them',
      );
    }
    const places = await findPlaces(context, options);
    if (options.list) return await listTrusted(context, places, options.json);
    return options.revoke
      ? await revoke(context, places, options.json)
      : await trust(context, places, options);
  },
});

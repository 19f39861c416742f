/** `pinfold init`: looks at a project and proposes the smallest settings that it can work with. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { AGENTS } from '../../agents/catalogue.ts';
import { type EditOutcome, editSettings } from '../../config/edit.ts';
import { checkHost } from '../../config/hosts.ts';
import { rememberGroup } from '../../config/trust-change.ts';
import { findAgentProgram } from '../../host/agent-program.ts';
import { findGitRemotes, type GitRemote } from '../../host/git-remotes.ts';
import { findRegistryHosts, type RegistryHost } from '../../host/registry-hosts.ts';
import { printableJson } from '../../policy/printable.ts';
import { type Context, defineCommand, type Output } from '../command.ts';
import { escapeText } from '../render/escape.ts';
import { paint } from '../render/style.ts';
import { plural, shownPath } from '../render/words.ts';
import {
  findPlaces,
  JSON_OPTION,
  PROJECT_OPTION,
  requireProject,
  type SettingsPlaces,
} from '../settings-places.ts';
import { shimDirectory } from '../shim.ts';

/** More are no project's registries but somebody's attempt to be waved through among others. */
const MOST_HOSTS = 12;

const SECRET_FILES = ['.env', '.env.local', '.env.production', '.env.development', 'secrets'];
const BROWSER_FILES = [
  'playwright.config.ts',
  'playwright.config.js',
  'cypress.config.ts',
  'cypress.config.js',
];

interface Survey {
  readonly registries: readonly RegistryHost[];
  readonly moreRegistries: number;
  readonly remotes: readonly GitRemote[];
  readonly agents: readonly { readonly name: string; readonly title: string }[];
  readonly secrets: readonly string[];
  readonly browsers: readonly string[];
  /** The file is there already, and stays as it is. */
  readonly exists: boolean;
}

interface Setting {
  readonly key: string;
  readonly value: unknown;
  readonly why: string;
}

interface Withheld {
  readonly what: string;
  readonly grant: string;
}

interface Proposal {
  readonly file: string;
  readonly settings: readonly Setting[];
  readonly withheld: readonly Withheld[];
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function survey(projectDir: string, places: SettingsPlaces): Survey {
  const { homeDir, environment } = places;
  const named = findRegistryHosts(projectDir, homeDir, environment).filter(
    ({ host }) => checkHost(host, 'allow') === undefined,
  );
  const shims = shimDirectory(homeDir, environment);
  const agents = AGENTS.filter(
    ({ commands, places: where }) =>
      findAgentProgram({
        commands,
        places: where,
        searchPath: environment.PATH ?? '',
        homeDir,
        projectDir,
        except: shims,
      }) !== undefined,
  );
  const present = (names: readonly string[]) => names.filter((name) => isThere(join(projectDir, name)));
  return {
    registries: named.slice(0, MOST_HOSTS),
    moreRegistries: Math.max(0, named.length - MOST_HOSTS),
    remotes: findGitRemotes(projectDir),
    agents: agents.map(({ name, title }) => ({ name, title })),
    secrets: present(SECRET_FILES),
    browsers: present(BROWSER_FILES),
    exists: isThere(join(projectDir, '.pinfold/settings.json')),
  };
}

function remoteWithheld({ name, host, port, kind }: GitRemote): Withheld {
  if (kind === 'ssh') {
    return {
      what: `${host} (git remote ${name}, ssh): fetch and push outside; your keys and agent are not inside`,
      grant: `pinfold run --allow-domain ${host}:${port} …, with a key of its own`,
    };
  }
  return {
    what: `${host} (git remote ${name}): whatever is readable inside could be pushed there`,
    grant: `pinfold run --allow-domain ${host}:${port || 443} …`,
  };
}

function propose(projectDir: string, found: Survey): Proposal {
  const { registries, remotes, secrets, browsers, agents } = found;
  const files = [...new Set(registries.flatMap(({ files: named }) => named))];
  return {
    file: join(projectDir, '.pinfold/settings.json'),
    settings: [
      {
        key: 'mode',
        value: 'standard',
        why: 'this project and a private temp directory; the host’s loopback; your home is hidden',
      },
      ...(registries.length > 0
        ? [
            {
              key: 'allowedDomains',
              value: ['@registries'],
              why: `package registries, named by ${files.join(', ')}; one that is named later waits for \`pinfold trust\``,
            },
          ]
        : []),
    ],
    withheld: [
      ...remotes.map(remoteWithheld),
      ...secrets.map((name) => ({
        what: `${name} is not closed: it is part of the project`,
        grant: `close it: pinfold config set deniedPaths '["${name}"]' --scope project`,
      })),
      ...browsers.map((name) => ({
        what: `the download of browsers (${name})`,
        grant: 'install them outside, and show them: --allow ~/.cache/ms-playwright:ro',
      })),
      ...agents.map(({ name, title }) => ({
        what: `the login and the model of ${title}`,
        grant: `pinfold ${name}: its preset, for that run`,
      })),
    ],
  };
}

function renderProposal(
  out: Output,
  { settings, withheld, file }: Proposal,
  found: Survey,
  homeDir: string,
): string {
  const lines = [
    `${paint(out, 'strong', found.exists ? 'would propose for' : 'proposed')} ${shownPath(file, homeDir)}`,
  ];
  for (const { key, value, why } of settings) {
    const values = Array.isArray(value) ? (value as string[]) : [String(value)];
    lines.push(`  ${paint(out, 'accent', key)}: ${escapeText(why)}`);
    for (const each of values) lines.push(`    ${escapeText(each)}`);
    if (key !== 'allowedDomains') continue;
    for (const { host, named } of found.registries)
      lines.push(`      ${escapeText(host)}${paint(out, 'dim', `  ${escapeText(named)}`)}`);
  }
  if (found.moreRegistries > 0) {
    lines.push(
      paint(
        out,
        'warning',
        `  ${plural(found.moreRegistries, 'more host')} named there; look at them yourself`,
      ),
    );
  }
  if (withheld.length > 0) lines.push(paint(out, 'strong', 'not granted'));
  for (const { what, grant } of withheld) {
    lines.push(`  ${escapeText(what)}`, paint(out, 'dim', `    ${escapeText(grant)}`));
  }
  return `${lines.join('\n')}\n`;
}

/** What was shown of the registries is agreed to with the rest; those beyond were not shown. */
async function write(
  { file, settings }: Proposal,
  { registries }: Survey,
  projectDir: string,
  places: SettingsPlaces,
): Promise<EditOutcome[]> {
  const { homeDir, stateDir } = places;
  const outcomes: EditOutcome[] = [];
  for (const { key, value } of settings) {
    const change = { kind: 'set' as const, path: [key], value };
    outcomes.push(await editSettings({ scope: 'project', file, projectDir, homeDir, stateDir, change }));
  }
  const hosts = registries.filter(({ own }) => !own).map(({ host }) => host);
  if (hosts.length > 0) await rememberGroup(stateDir, projectDir, '@registries', hosts);
  return outcomes;
}

async function isWanted(context: Context, yes: boolean): Promise<boolean> {
  if (yes || context.ask === undefined) return yes;
  return /^(y|yes)$/i.test((await context.ask('Write it? [y/N] ')).trim());
}

export const initCommand = defineCommand({
  name: 'init',
  summary: 'look at this project and propose the smallest settings for it',
  description:
    'Reads lock files, the configuration of package managers, git remotes and which agents are installed; runs nothing of the ' +
    'project. Shows each setting with its reason, and what it leaves closed with the way to open it. Writes .pinfold/settings.json ' +
    'when you say yes; one that is there already is left alone.',
  options: {
    ...PROJECT_OPTION,
    yes: { type: 'flag', short: 'y', summary: 'write it without asking' },
    'dry-run': { type: 'flag', short: 'n', summary: 'show it, and write nothing' },
    ...JSON_OPTION,
  },
  examples: [
    { line: 'pinfold init', does: 'look, explain, ask' },
    { line: 'pinfold init --yes', does: 'for scripts' },
  ],
  async run({ options, context }) {
    const places = await findPlaces(context, { project: options.project });
    const projectDir = requireProject(places);
    const found = survey(projectDir, places);
    const proposal = propose(projectDir, found);
    const { out } = context;
    if (!options.json) out.write(renderProposal(out, proposal, found, places.homeDir));
    const asked = !options['dry-run'] && !found.exists;
    const wanted =
      asked && (await isWanted(options.json ? { ...context, ask: undefined } : context, options.yes));
    if (wanted) await write(proposal, found, projectDir, places);
    if (options.json) {
      out.write(`${printableJson({ ...proposal, found, written: wanted }, 2)}\n`);
      return 0;
    }
    const why = found.exists
      ? 'settings are there already: change them with pinfold config'
      : 'nothing was written; --yes writes it';
    out.write(wanted ? `Wrote ${shownPath(proposal.file, places.homeDir)}\n` : `${why}\n`);
    return 0;
  },
});

/** `pinfold agents`: the presets there are, which agents are installed, and what each would be given. */
import { AGENTS, requireAgent } from '../../agents/catalogue.ts';
import { modelHosts } from '../../agents/layer.ts';
import type { AgentPreset } from '../../agents/preset.ts';
import { findAgentProgram } from '../../host/agent-program.ts';
import { printableJson } from '../../policy/printable.ts';
import { type Context, defineCommand, type Output } from '../command.ts';
import { wrap } from '../render/help.ts';
import { paint } from '../render/style.ts';
import { renderTable } from '../render/table.ts';
import { shownPath } from '../render/words.ts';
import { findPlaces, JSON_OPTION, PROJECT_OPTION, type SettingsPlaces } from '../settings-places.ts';
import { installedShims, shimDirectory } from '../shim.ts';

interface Listed {
  readonly preset: AgentPreset;
  /** Where its program is, if it is installed. */
  readonly program: string | undefined;
  readonly shim: boolean;
}

function look(preset: AgentPreset, places: SettingsPlaces): Listed {
  const { homeDir, environment } = places;
  const shims = shimDirectory(homeDir, environment);
  const program = findAgentProgram({
    commands: preset.commands,
    places: preset.places,
    searchPath: environment.PATH ?? '',
    homeDir,
    projectDir: places.projectDir ?? shims,
    except: shims,
  });
  return { preset, program: program?.path, shim: installedShims(shims, preset.commands).length > 0 };
}

function asData({ preset, program, shim }: Listed, { environment }: SettingsPlaces): Record<string, unknown> {
  const { hosts } = preset;
  return {
    name: preset.name,
    title: preset.title,
    installed: program ?? null,
    shim,
    login: preset.login.map(({ path, members, rotates }) => ({ path, members: members ?? null, rotates })),
    settings: preset.config,
    state: preset.state,
    hosts: { model: modelHosts(preset, environment).hosts, login: hosts.login, closed: hosts.telemetry },
    environment: preset.environment,
    verified: preset.verified,
  };
}

function renderList(output: Output, listed: readonly Listed[], homeDir: string): string {
  const rows = listed.map(({ preset, program, shim }) => [
    preset.name,
    preset.title,
    program === undefined ? 'not installed' : shownPath(program, homeDir),
    shim ? 'yes' : '',
  ]);
  return `${renderTable(output, ['AGENT', 'NAME', 'PROGRAM', 'SHIM'], rows)}\nWhat one of them is given: pinfold agents ${listed[0]!.preset.name}\n`;
}

const WIDTH = 100;
const LEFT = 14;

function renderOne({ out, environment }: Context, { preset, program }: Listed, homeDir: string): string {
  const { hosts, login, config } = preset;
  const home = (paths: readonly string[]) => paths.map((path) => `~/${path}`).join(', ');
  const passed = preset.environment.pass.filter((name) => environment[name] !== undefined);
  const copied = config.filter(({ as }) => as === 'copied').map(({ path }) => path);
  const shown = config.filter(({ as }) => as === 'shown').map(({ path }) => path);
  const renewed = login.filter(({ rotates }) => rotates.length > 0).map(({ path }) => path);
  const rows: readonly (readonly [string, string])[] = [
    ['program', program === undefined ? 'not installed' : shownPath(program, homeDir)],
    ['login', `${home(login.map(({ path }) => path))}: copied into the private home`],
    ...(renewed.length > 0
      ? [['', `${home(renewed)}: tokens that were renewed inside are put back`] as const]
      : []),
    ['settings', shown.length > 0 ? `${home(shown)}: read-only` : 'none'],
    ...(copied.length > 0 ? [['', `${home(copied)}: copied at each start, never put back`] as const] : []),
    ['keeps', `${home(preset.state)}, in the private home of each project`],
    [
      'model',
      modelHosts(preset, environment).hosts.join(', ') || 'no key of a service is in your environment',
    ],
    ...(hosts.login.length > 0 ? [['sign-in', hosts.login.join(', ')] as const] : []),
    [
      'stays closed',
      hosts.telemetry.length > 0 ? `${hosts.telemetry.join(', ')} (telemetry)` : 'everything else',
    ],
    [
      'variables',
      passed.length > 0 ? passed.join(', ') : `none of ${preset.environment.pass.join(', ')} is set`,
    ],
    ['tried', preset.verified],
  ];
  const width = Math.min(out.columns, WIDTH) - LEFT;
  const lines = rows.map(([left, right]) => {
    const [first = '', ...more] = wrap(right, Math.max(width, 30));
    return [
      paint(out, 'accent', left.padEnd(LEFT)) + first,
      ...more.map((line) => ' '.repeat(LEFT) + line),
    ].join('\n');
  });
  return `${paint(out, 'strong', preset.title)}\n${lines.join('\n')}\n`;
}

export const agentsCommand = defineCommand({
  name: 'agents',
  summary: 'list the agents that have a preset, and what each is given',
  arguments: [{ name: 'AGENT', summary: 'one of them, in full', completion: 'agent' }],
  options: { ...PROJECT_OPTION, ...JSON_OPTION },
  examples: [
    { line: 'pinfold agents', does: 'which there are, and which are installed' },
    { line: 'pinfold agents claude', does: 'its files, hosts and variables' },
  ],
  async run({ options, arguments: [name], context }) {
    const places = await findPlaces(context, { project: options.project });
    const listed = (name === undefined ? AGENTS : [requireAgent(name)]).map((preset) => look(preset, places));
    const { out } = context;
    if (options.json) {
      out.write(`${printableJson({ agents: listed.map((each) => asData(each, places)) }, 2)}\n`);
    } else if (name === undefined) out.write(renderList(out, listed, places.homeDir));
    else out.write(renderOne(context, listed[0]!, places.homeDir));
    return 0;
  },
});

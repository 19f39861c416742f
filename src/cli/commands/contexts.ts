/** `pinfold contexts`: the trust levels that are kept apart, and the forgetting of one. */
import { dirname } from 'node:path';
import { stateDirOf } from '../../config/discover.ts';
import { SandboxError } from '../../errors.ts';
import { boundProjects, checkContextName, contextNames, removeContext } from '../../host/contexts.ts';
import { findHome } from '../../host/host-facts.ts';
import { printableJson } from '../../policy/printable.ts';
import { SessionStore } from '../../session/store.ts';
import { type Context, defineCommand, defineGroup } from '../command.ts';
import { escapeText } from '../render/escape.ts';
import { renderTable } from '../render/table.ts';
import { shownPath } from '../render/words.ts';
import { JSON_OPTION } from '../settings-places.ts';
import { shimDirectory } from '../shim.ts';

function placesOf({ environment }: Context) {
  const homeDir = findHome(environment);
  return {
    homeDir,
    dataDir: dirname(shimDirectory(homeDir, environment)),
    stateDir: stateDirOf(homeDir, environment),
  };
}

const listCommand = defineCommand({
  name: 'list',
  summary: 'the contexts and the projects of each',
  options: { ...JSON_OPTION },
  examples: [{ line: 'pinfold contexts list', does: 'which project belongs where' }],
  async run({ options, context: { out, ...context } }) {
    const { homeDir, dataDir } = placesOf({ out, ...context });
    const bound = boundProjects(dataDir);
    const contexts = contextNames(dataDir).map((name) => ({
      name,
      projects: bound.filter((each) => each.context === name).map(({ project }) => project),
    }));
    if (options.json) out.write(`${printableJson({ contexts }, 2)}\n`);
    else if (contexts.length === 0)
      out.write('There are no contexts. The first one: pinfold run --context NAME -- COMMAND\n');
    else {
      const rows = contexts.map(({ name, projects }) => [
        escapeText(name),
        projects.map((project) => shownPath(project, homeDir)).join(', '),
      ]);
      out.write(renderTable(out, ['CONTEXT', 'PROJECTS'], rows));
    }
    return 0;
  },
});

const removeCommand = defineCommand({
  name: 'remove',
  summary: 'forget a context, its home and its history',
  arguments: [{ name: 'NAME', summary: 'as --context has it', required: true }],
  options: {},
  examples: [{ line: 'pinfold contexts remove finance', does: 'its projects belong to none afterwards' }],
  async run({ arguments: [name = ''], context }) {
    checkContextName(name);
    const { dataDir, stateDir } = placesOf(context);
    const projects = boundProjects(dataDir).flatMap((each) => (each.context === name ? [each.project] : []));
    const live = new SessionStore(stateDir).liveSessions().find(({ project }) => projects.includes(project));
    if (live !== undefined) {
      throw new SandboxError('ERR_CONTEXT', {
        what: `Cannot remove the context ${name}`,
        why: `session ${live.id} is live in it`,
        fix: 'End that session first: pinfold status',
      });
    }
    if (!removeContext(dataDir, name)) {
      throw new SandboxError('ERR_CONTEXT', {
        what: `There is no context ${name}`,
        why: 'no project was ever run in it',
        fix: 'See pinfold contexts list',
      });
    }
    context.out.write(`Removed the context ${name} with its home\n`);
    return 0;
  },
});

export const contextsCommand = defineGroup({
  name: 'contexts',
  summary: 'trust levels whose homes and histories are kept apart',
  subcommands: [listCommand, removeCommand],
});

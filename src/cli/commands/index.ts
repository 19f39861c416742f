/** Every command in one table, and the way from words to one of them; loaded for all but a plain `run`. */
import { nearest } from '../../policy/suggestion.ts';
import type { Command, Context } from '../command.ts';
import { parseLine, usageError } from '../parse.ts';
import { renderCommandHelp, renderOverview } from '../render/help.ts';
import { AGENT_COMMANDS, agentAfterOptions } from './agent-commands.ts';
import { agentsCommand } from './agents.ts';
import { allowCommand } from './allow.ts';
import { attachCommand } from './attach.ts';
import { auditCommand } from './audit.ts';
import { checkCommand } from './check.ts';
import { completionOf } from './completion.ts';
import { command as configCommand } from './config.ts';
import { contextsCommand } from './contexts.ts';
import { doctorCommand } from './doctor.ts';
import { execCommand } from './exec.ts';
import { explainCommand } from './explain.ts';
import { exportCommand } from './export.ts';
import { initCommand } from './init.ts';
import { learnCommand } from './learn.ts';
import { logCommand } from './log.ts';
import { policyCommand } from './policy.ts';
import { command as profilesCommand } from './profiles.ts';
import { pruneCommand } from './prune.ts';
import { replayCommand } from './replay.ts';
import { requestCommand } from './request.ts';
import { revokeCommand } from './revoke.ts';
import { runCommand } from './run.ts';
import { sessionsCommand } from './sessions.ts';
import { shellCommand } from './shell.ts';
import { shimCommand } from './shim.ts';
import { statusCommand } from './status.ts';
import { stopCommand } from './stop.ts';
import { command as trustCommand } from './trust.ts';
import { violationsCommand } from './violations.ts';
import { whyCommand } from './why.ts';

/** In the order in which help shows them. */
export const COMMANDS: readonly Command[] = [
  runCommand,
  shellCommand,
  ...AGENT_COMMANDS,
  agentsCommand,
  shimCommand,
  initCommand,
  contextsCommand,
  sessionsCommand,
  attachCommand,
  statusCommand,
  allowCommand,
  revokeCommand,
  execCommand,
  stopCommand,
  violationsCommand,
  whyCommand,
  requestCommand,
  logCommand,
  doctorCommand,
  policyCommand,
  explainCommand,
  checkCommand,
  auditCommand,
  pruneCommand,
  replayCommand,
  learnCommand,
  configCommand,
  trustCommand,
  profilesCommand,
  exportCommand,
  completionOf(() => COMMANDS),
];

interface Found {
  readonly command: Command;
  /** `pinfold config get` */
  readonly path: string;
  readonly rest: readonly string[];
}

function unknownCommand(word: string, path: string, commands: readonly Command[]): never {
  const near = nearest(
    word,
    commands.map(({ name }) => name),
  );
  throw usageError(
    `Unknown command ${JSON.stringify(word)}`,
    near === undefined ? `${path} has no such command` : `did you mean ${path} ${near}?`,
    path === 'pinfold'
      ? `To run a program inside: pinfold run -- ${word}. All commands: pinfold help`
      : `See ${path} --help`,
  );
}

/** The command that `words` name, as deep as they name one. */
function findCommand(words: readonly string[]): Found {
  let commands = COMMANDS;
  let found: Found | undefined;
  for (const [index, word] of words.entries()) {
    const path: string = found?.path ?? 'pinfold';
    const command = commands.find(({ name }) => name === word);
    if (command === undefined) {
      if (found === undefined || (found.command.subcommands && !word.startsWith('-'))) {
        unknownCommand(word, path, commands);
      }
      break;
    }
    found = { command, path: `${path} ${word}`, rest: words.slice(index + 1) };
    if (command.subcommands === undefined) break;
    commands = command.subcommands;
  }
  if (found === undefined) throw new Error('no words to find a command by');
  return found;
}

function showHelp(words: readonly string[], context: Context): number {
  const { out } = context;
  if (words.length === 0) {
    out.write(renderOverview(out, COMMANDS, context.version));
    return 0;
  }
  const { command, path } = findCommand(words);
  out.write(renderCommandHelp(out, command, path));
  return 0;
}

/** Resolves with the exit code. */
export async function dispatchRare(words: readonly string[], context: Context): Promise<number> {
  const [first] = words;
  if (first === undefined || first === '--help' || first === '-h') return showHelp([], context);
  if (first === 'help') return showHelp(words.slice(1), context);
  if (first === '--version' || first === '-V') {
    context.out.write(`pinfold ${context.version}\n`);
    return 0;
  }
  if (first.startsWith('-')) {
    const agent = agentAfterOptions(words);
    if (agent !== undefined) return await agent(context);
    throw usageError(
      `Unknown option ${first}`,
      'options stand after the command',
      'pinfold COMMAND [OPTIONS]; see pinfold --help',
    );
  }
  const { command, path, rest } = findCommand(words);
  const line = parseLine(path, command, rest);
  if (line.kind === 'help' || command.subcommands !== undefined) {
    context.out.write(renderCommandHelp(context.out, command, path));
    return 0;
  }
  return await command.run({ options: line.options, arguments: line.arguments, context });
}

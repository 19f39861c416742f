/** Prepares a run of an agent in its preset: finds its program, places its files in the private home, extends the policy. */
import { join } from 'node:path';
import { presetLayer, presetOrigin, unreachable } from '../agents/layer.ts';
import type { AgentPreset, ConfigFile } from '../agents/preset.ts';
import { type AgentProgram, findAgentProgram } from '../host/agent-program.ts';
import { findHomeEntry, type HomeEntry, readHomeFile, writePlaced } from '../host/placed-files.ts';
import { makeMountPoint } from '../host/private-home.ts';
import { isSessionPlace } from '../policy/builtin.ts';
import { Decider } from '../policy/decide.ts';
import type { HomeFile } from '../policy/host-facts.ts';
import type { Notice } from '../policy/types.ts';
import { LoginCopies, type LoginEvent, type PlacedLogin } from './agent-login.ts';
import { loadPolicy } from './prepare.ts';
import type { LoadedPolicy, PolicyExtension, PolicyRequest } from './types.ts';

export interface AgentRun {
  readonly loaded: LoadedPolicy;
  /** Undefined where it is not installed. */
  readonly program: AgentProgram | undefined;
  /** Copies the person's login and settings of the agent into the private home. Not done for a plan. */
  place(): Promise<readonly LoginEvent[]>;
  /** Brings renewed logins back; when nothing of the session is left. */
  settle(): Promise<readonly LoginEvent[]>;
}

/** `private`: $HOME is; `moved`: variables lead the agent to the private home; `own`: it has what the mode leaves it. */
type Whereabouts = 'private' | 'moved' | 'own';

interface Found extends HomeEntry {
  readonly named: string;
}

/** The files of one agent, as far as the person has them and denies none of them. */
class AgentFiles {
  readonly notices: Notice[] = [];
  readonly where: Whereabouts;
  readonly #preset: AgentPreset;
  readonly #loaded: LoadedPolicy;
  readonly #denials: Decider;

  constructor(preset: AgentPreset, loaded: LoadedPolicy) {
    const { policy } = loaded;
    this.#preset = preset;
    this.#loaded = loaded;
    this.#denials = new Decider({
      rules: policy.rules.filter(({ access, origin }) => access === 'none' && origin.scope !== 'builtin'),
    });
    this.where =
      policy.sandboxHome !== policy.homeDir ? 'private' : preset.relocation === undefined ? 'own' : 'moved';
  }

  #find(path: string): Found | undefined {
    const { homeDir, projectDir } = this.#loaded.facts;
    const named = join(homeDir, path);
    const entry = findHomeEntry(named, projectDir);
    if (entry === undefined) return undefined;
    const [denial] = [named, entry.real].flatMap((each) => this.#denials.candidates(each));
    if (denial === undefined) return { ...entry, named };
    const message = `${named} of ${this.#preset.title} is not copied: it is denied`;
    this.notices.push({ kind: 'agent', message, origin: denial.rule.origin });
    return undefined;
  }

  logins(): PlacedLogin[] {
    if (this.where === 'own') return [];
    return this.#preset.login.flatMap((file) => {
      const found = this.#find(file.path);
      if (found === undefined || found.directory) return [];
      return [{ file, named: found.named, host: found.real, inside: this.#insideOf(file.path) }];
    });
  }

  /** With what is copied, and not with what is mounted. */
  copies(): readonly { readonly real: string; readonly inside: string }[] {
    return this.#config(({ as }) => this.where === 'moved' || as === 'copied').flatMap(
      ([{ path }, { real, directory }]) => (directory ? [] : [{ real, inside: this.#insideOf(path) }]),
    );
  }

  mounts(): HomeFile[] {
    if (this.where !== 'private') return [];
    const { privateHome } = this.#loaded.facts;
    return this.#config(({ as }) => as === 'shown').map(([{ path }, { real, directory }]) => {
      makeMountPoint(privateHome, path, directory ? 'directory' : 'file');
      return {
        source: real,
        target: join(privateHome, path),
        ...(directory && { directory: true as const }),
        why: `settings of ${this.#preset.title}`,
      };
    });
  }

  #config(wanted: (file: ConfigFile) => boolean): [ConfigFile, Found][] {
    if (this.where === 'own') return [];
    return this.#preset.config.filter(wanted).flatMap((file): [ConfigFile, Found][] => {
      const found = this.#find(file.path);
      return found === undefined ? [] : [[file, found]];
    });
  }

  #insideOf(path: string): string {
    return (this.where === 'moved' ? this.#preset.relocation?.moved?.[path] : undefined) ?? path;
  }

  /** What the mode does not open by itself. Named one by one: the guards of the home around it cover the rest. */
  writes(): string[] {
    const directory = this.where === 'moved' ? this.#preset.relocation?.directory : undefined;
    if (directory === undefined) return [];
    const { privateHome } = this.#loaded.facts;
    makeMountPoint(privateHome, directory, 'directory');
    return [join(privateHome, directory)];
  }

  /** Variables that lead the agent to its state. */
  variables(): Record<string, string> {
    if (this.where !== 'moved') return {};
    const { privateHome } = this.#loaded.facts;
    return Object.fromEntries(
      Object.entries(this.#preset.relocation?.variables ?? {}).map(([name, place]) => [
        name,
        place === '' ? privateHome : join(privateHome, place),
      ]),
    );
  }
}

export interface AgentRequest {
  readonly preset: AgentPreset;
  readonly request: PolicyRequest;
  /** Pinfold's own directory of shims, which would start Pinfold again. */
  readonly shims?: string;
  /** What the person should know of the words of its command. */
  readonly told?: string | undefined;
}

/** Throws what `loadPolicy` throws. Writes nothing but the empty places to mount on. */
export async function prepareAgent({ preset, request, shims, told }: AgentRequest): Promise<AgentRun> {
  const { environment } = request;
  const ofWords: Notice[] = [];
  if (told !== undefined) {
    ofWords.push({
      kind: 'agent',
      message: told,
      origin: { scope: 'flag', text: 'the words of its command' },
    });
  }
  let program: AgentProgram | undefined;
  let logins: PlacedLogin[] = [];
  let copies: ReturnType<AgentFiles['copies']> = [];
  const extend = (first: LoadedPolicy): PolicyExtension => {
    const { facts, policy } = first;
    const files = new AgentFiles(preset, first);
    program = findAgentProgram({
      commands: preset.commands,
      places: preset.places,
      searchPath: environment.PATH ?? '',
      homeDir: facts.homeDir,
      projectDir: facts.projectDir,
      ...(shims !== undefined && { except: shims }),
    });
    logins = files.logins();
    copies = files.copies();
    const mounts = files.mounts();
    const decider = new Decider(policy);
    const { layer, notices } = presetLayer({
      preset,
      policy,
      environment,
      shows: (program?.shows ?? []).filter((path) => isHidden(decider, path)),
      writes: files.writes(),
      set: files.variables(),
    });
    return {
      agent: preset.name,
      layer,
      homeFiles: mounts,
      judge: (merged) => [
        ...[...notices, ...ofWords, ...files.notices],
        ...missing(preset, files.where, environment, merged),
      ],
    };
  };
  const loaded = await loadPolicy({ ...request, extend });
  const { pinfold, privateHome } = loaded.facts;
  const kept = new LoginCopies({ dataDir: pinfold.dataDir, privateHome, agent: preset.name }, logins);
  return {
    loaded,
    program,
    async place() {
      for (const { real, inside } of copies) {
        const text = readHomeFile(real);
        if (text !== undefined) writePlaced(privateHome, inside, text);
      }
      return await kept.place();
    },
    settle: () => kept.settle(),
  };
}

/** What lies in the host's /tmp is hidden too: inside there is another one. */
function isHidden(decider: Decider, path: string): boolean {
  const [deciding] = decider.candidates(path);
  return deciding === undefined || deciding.rule.access === 'none' || isSessionPlace(deciding.rule);
}

function missing(
  preset: AgentPreset,
  where: Whereabouts,
  environment: PolicyRequest['environment'],
  merged: LoadedPolicy['policy'],
): Notice[] {
  const closed = unreachable({ preset, environment }, merged);
  const hidden: Notice[] =
    where === 'own' && preset.login.length > 0
      ? [
          {
            kind: 'agent',
            message: `the login of ${preset.title} stays hidden in mode permissive; in standard it is given to it`,
            origin: presetOrigin(preset),
          },
        ]
      : [];
  return [...(closed === undefined ? [] : [closed]), ...hidden];
}

/** Makes commands of a session narrower than the session: what is asked, as calls that the command's process makes first. */
import { SandboxError } from '../errors.ts';
import { findExisting } from '../host/existing.ts';
import { resolvePolicy } from '../host/resolve.ts';
import type { Enforcement } from '../platform/backend.ts';
import { narrowerCalls, narrowerEnforcement } from '../platform/linux/narrower-plan.ts';
import { covers, findPlaces, nearest, type Place } from '../platform/linux/places.ts';
import type { CommandPlan } from '../platform/linux/plan.ts';
import { MODE_NETWORK } from '../policy/builtin.ts';
import { Decider } from '../policy/decide.ts';
import { mergePolicy } from '../policy/merge.ts';
import { withoutWidening } from '../policy/merge-paths.ts';
import { type Narrowing, narrowedBy, widthOf } from '../policy/narrowing.ts';
import type { Mode, Policy, SettingsLayer } from '../policy/types.ts';
import type { Planned } from './plan-run.ts';
import type { TemporaryPlaces } from './temporary-places.ts';
import type { LoadedPolicy } from './types.ts';

/** What a mode shows, and the person's settings with it. */
interface View {
  readonly policy: Policy;
  readonly places: readonly Place[];
}

export interface NarrowedCommand {
  /** A promise where something has to be made for it first. */
  readonly plan: CommandPlan | Promise<CommandPlan>;
  /** What holds for this command besides the session's boundary, once it has been started; empty: nothing was narrowed. */
  readonly enforcement: readonly Enforcement[];
}

export class Narrower {
  readonly #loaded: Pick<LoadedPolicy, 'layers' | 'facts'>;
  readonly #planned: Planned;
  readonly #views = new Map<Mode, View>();

  readonly #places: TemporaryPlaces;

  constructor(loaded: Pick<LoadedPolicy, 'layers' | 'facts'>, planned: Planned, places: TemporaryPlaces) {
    this.#places = places;
    this.#loaded = loaded;
    this.#planned = planned;
  }

  /** `command` with what `asked` takes away. Throws ERR_NARROWING, ERR_USAGE. */
  narrow(command: CommandPlan, asked: Narrowing): NarrowedCommand {
    const session = this.#planned;
    const narrowed = narrowedBy(asked, widthOf(session.policy), (mode) => this.#networkOf(mode));
    if (narrowed === undefined) return { plan: command, enforcement: [] };
    const { mode, network, readOnly } = narrowed;
    const view = mode === undefined ? undefined : this.#view(mode);
    const { arch, landlockAbi } = session.capabilities;
    const homeless = view !== undefined && view.policy.sandboxHome !== session.policy.sandboxHome;
    const rules = session.plan.landlock?.rules ?? [];
    const plan = async (): Promise<CommandPlan> => {
      const temporary = await this.#places.take();
      const calls = narrowerCalls({
        arch,
        first: command.calls,
        landlockAbi,
        network,
        readOnly,
        rules,
        temporary,
        ...(view && { places: view.places }),
      });
      // The home is the temporary directory where the session's own home is not shown.
      const environment = withOwn(command.environment ?? session.plan.environment, {
        TMPDIR: temporary,
        TMPPREFIX: `${temporary}/zsh`,
        ...(mode !== undefined && { PINFOLD_MODE: mode }),
        ...(homeless && { HOME: temporary }),
      });
      return { ...command, calls, environment };
    };
    return { plan: plan(), enforcement: narrowerEnforcement({ landlockAbi, network }) };
  }

  #networkOf(mode: Mode): Policy['network']['access']['value'] {
    return mode === this.#planned.policy.mode.value
      ? this.#planned.policy.network.access.value
      : MODE_NETWORK[mode];
  }

  #view(mode: Mode): View {
    const known = this.#views.get(mode);
    if (known) return known;
    const view = this.#look(mode);
    this.#views.set(mode, view);
    return view;
  }

  #look(mode: Mode): View {
    const { layers, facts } = this.#loaded;
    const text = `mode ${mode} of one command`;
    const layer: SettingsLayer = {
      scope: 'flag',
      trusted: true,
      mode: { value: mode, origin: { scope: 'flag', text } },
    };
    const { profile } = this.#planned.policy;
    const merged = mergePolicy({
      layers: [...layers, layer],
      facts,
      now: new Date(),
      ...(profile !== undefined && { profile }),
    });
    const policy = withoutWidening(resolvePolicy(merged, new Map()));
    const decider = new Decider(policy);
    const { matches } = this.#planned;
    const places = findPlaces({ policy, facts, matches, existing: findExisting(policy), decider });
    refuseDenialsBeneath(mode, places, this.#planned.decider);
    return { policy, places };
  }
}

/**
 * Landlock adds up along a path and cannot take back. What the narrower mode hides beneath something that it shows must be
 * hidden by the session's own mounts already.
 */
function refuseDenialsBeneath(mode: Mode, places: readonly Place[], session: Decider): void {
  const byPath = new Map<string, Place>();
  for (const place of places) {
    const above = nearest(byPath, place.path, true);
    byPath.set(place.path, place);
    if (above === undefined || covers(place.access, above.access)) continue;
    const held = session.accessOf(place.path, { directory: place.kind === 'directory' });
    if (covers(place.access, held)) continue;
    throw new SandboxError('ERR_NARROWING', {
      what: `Cannot give a command the mode ${mode}`,
      why: `${place.path} would have to be ${place.access === 'none' ? 'hidden' : 'read-only'} beneath ${above.path}, and only mounts can do that, which all commands of a session share`,
      fix: 'Make a sandbox of its own for it',
    });
  }
}

/** `NAME=value` each. */
function withOwn(environment: readonly string[], own: Readonly<Record<string, string>>): string[] {
  const rest = environment.filter((each) => !Object.hasOwn(own, each.slice(0, each.indexOf('='))));
  return [...rest, ...Object.entries(own).map(([name, value]) => `${name}=${value}`)];
}

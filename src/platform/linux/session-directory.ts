/** Adds to a plan the directory through which a session speaks to its inside: read-only, and not to be moved away. */
import { isWithin } from '../../policy/paths.ts';
import { ACCESS_FS } from './landlock-plan.ts';
import { type MountStep, type Plan, withVariables } from './plan.ts';

/** Where the session's directory appears. A mount point, so that nothing can be put in its place (EBUSY, rename(2)). */
export const SESSION_PLACE = '/run/pinfold';
/** What was refused so far, for whoever is inside. */
export const SESSION_EVENTS = `${SESSION_PLACE}/events.jsonl`;
/** In the session's directory: what `git init` starts a repository with, without the hooks that nothing inside may make. */
export const GIT_TEMPLATE = 'git-template';

/** A person who opens the host's own /run shows a directory in which nothing can be made to mount on. */
function hasOwnRun({ mounts }: Plan): boolean {
  return !mounts.some((step) => step.op === 'bind' && isWithin(SESSION_PLACE, step.target));
}

/**
 * The plan with `source` (a directory of the host, without symbolic links) shown and `PINFOLD_EVENTS` set; undefined where
 * there is no place for it.
 */
export function withSessionDirectory(plan: Plan, source: string): Plan | undefined {
  if (plan.namespaces === 0) return withPlaceOfHost(plan, source);
  if (!hasOwnRun(plan)) return undefined;
  const bind: MountStep = { op: 'bind', source, target: SESSION_PLACE, writable: false, noexec: true };
  const sealing = plan.mounts.findIndex(({ op }) => op === 'seal');
  const at = sealing === -1 ? plan.mounts.length : sealing;
  const read = ACCESS_FS.READ_FILE | ACCESS_FS.READ_DIR;
  const { landlock } = plan;
  return {
    ...plan,
    mounts: [...plan.mounts.slice(0, at), bind, ...plan.mounts.slice(at)],
    environment: withVariables(plan, {
      PINFOLD_EVENTS: SESSION_EVENTS,
      ...(plan.environment.some((entry) => entry.startsWith('GIT_TEMPLATE_DIR='))
        ? {}
        : { GIT_TEMPLATE_DIR: `${SESSION_PLACE}/${GIT_TEMPLATE}` }),
    }).environment,
    // The session's own /run may be written; the rule says no more than what the mount leaves.
    ...(landlock && {
      landlock: {
        ...landlock,
        rules: [...landlock.rules, { path: SESSION_PLACE, access: read & landlock.handledFs }],
      },
    }),
  };
}

/** Without mounts it is shown where it is. */
function withPlaceOfHost(plan: Plan, source: string): Plan {
  const read = ACCESS_FS.READ_FILE | ACCESS_FS.READ_DIR;
  const { landlock } = plan;
  return {
    ...withVariables(plan, { PINFOLD_EVENTS: `${source}/events.jsonl` }),
    ...(landlock && {
      landlock: {
        ...landlock,
        rules: [...landlock.rules, { path: source, access: read & landlock.handledFs }],
      },
    }),
  };
}

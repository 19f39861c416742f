/** What the tier without namespaces cannot give, by name: guarantees that a person must do without, and what does not work. Data. */
import type { LimitName, Policy } from '../../../policy/types.ts';
import type { Shortfall, Weaker } from '../../backend.ts';
import type { Grants } from './grants.ts';

export type TierShortfalls = Pick<Weaker, 'guarantees' | 'losses'>;

interface Context {
  readonly policy: Policy;
  readonly grants: Grants;
  /** The session's gate can be reached. */
  readonly gated: boolean;
}

const GUARANTEES: readonly (Shortfall & { readonly needed?: (context: Context) => boolean })[] = [
  // Landlock decides about opening, not about looking up: stat(2), access(2), readlink(2) and chdir(2) go by names alone.
  {
    id: 'hidden-names',
    claim:
      'whether a hidden file of a known name exists, its size and its dates can be found out (not what is in it)',
  },
  {
    id: 'denied-names',
    claim: 'the names in denied directories can be listed where the directory around them is shown',
    needed: ({ grants }) => grants.listed.length > 0,
  },
  // fchmod(2) and fsetxattr(2) take a descriptor that was opened for reading; which file it is, no filter sees.
  {
    id: 'read-only-modes',
    claim:
      'the mode and extended attributes of files that are yours and can be read can be changed (not their content)',
  },
  {
    id: 'process-numbers',
    claim: 'which process numbers are in use on this host can be found out (not what runs there)',
  },
  {
    id: 'process-limit',
    claim: 'the limit of processes counts all that are yours, those outside too',
    needed: ({ policy }) => isLimited(policy, 'processes'),
  },
  {
    id: 'temporary-limit',
    claim: 'temporary files have no limit: they are in a directory of the host',
    needed: ({ policy }) => isLimited(policy, 'temporaryFiles'),
  },
];

function isLimited({ limits }: Policy, name: LimitName): boolean {
  return limits[name] !== undefined;
}

const UNGATED: readonly string[] = [
  'no sockets but pairs of them: no loopback, no server under test, no Unix socket files',
];
const GATED: readonly string[] = [
  "hosts are reached through the session's proxy alone: by programs that heed HTTPS_PROXY or ALL_PROXY",
  'no loopback of its own, no server under test, no datagrams, no Unix socket files but pairs',
];
const LOSSES: readonly string[] = [
  '/tmp, /var/tmp, /dev/shm and /run are closed; $TMPDIR is private to the session',
  '/proc is closed but for what tells of the machine: no ps, no /proc/self',
  'modes, owners and dates cannot be changed by path (chmod, chown, touch -d), only through an open file',
  'no new terminals, no watching of files, no System V or POSIX queues and shared memory',
  'looks at hidden places are refused and not seen',
];

const MOST_NAMED = 6;

export function shortfallsOf(context: Context, homeFiles: readonly string[]): TierShortfalls {
  const { grants, gated } = context;
  const closed = grants.splits.filter((split) => split.access === 'write').map(({ path }) => path);
  const named = closed.slice(0, MOST_NAMED).join(', ');
  const more = closed.length > MOST_NAMED ? ` and ${closed.length - MOST_NAMED} more` : '';
  return {
    guarantees: GUARANTEES.filter(({ needed }) => needed?.(context) ?? true).map(({ id, claim }) => ({
      id,
      claim,
    })),
    losses: [
      ...(closed.length > 0
        ? [
            `no file can be made, removed or renamed directly in ${named}${more}: something in it is protected`,
          ]
        : []),
      ...(homeFiles.length > 0 ? [`not shown in $HOME: ${homeFiles.slice(0, MOST_NAMED).join(', ')}`] : []),
      ...(gated ? GATED : UNGATED),
      ...LOSSES,
    ],
  };
}

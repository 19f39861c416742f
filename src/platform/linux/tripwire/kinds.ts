/** The kinds of nodes of the tripwire file system, and what each gives to whoever asks. Data. */
import { FILE_TYPE } from './answers.ts';

/**
 * `directory`: leads to something shown, or is covered by it; can be listed and lists only what is shown. `file`: only a
 * place for a mount. `lent-file`: can be opened once, and is closed then. `link`: a symbolic link of the plan's. `closed`: stands over something denied: it can be looked at,
 * and not opened.
 */
export type TripwireKind = 'directory' | 'file' | 'lent-file' | 'link' | 'closed-directory' | 'closed-file';

/** What the host has and nobody is shown: met on the way to something, and forgotten with the kernel's last hold on it. */
export type HiddenKind = 'hidden' | 'hidden-file';

export type NodeKind = TripwireKind | 'root' | HiddenKind;

interface Manner {
  /** Its permission bits say what an open would meet; they decide nothing (no `default_permissions`). */
  readonly mode: number;
  /** Whoever opens, lists or tries it is refused. */
  readonly refused?: true;
  /** A listing leaves it out. */
  readonly unlisted?: true;
  /** It is no directory, so there are no names in it. */
  readonly flat?: true;
}

const CLOSED = { refused: true, unlisted: true } as const;

export const KINDS: Readonly<Record<NodeKind, Manner>> = {
  root: { mode: FILE_TYPE.directory | 0o555 },
  directory: { mode: FILE_TYPE.directory | 0o555 },
  file: { mode: FILE_TYPE.file | 0o444, refused: true, flat: true },
  'lent-file': { mode: FILE_TYPE.file | 0o444 },
  link: { mode: FILE_TYPE.link | 0o777, flat: true },
  'closed-directory': { mode: FILE_TYPE.directory, ...CLOSED },
  'closed-file': { mode: FILE_TYPE.file, ...CLOSED, flat: true },
  hidden: { mode: FILE_TYPE.directory, ...CLOSED },
  'hidden-file': { mode: FILE_TYPE.file, ...CLOSED, flat: true },
};

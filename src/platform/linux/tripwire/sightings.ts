/** What the tripwire tells of who looked where nothing is shown, and what may be made of it. */

/** A look at something hidden or denied that was refused. The one who looked still waits for the answer. */
export interface TripwireSighting {
  /** Absolute, the same inside and on the host; any bytes. */
  readonly path: Uint8Array;
  /** Thread that asked, as the host counts. */
  readonly pid: number;
  /** `look-up`: the kernel asks for a name before it says what for, so this may be the first step of an open. */
  readonly act: 'look-up' | 'read' | 'list';
  readonly errno: number;
  /** A name is being looked up, with its directory locked: the answer must not wait for a person. */
  readonly brief?: true;
}

/** `shown`: what was looked at is mounted now, and the kernel is to look anew. */
export type Judged = 'refused' | 'shown';

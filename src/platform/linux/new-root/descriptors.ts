/** Numbers of the descriptors that are free in init while the new root is built; its own are all below. Data. */

/** The root itself. */
export const ROOT = 32;
/** Whichever place of the root a call is about (`Point`). */
export const POINT = 33;
/** A file system that was just made. */
export const FRESH = 34;
/** What masks are copies of. */
export const MASKS = { directory: 35, file: 36 } as const;
/** The whole of the tripwire file system. */
export const TRIPWIRE = 37;
/** What one step makes of the above, or writes. */
export const PART = 38;
/** The first of those that hold what binds show. */
export const SOURCES = 40;

/**
 * What a terminal was sent, made fit to be sent to another one later. SECURITY: a terminal answers some sequences by typing (its
 * cursor's place, its colours, what is on the clipboard), and the program that asked has had its answer; a second one would be
 * input that nobody typed. So of all sequences only those pass that draw (terminal-replay.test.ts). Pure.
 */

const ESC = '\x1b';

/** ECMA-48 and xterm's control sequences: moving, erasing, inserting, scrolling, colours, and the modes of a screen. */
const DRAWING = [
  String.raw`\x1b\[[0-9;:]*[A-MPSTXZ@\x60adefgmrsu]`,
  String.raw`\x1b\[(?:\?[0-9;]*|4)[hl]`,
  String.raw`\x1b[78DEHM=>]`,
  String.raw`\x1b[()][0-9A-Z]`,
];

/** Everything else that is no text: strings (OSC, DCS, APC, PM, SOS), other sequences, controls of C0 and C1. */
const OTHERS = [
  String.raw`(?:\x1b[\]P_^X]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?`,
  String.raw`(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?`,
  String.raw`\x1b[ -/]*[0-~]?`,
  String.raw`[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f-\x9f]`,
];

/** Of a line, or of a sequence. */
const BEGINNING = new RegExp(String.raw`(?<=\n)|${ESC}`);

/** Text that may be sent again. `cut`: it begins anywhere, so in the middle of a line or of a sequence, which is left out. */
export function replayable(text: string, { cut }: { readonly cut: boolean }): string {
  const sequences = new RegExp(`(${DRAWING.join('|')})|${OTHERS.join('|')}`, 'g');
  const from = cut ? Math.max(0, text.search(BEGINNING)) : 0;
  return text.slice(from).replace(sequences, (_found, drawing?: string) => drawing ?? '');
}

/** What the command line shows passes through here; the rules of it are the policy core's, which the log shares. */
export { escapeBytes, escapeText, quoteCommand, quoteWord } from '../../policy/printable.ts';

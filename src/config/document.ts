/** Owns the step from the text of a settings file to a tree of nodes with positions, or to the one thing wrong with it. */
import { createScanner, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { Problem } from '../errors.ts';
import { createPlaceFinder, type Place } from './place-finder.ts';

/** Far deeper than any setting; jsonc-parser recurses, so a nesting bomb would end in a stack overflow. */
const MAX_DEPTH = 32;

/** SyntaxKind of jsonc-parser, a const enum that isolated modules cannot import. */
const TOKEN = { openBrace: 1, closeBrace: 2, openBracket: 3, closeBracket: 4, endOfFile: 17 } as const;

/** A parsed file. `text` is what offsets of `root` count in: without a byte order mark. */
export interface SettingsDocument {
  readonly file: string;
  readonly text: string;
  readonly root: Node;
  placeOf(offset: number): Place;
}

export type DocumentResult =
  | { readonly kind: 'parsed'; readonly document: SettingsDocument }
  | { readonly kind: 'malformed'; readonly problems: readonly Problem[] };

const SYNTAX_MESSAGES: Readonly<Record<string, string>> = {
  InvalidSymbol: 'not a JSON value',
  InvalidNumberFormat: 'not a number as JSON writes it',
  PropertyNameExpected: 'a key in double quotes is expected here',
  ValueExpected: 'a value is expected here',
  ColonExpected: 'a colon is expected here',
  CommaExpected: 'a comma is expected here',
  CloseBraceExpected: 'the file ends before a "}"',
  CloseBracketExpected: 'the file ends before a "]"',
  EndOfFileExpected: 'text follows after the end of the settings',
  InvalidCommentToken: 'not a comment as JSON with comments writes it',
  UnexpectedEndOfComment: 'this comment is never closed',
  UnexpectedEndOfString: 'this string is never closed',
  UnexpectedEndOfNumber: 'this number is incomplete',
  InvalidUnicode: 'not a \\u escape',
  InvalidEscapeCharacter: 'not an escape that JSON knows',
  InvalidCharacter: 'a control character must be escaped',
};

function depthOverflow(text: string): number | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (let token: number = scanner.scan(); token !== TOKEN.endOfFile; token = scanner.scan()) {
    if (token === TOKEN.openBrace || token === TOKEN.openBracket) {
      depth += 1;
      if (depth > MAX_DEPTH) {
        return scanner.getTokenOffset();
      }
    } else if (token === TOKEN.closeBrace || token === TOKEN.closeBracket) {
      depth -= 1;
    }
  }
  return undefined;
}

export function parseDocument(file: string, source: string): DocumentResult {
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source;
  const placeOf = createPlaceFinder(text);
  const malformed = (offset: number, message: string): DocumentResult => ({
    kind: 'malformed',
    problems: [{ file, ...placeOf(offset), message }],
  });
  if (text.trim() === '') {
    return malformed(0, 'the file is empty; settings are an object: { "sandbox": { … } }');
  }
  const tooDeep = depthOverflow(text);
  if (tooDeep !== undefined) {
    return malformed(tooDeep, `nested more than ${MAX_DEPTH} levels deep`);
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
  // Only the first: what a lenient parser says after it has lost its place is noise.
  const first = errors[0];
  if (first !== undefined || root === undefined) {
    const code = first === undefined ? 'ValueExpected' : printParseErrorCode(first.error);
    return malformed(first?.offset ?? 0, SYNTAX_MESSAGES[code] ?? 'not JSON');
  }
  return { kind: 'parsed', document: { file, text, root, placeOf } };
}

export interface Property {
  readonly key: string;
  readonly keyNode: Node;
  readonly value: Node;
}

/** Properties of an object node in order. A tree without syntax errors has both halves of each. */
export function propertiesOf(node: Node): Property[] {
  return (node.children ?? []).map((property) => {
    const [keyNode, value] = property.children as [Node, Node];
    return { key: keyNode.value as string, keyNode, value };
  });
}

export function findProperty(node: Node | undefined, key: string): Property | undefined {
  return node?.type === 'object' ? propertiesOf(node).find((property) => property.key === key) : undefined;
}

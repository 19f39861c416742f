/** Owns the comparison of a node tree with the schema: every departure becomes a Problem with its place. */
import type { Node } from 'jsonc-parser';
import type { Problem } from '../errors.ts';
import { nearest } from '../policy/suggestion.ts';
import { propertiesOf, type SettingsDocument } from './document.ts';
import { checkLimit, LIMITS, parseLimit } from './quantities.ts';
import { fieldOf, type ObjectShape, type Shape } from './schema.ts';
import { type Complaint, TEXT_FORMATS } from './text-formats.ts';

/** Collects the problems of one document. */
export class ProblemList {
  readonly problems: Problem[] = [];
  readonly #document: SettingsDocument;

  constructor(document: SettingsDocument) {
    this.#document = document;
  }

  add(node: Node, complaint: Complaint): void {
    const { line, column } = this.#document.placeOf(node.offset);
    this.problems.push({ file: this.#document.file, line, column, ...complaint });
  }
}

/** `path` names the place in messages: `sandbox.environment`. */
interface Spot {
  readonly node: Node;
  readonly path: string;
  readonly found: ProblemList;
}

export const quote = (text: string): string => JSON.stringify(text);

export function describeNode(node: Node): string {
  return node.type === 'null' || node.type === 'boolean'
    ? String(node.value)
    : `${node.type === 'object' || node.type === 'array' ? 'an' : 'a'} ${node.type}`;
}

function complainType(spot: Spot, wanted: string, suggestion?: string): void {
  spot.found.add(spot.node, {
    message: `${spot.path}: ${wanted} is expected, not ${describeNode(spot.node)}`,
    ...(suggestion !== undefined && { suggestion }),
  });
}

export function complainUnknownKey(
  found: ProblemList,
  keyNode: Node,
  where: string,
  known: Iterable<string>,
): void {
  const suggestion = nearest(keyNode.value as string, known);
  found.add(keyNode, {
    message: `unknown key ${quote(keyNode.value)} in ${where}`,
    ...(suggestion !== undefined && { suggestion }),
  });
}

/** Keys written twice: which of the two a reader takes is chance, so neither is. */
export function checkDuplicateKeys(node: Node, found: ProblemList, reach: 'here' | 'everywhere'): void {
  if (node.type === 'object') {
    const seen = new Set<string>();
    for (const { key, keyNode } of propertiesOf(node)) {
      if (seen.has(key)) {
        found.add(keyNode, { message: `the key ${quote(key)} is written twice` });
      }
      seen.add(key);
    }
  }
  if (reach === 'everywhere') {
    const below =
      node.type === 'object' ? propertiesOf(node).map(({ value }) => value) : (node.children ?? []);
    for (const child of below) {
      checkDuplicateKeys(child, found, 'everywhere');
    }
  }
}

function checkText(spot: Spot, format: keyof typeof TEXT_FORMATS): void {
  if (spot.node.type !== 'string') {
    const { value } = spot.node;
    complainType(
      spot,
      'a string',
      typeof value === 'number' || typeof value === 'boolean' ? quote(String(value)) : undefined,
    );
    return;
  }
  const complaint = TEXT_FORMATS[format].check(spot.node.value);
  if (complaint !== undefined) {
    spot.found.add(spot.node, { ...complaint, message: `${spot.path}: ${complaint.message}` });
  }
}

function checkChoice(spot: Spot, choices: readonly string[]): void {
  if (typeof spot.node.value === 'string' && choices.includes(spot.node.value)) {
    return;
  }
  const wanted = choices.map(quote).join(', ');
  if (spot.node.type !== 'string') {
    complainType(spot, `one of ${wanted}`);
    return;
  }
  const suggestion = nearest(spot.node.value, choices);
  spot.found.add(spot.node, {
    message: `${spot.path}: ${quote(spot.node.value)} is none of ${wanted}`,
    ...(suggestion !== undefined && { suggestion: quote(suggestion) }),
  });
}

function checkLimitNode(spot: Spot, name: keyof typeof LIMITS): void {
  const { kind } = LIMITS[name];
  const { type, value } = spot.node;
  const wantedType = kind === 'count' ? 'number' : 'string';
  if (type !== wantedType) {
    const wanted = { size: 'a size like "4GiB"', duration: 'a duration like "2h"', count: 'a whole number' }[
      kind
    ];
    complainType(spot, wanted);
    return;
  }
  const parsed = kind === 'count' ? checkLimit(name, value) : parseLimit(name, value);
  if (parsed.kind === 'bad') {
    spot.found.add(spot.node, { message: `${spot.path}: ${parsed.message}` });
  }
}

function checkObject(spot: Spot, shape: ObjectShape): void {
  if (spot.node.type !== 'object') {
    complainType(spot, 'an object');
    return;
  }
  const properties = propertiesOf(spot.node);
  for (const { key, keyNode, value } of properties) {
    const field = fieldOf(shape, key);
    if (field === undefined) {
      complainUnknownKey(spot.found, keyNode, spot.path, Object.keys(shape.fields));
    } else {
      checkShape({ ...spot, node: value, path: `${spot.path}.${key}` }, field.shape);
    }
  }
  for (const key of shape.required ?? []) {
    if (!properties.some((property) => property.key === key)) {
      spot.found.add(spot.node, { message: `${spot.path}: the key ${quote(key)} is missing` });
    }
  }
}

function checkRecord(spot: Spot, shape: Shape & { kind: 'record' }): void {
  if (spot.node.type !== 'object') {
    complainType(spot, 'an object');
    return;
  }
  for (const { key, keyNode, value } of propertiesOf(spot.node)) {
    const complaint = TEXT_FORMATS[shape.keys].check(key);
    if (complaint !== undefined) {
      spot.found.add(keyNode, {
        ...complaint,
        message: `${quote(key)} in ${spot.path}: ${complaint.message}`,
      });
    } else {
      checkShape({ ...spot, node: value, path: `${spot.path}.${key}` }, shape.values);
    }
  }
}

function checkList(spot: Spot, { items, most }: Shape & { kind: 'list' }): void {
  if (spot.node.type !== 'array') {
    complainType(spot, 'a list', spot.node.type === 'string' ? `[${quote(spot.node.value)}]` : undefined);
    return;
  }
  const entries = spot.node.children ?? [];
  const tooMany = most === undefined ? undefined : entries[most];
  if (tooMany !== undefined) {
    spot.found.add(tooMany, {
      message: `${spot.path}: there are ${entries.length} entries, and at most ${most} can be kept; name the directory that holds them`,
    });
    return;
  }
  for (const [index, item] of entries.entries()) {
    checkShape({ ...spot, node: item, path: `${spot.path}[${index}]` }, items);
  }
}

function checkEntry(spot: Spot, shape: Shape & { kind: 'entry' }): void {
  if (spot.node.type === 'string' || spot.node.type === 'object') {
    checkShape(spot, spot.node.type === 'string' ? shape.text : shape.object);
  } else {
    complainType(spot, 'a string or an object with "path"');
  }
}

function checkBoolean(spot: Spot): void {
  if (spot.node.type !== 'boolean') {
    complainType(spot, 'true or false');
  }
}

function checkPort(spot: Spot): void {
  const { type, value } = spot.node;
  if (type !== 'number') complainType(spot, 'a port number');
  else if (!Number.isInteger(value) || value < 1 || value > 65_535) {
    spot.found.add(spot.node, { message: `${spot.path}: a port is a whole number of 1 to 65535` });
  }
}

/** Adds to `spot.found` whatever in `spot.node` departs from `shape`. */
export function checkShape(spot: Spot, shape: Shape): void {
  switch (shape.kind) {
    case 'foreign':
      break;
    case 'boolean':
      checkBoolean(spot);
      break;
    case 'choice':
      checkChoice(spot, shape.of);
      break;
    case 'text':
      checkText(spot, shape.format);
      break;
    case 'limit':
      checkLimitNode(spot, shape.name);
      break;
    case 'port':
      checkPort(spot);
      break;
    case 'object':
      checkObject(spot, shape);
      break;
    case 'record':
      checkRecord(spot, shape);
      break;
    case 'entry':
      checkEntry(spot, shape);
      break;
    case 'list':
      checkList(spot, shape);
  }
}

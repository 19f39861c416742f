/** Owns changes to the text of a settings file: one value set or removed, every comment and the layout around it kept. */
import { isDeepStrictEqual } from 'node:util';
import { applyEdits, createScanner, type Edit, findNodeAtLocation, type Node, parseTree } from 'jsonc-parser';
import { propertiesOf } from './document.ts';

/** SyntaxKind of jsonc-parser, a const enum that isolated modules cannot import. */
const TOKEN = { closeBrace: 2, comma: 5, lineBreak: 14, endOfFile: 17 } as const;

/** Longer lists are written one item to a line. */
const LINE_WIDTH = 80;

interface Layout {
  readonly text: string;
  readonly eol: string;
  readonly unit: string;
}

function layoutOf(text: string): Layout {
  return {
    text,
    eol: /\r\n|\n|\r/.exec(text)?.[0] ?? '\n',
    unit: /(?:^|[\r\n])(\t+| {1,8})\S/.exec(text)?.[1] ?? '  ',
  };
}

function indentAt({ text }: Layout, offset: number): string {
  const start = Math.max(text.lastIndexOf('\n', offset - 1), text.lastIndexOf('\r', offset - 1)) + 1;
  return /^[ \t]*/.exec(text.slice(start, offset))![0];
}

function renderInline(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(renderInline).join(', ')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([key, member]) => `${JSON.stringify(key)}: ${renderInline(member)}`,
    );
    return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
  }
  return JSON.stringify(value);
}

function render(value: unknown, layout: Layout, indent: string): string {
  const inline = renderInline(value);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (inline === '{}' || (!isObject && (inline.length <= LINE_WIDTH || !Array.isArray(value)))) {
    return inline;
  }
  const inner = indent + layout.unit;
  const [open, close] = isObject ? '{}' : '[]';
  const members = isObject
    ? Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${render(member, layout, inner)}`)
    : (value as unknown[]).map((item) => render(item, layout, inner));
  return `${open}${members.map((member) => `${layout.eol}${inner}${member}`).join(',')}${layout.eol}${indent}${close}`;
}

interface Gap {
  readonly comma: number | undefined;
  /** First end of a line before the next item or the closing brace. */
  readonly lineEnd: number | undefined;
}

/** What stands between `from` and the next item or brace: a comma inside a comment is not one. */
function scanGap(text: string, from: number): Gap {
  const scanner = createScanner(text, false);
  scanner.setPosition(from);
  let comma: number | undefined;
  for (let token: number = scanner.scan(); token !== TOKEN.endOfFile; token = scanner.scan()) {
    if (token === TOKEN.comma) {
      comma = scanner.getTokenOffset();
    } else if (token === TOKEN.lineBreak) {
      const lineEnd = scanner.getTokenOffset();
      return { comma: comma ?? findComma(text, lineEnd), lineEnd };
    } else if (token < 12) {
      break;
    }
  }
  return { comma, lineEnd: undefined };
}

function findComma(text: string, from: number): number | undefined {
  const scanner = createScanner(text, true);
  scanner.setPosition(from);
  return (scanner.scan() as number) === TOKEN.comma ? scanner.getTokenOffset() : undefined;
}

const endOf = (node: Node): number => node.offset + node.length;

function insertAfter(last: Node, member: (indent: string) => string, layout: Layout): Edit[] {
  const { comma, lineEnd } = scanGap(layout.text, endOf(last));
  const indent = indentAt(layout, last.offset);
  const separator: Edit[] = comma === undefined ? [{ offset: endOf(last), length: 0, content: ',' }] : [];
  // A comma on a later line: the new item follows it directly, to stay behind it.
  const offset =
    comma === undefined ? lineEnd : lineEnd === undefined ? undefined : Math.max(lineEnd, comma + 1);
  if (offset === undefined) {
    const after = comma === undefined ? endOf(last) : comma + 1;
    return [
      ...separator,
      { offset: after, length: 0, content: ` ${member(indent)}${comma === undefined ? '' : ','}` },
    ];
  }
  const content = `${layout.eol}${indent}${member(indent)}${comma === undefined ? '' : ','}`;
  return [...separator, { offset, length: 0, content }];
}

function insertFirst(object: Node, member: (indent: string) => string, layout: Layout): Edit[] {
  const outer = indentAt(layout, object.offset);
  const inner = outer + layout.unit;
  const { lineEnd } = scanGap(layout.text, object.offset + 1);
  const line = `${layout.eol}${inner}${member(inner)}`;
  return lineEnd === undefined
    ? [{ offset: object.offset + 1, length: 0, content: `${line}${layout.eol}${outer}` }]
    : [{ offset: lineEnd, length: 0, content: line }];
}

/** `text` must be valid and every value on the way an object. */
export function setInText(text: string, path: readonly string[], value: unknown): string {
  const root = parseTree(text, [], { allowTrailingComma: true })!;
  const layout = layoutOf(text);
  const existing = findNodeAtLocation(root, [...path]);
  if (existing !== undefined) {
    // What already says so is not written anew: its own layout and the comments inside it stay.
    if (isDeepStrictEqual(valueOfNode(existing), value)) {
      return text;
    }
    const full = render(value, layout, indentAt(layout, existing.parent!.offset));
    const inline = renderInline(value);
    const oneLine =
      !/[\r\n]/.test(text.slice(existing.offset, endOf(existing))) && inline.length <= LINE_WIDTH;
    const content = oneLine ? inline : full;
    return applyEdits(text, [{ offset: existing.offset, length: existing.length, content }]);
  }
  let depth = path.length - 1;
  while (findNodeAtLocation(root, path.slice(0, depth)) === undefined) {
    depth -= 1;
  }
  const object = findNodeAtLocation(root, path.slice(0, depth))!;
  const wrapped = path.slice(depth + 1).reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  const key = JSON.stringify(path[depth]);
  const last = object.children?.at(-1);
  if (last === undefined) {
    return applyEdits(
      text,
      insertFirst(object, (indent) => `${key}: ${render(wrapped, layout, indent)}`, layout),
    );
  }
  const oneLine = !/[\r\n]/.test(text.slice(object.offset, endOf(object)));
  const member = (indent: string) =>
    `${key}: ${oneLine ? renderInline(wrapped) : render(wrapped, layout, indent)}`;
  return applyEdits(text, insertAfter(last, member, layout));
}

/** The range of `from`–`to`, with its line when nothing else stands on it. */
function cut(text: string, from: number, to: number): Edit {
  const before = /[ \t]*$/.exec(text.slice(0, from))![0].length;
  const after = /^[ \t]*/.exec(text.slice(to))![0].length;
  const newline = /^(\r\n|\n|\r)/.exec(text.slice(to + after))?.[0];
  const startsLine = from - before === 0 || /[\r\n]/.test(text[from - before - 1]!);
  if (startsLine && newline !== undefined) {
    return { offset: from - before, length: to + after + newline.length - (from - before), content: '' };
  }
  const start = newline === undefined ? from : from - before;
  return { offset: start, length: to + after - start, content: '' };
}

/** Removes a property or an item, with its line where it stands alone on it. */
function removeMember(text: string, member: Node): string {
  const siblings = member.parent!.children!;
  const end = endOf(member);
  const next = findComma(text, end);
  if (next === end) {
    return applyEdits(text, [cut(text, member.offset, end + 1)]);
  }
  const previous = siblings[siblings.indexOf(member) - 1];
  // The last of several takes the comma before it along: other readers of the file may not bear a trailing one.
  const comma = next ?? (previous === undefined ? undefined : findComma(text, endOf(previous)));
  if (comma !== undefined && comma < member.offset && /^,[ \t]*$/.test(text.slice(comma, member.offset))) {
    return applyEdits(text, [{ offset: comma, length: end - comma, content: '' }]);
  }
  const edits: Edit[] = [cut(text, member.offset, end)];
  if (comma !== undefined) {
    edits.push({ offset: comma, length: 1, content: '' });
  }
  return applyEdits(
    text,
    edits.toSorted((a, b) => a.offset - b.offset),
  );
}

/** Removes the property at `path`; the same text when there is none. */
export function unsetInText(text: string, path: readonly string[]): string {
  const root = parseTree(text, [], { allowTrailingComma: true })!;
  const property = findNodeAtLocation(root, [...path])?.parent;
  return property === undefined ? text : removeMember(text, property);
}

/** Adds an item to the end of the list at `path`, which is made where there is none. */
export function addItemInText(text: string, path: readonly string[], value: unknown): string {
  const root = parseTree(text, [], { allowTrailingComma: true })!;
  const list = findNodeAtLocation(root, [...path]);
  const last = list?.children?.at(-1);
  if (list === undefined || last === undefined) return setInText(text, path, [value]);
  const layout = layoutOf(text);
  return applyEdits(
    text,
    insertAfter(last, (indent) => render(value, layout, indent), layout),
  );
}

/** Removes one item of the list at `path`; the same text when there is none. */
export function removeItemInText(text: string, path: readonly string[], index: number): string {
  const root = parseTree(text, [], { allowTrailingComma: true })!;
  const item = findNodeAtLocation(root, [...path])?.children?.[index];
  return item === undefined ? text : removeMember(text, item);
}

/** The value at `path` as JSON has it; undefined when the text says nothing of it. */
export function valueInText(text: string, path: readonly string[]): unknown {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const node = root === undefined ? undefined : findNodeAtLocation(root, [...path]);
  return node === undefined ? undefined : valueOfNode(node);
}

/** Unlike jsonc-parser's own, safe for a key named `__proto__`. */
export function valueOfNode(node: Node): unknown {
  if (node.type === 'array') {
    return (node.children ?? []).map(valueOfNode);
  }
  return node.type === 'object'
    ? Object.fromEntries(propertiesOf(node).map(({ key, value }) => [key, valueOfNode(value)]))
    : node.value;
}

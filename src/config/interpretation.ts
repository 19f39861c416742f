/** Owns what the text of one settings file means: a layer with its notices, or everything that is wrong with it. */
import type { Node } from 'jsonc-parser';
import type { Problem } from '../errors.ts';
import type { Notice, SettingsLayer } from '../policy/types.ts';
import { CLAUDE_SANDBOX_SHAPE, isClaudeKey, type Places, takeClaudeDenials } from './claude-keys.ts';
import type { FileScope } from './discover.ts';
import { findProperty, parseDocument, propertiesOf, type SettingsDocument } from './document.ts';
import { type Grant, grantsOf } from './grants.ts';
import { readLayer } from './layer.ts';
import { SANDBOX_SHAPE } from './schema.ts';
import {
  checkDuplicateKeys,
  checkShape,
  complainUnknownKey,
  describeNode,
  ProblemList,
} from './validator.ts';

export interface SettingsText {
  readonly scope: FileScope;
  readonly file: string;
  readonly text: string;
  readonly trusted: boolean;
  readonly places: Places;
}

export type Interpretation =
  | {
      readonly kind: 'valid';
      readonly document: SettingsDocument;
      readonly layer: SettingsLayer;
      readonly notices: readonly Notice[];
      /** What the file can widen once it is trusted; Claude Code's denials are not among it. */
      readonly grants: readonly Grant[];
    }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

const TOP_LEVEL_KEYS = ['sandbox', '$schema'];

function checkTopLevel(root: Node, found: ProblemList): void {
  for (const { key, keyNode, value } of propertiesOf(root)) {
    if (Object.hasOwn(SANDBOX_SHAPE.fields, key)) {
      found.add(keyNode, {
        message: `${JSON.stringify(key)} belongs inside the "sandbox" object`,
        suggestion: 'sandbox',
      });
    } else if (!TOP_LEVEL_KEYS.includes(key)) {
      complainUnknownKey(found, keyNode, 'the settings', TOP_LEVEL_KEYS);
    } else if (key === '$schema' && value.type !== 'string') {
      found.add(value, { message: `$schema: a string is expected, not ${describeNode(value)}` });
    }
  }
}

/** Claude Code's keys in a file of Pinfold's own would do nothing, and the person would think that they did. */
function checkMisplacedClaudeKeys(sandbox: Node, found: ProblemList): Node {
  if (sandbox.type !== 'object') {
    return sandbox;
  }
  const misplaced = propertiesOf(sandbox).filter(({ key }) => isClaudeKey(key));
  for (const { key, keyNode } of misplaced) {
    found.add(keyNode, {
      message: `${JSON.stringify(key)} is Claude Code's own key and is known only in .claude/settings.json`,
    });
  }
  const nodes = new Set(misplaced.map(({ keyNode }) => keyNode));
  return {
    ...sandbox,
    children: (sandbox.children ?? []).filter((child) => !nodes.has(child.children![0]!)),
  };
}

/** The node of `sandbox` when the document departs from the schema nowhere. */
function validate(
  document: SettingsDocument,
  scope: FileScope,
): { sandbox: Node | undefined; problems: readonly Problem[] } {
  const found = new ProblemList(document);
  const { root } = document;
  if (root.type !== 'object') {
    found.add(root, { message: `settings are an object, { "sandbox": { … } }, not ${describeNode(root)}` });
    return { sandbox: undefined, problems: found.problems };
  }
  const claude = scope === 'claude';
  const sandbox = findProperty(root, 'sandbox')?.value;
  if (claude) {
    const twice = propertiesOf(root).filter(({ key }) => key === 'sandbox')[1];
    if (twice !== undefined) {
      found.add(twice.keyNode, { message: 'the key "sandbox" is written twice' });
    }
  } else {
    checkTopLevel(root, found);
    checkDuplicateKeys(root, found, 'here');
  }
  if (sandbox !== undefined) {
    const node = claude ? sandbox : checkMisplacedClaudeKeys(sandbox, found);
    checkDuplicateKeys(sandbox, found, 'everywhere');
    checkShape({ node, path: 'sandbox', found }, claude ? CLAUDE_SANDBOX_SHAPE : SANDBOX_SHAPE);
  }
  const problems = found.problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  return { sandbox, problems };
}

export function interpretSettings(source: SettingsText): Interpretation {
  const parsed = parseDocument(source.file, source.text);
  if (parsed.kind === 'malformed') {
    return { kind: 'invalid', problems: parsed.problems };
  }
  const { document } = parsed;
  const { sandbox, problems } = validate(document, source.scope);
  if (problems.length > 0) {
    return { kind: 'invalid', problems };
  }
  const layerSource = { document, scope: source.scope, trusted: source.trusted };
  const layer = readLayer(layerSource, sandbox);
  const grants = grantsOf(layer);
  if (source.scope !== 'claude' || sandbox === undefined) {
    return { kind: 'valid', document, layer, notices: [], grants };
  }
  return {
    kind: 'valid',
    document,
    grants,
    ...takeClaudeDenials(layerSource, sandbox, layer, source.places),
  };
}

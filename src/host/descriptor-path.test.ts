/** Claims about names of descriptors. */
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { descriptorPath } from './descriptor-path.ts';

test('leads to what is open, also when its own name has moved', () => {
  const root = mkdtempSync(join(tmpdir(), 'pinfold-descriptor-'));
  writeFileSync(join(root, 'a'), '');
  const descriptor = openSync(root, 'r');
  try {
    renameSync(root, `${root}-moved`);
    expect(readdirSync(descriptorPath(descriptor))).toEqual(['a']);
    const { dev, ino } = statSync(`${root}-moved`);
    expect(descriptorPath(descriptor, 'darwin')).toBe(`/.vol/${dev}/${ino}`);
  } finally {
    closeSync(descriptor);
    rmSync(`${root}-moved`, { recursive: true });
  }
});

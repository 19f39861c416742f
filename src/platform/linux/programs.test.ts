import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programPath } from './programs.ts';

describe('where the programs lie', () => {
  let root = '';
  const dist = () => join(root, 'node_modules/pinfold/dist');
  const put = (path: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), '');
  };
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'pinfold-programs-'));
    put('node_modules/pinfold/dist/pinfold.cjs');
    put('node_modules/@pinfold/launcher-linux-x64/pinfold-launcher');
    put('node_modules/@pinfold/launcher-linux-x64/package.json');
    writeFileSync(join(root, 'node_modules/@pinfold/launcher-linux-x64/package.json'), '{}');
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test('in the package of this kind of machine', () => {
    const found = join(root, 'node_modules/@pinfold/launcher-linux-x64/pinfold-launcher');
    expect(programPath('launcher', dist(), 'x64')).toBe(found);
  });

  test('of no other kind: the path beside the bundle, where nothing is, goes into the message', () => {
    expect(programPath('launcher', dist(), 'arm64')).toBe(join(dist(), 'pinfold-launcher'));
  });

  test('beside the bundle first, as in a checkout', () => {
    put('node_modules/pinfold/dist/pinfold-doctor-probe');
    put('node_modules/@pinfold/launcher-linux-x64/pinfold-doctor-probe');
    expect(programPath('doctor-probe', dist(), 'x64')).toBe(join(dist(), 'pinfold-doctor-probe'));
  });
});

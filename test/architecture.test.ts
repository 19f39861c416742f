import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { edges, offence, readSources, type Sources, worldly } from './fixtures/import-graph.ts';

function offences(sources: Sources): string[] {
  return edges(sources).flatMap((edge) => {
    const why = offence(edge);
    return why === undefined ? [] : [`${edge.from}:${edge.line} → ${edge.to}: ${why}`];
  });
}

const real = readSources(fileURLToPath(new URL('..', import.meta.url)));

describe('the source tree', () => {
  test('follows the dependency rule', () => {
    expect(edges(real).length).toBeGreaterThan(50);
    expect(offences(real)).toEqual([]);
  });

  test('prints, reads the environment and exits only in src/cli/', () => {
    expect(worldly(real)).toEqual([]);
  });

  test('prints no data as JSON that leaves characters as they are', () => {
    const printing = [...real].filter(([path]) => path.startsWith('src/cli/') && !path.endsWith('.test.ts'));
    const raw = printing.flatMap(([path, text]) =>
      /JSON\.stringify\([^;]*, undefined, \d\)|write\([^;]*JSON\.stringify/.test(text) ? [path] : [],
    );
    expect(raw).toEqual([]);
    expect(printing.filter(([, text]) => text.includes('printableJson(')).length).toBeGreaterThan(20);
  });
});

/** Everything that is loaded with `entry`: not what is only a type, nor what is loaded when it is first wanted. */
function loadedWith(entry: string): Set<string> {
  const loaded = new Set([entry]);
  for (const path of loaded) {
    const lines = (real.get(path) ?? '').split('\n');
    for (const edge of edges(real).filter(({ from }) => from === path)) {
      const statement = lines
        .slice(0, edge.line)
        .join('\n')
        .replace(/^.*(?=^(?:import|export)\b)/ms, '');
      if (/^(import|export) type\b/.test(statement) || /\bimport\(/.test(lines[edge.line - 1]!)) continue;
      if (real.has(edge.to)) loaded.add(edge.to);
    }
  }
  return loaded;
}

describe('the two backends', () => {
  const beneath = (paths: Set<string>, part: string) => [...paths].filter((path) => path.includes(part));

  test('are never loaded together: a run on Linux loads nothing of macOS', () => {
    const paths = loadedWith('src/session/run.ts');
    expect(beneath(paths, 'platform/linux/').length).toBeGreaterThan(5);
    expect(beneath(paths, 'macos')).toEqual([]);
  });

  test.each(['src/session/macos-run.ts', 'src/session/macos-profile.ts'])(
    '%s loads nothing of Linux',
    (entry) => {
      const paths = loadedWith(entry);
      expect(beneath(paths, 'platform/macos/').length).toBeGreaterThan(5);
      expect(beneath(paths, 'linux')).toEqual([]);
    },
  );

  test('share what answers for a running session, which loads neither', () => {
    const paths = loadedWith('src/session/control-server.ts');
    expect(paths.size).toBeGreaterThan(5);
    expect(beneath(paths, 'platform/')).toEqual([]);
  });
});

describe('the dependency rule', () => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['src/policy/a.ts', "import type { B } from '../errors.ts';", undefined],
    ['src/session/a.ts', "import { b } from '../platform/linux/b.ts';", undefined],
    [
      'src/platform/linux/a.ts',
      "import data from '../../../native/seccomp/b.json' with { type: 'json' };",
      undefined,
    ],
    ['src/policy/a.ts', "import fs from 'node:fs';", 'policy imports nothing from outside src/'],
    ['src/policy/a.ts', "import type { B } from '../config/b.ts';", 'policy must not import config'],
    ['src/config/a.ts', "export { b } from '../host/b.ts';", 'config must not import host'],
    ['src/platform/a.ts', "import { b } from '../session/b.ts';", 'platform must not import session'],
    ['src/network/a.ts', "import { b } from '../platform/linux/b.ts';", 'network must not import platform'],
    ['src/violations/a.ts', "import fs from 'node:fs';", 'violations imports nothing from outside src/'],
    ['src/audit/a.ts', "import fs from 'node:fs';", 'audit imports nothing from outside src/'],
    ['src/audit/a.ts', "import { b } from '../violations/b.ts';", undefined],
    ['src/audit/a.ts', "import { b } from '../network/b.ts';", 'audit must not import network'],
    ['src/session/a.ts', "import { b } from '../audit/b.ts';", 'session must not import audit'],
    ['src/cli/a.ts', "import { b } from '../audit/b.ts';", undefined],
    ['src/sandbox/a.ts', "import { b } from '../session/b.ts';", undefined],
    ['src/session/a.ts', "import { b } from '../sandbox/b.ts';", 'session must not import sandbox'],
    ['src/doctor/guarantees/a.ts', "import { b } from '../../session/b.ts';", undefined],
    ['src/doctor/a.ts', "import { b } from '../cli/b.ts';", 'doctor must not import cli'],
    ['src/doctor/a.ts', "import { b } from '../sandbox/b.ts';", 'doctor must not import sandbox'],
    ['src/session/a.ts', "import { b } from '../doctor/b.ts';", 'session must not import doctor'],
    ['src/session/a.ts', "const b = await import('../cli/b.ts');", 'session must not import cli'],
    ['src/index.ts', "export { b } from './cli/b.ts';", 'index must not import cli'],
    ['src/platform/linux/a.ts', "import { b } from '../macos/b.ts';", 'the backends never meet'],
    [
      'src/utilities/a.ts',
      "import { b } from '../errors.ts';",
      'src/utilities/a.ts is in no layer that the rule knows',
    ],
  ];

  test.each(cases)('in %s judges %s', (path, text, why) => {
    expect(edges(new Map([[path, `\n${text}`]])).map(offence)).toEqual([why]);
  });

  test('finds every way to the outside world, and only outside src/cli/', () => {
    const text = [
      'console.log(1);',
      'process.exit(1);',
      'const { env } = process;',
      'use(process.env.HOME, process.pid);',
      "import { argv } from 'node:process';",
    ].join('\n');
    expect(worldly(new Map([['src/host/a.ts', text]]))).toEqual([
      'src/host/a.ts:1 uses console.log',
      'src/host/a.ts:2 uses process.exit',
      'src/host/a.ts:3 uses process',
      'src/host/a.ts:4 uses process.env',
      "src/host/a.ts:5 uses 'node:process'",
    ]);
    expect(worldly(new Map([['src/cli/a.ts', text]]))).toEqual([]);
  });
});

/** What each limit is worth, by what is there to keep it. */
import { expect, test } from 'vitest';
import type { LimitName } from '../../policy/types.ts';
import { type LimitMeans, limitStatus } from './limit-status.ts';

const origin = { scope: 'flag', text: '--limit' } as const;
const bare: LimitMeans = {
  uid: 1000,
  group: new Set(),
  counted: false,
  without: 'none was delegated',
  namespaces: true,
  privateHome: true,
  output: { counted: true, uncounted: [] },
};

function stateOf(name: LimitName, means: Partial<LimitMeans>): string | undefined {
  return limitStatus({ limits: { [name]: { value: 1, origin } } }, { ...bare, ...means })[0]?.state;
}

test('a control group keeps memory and processes in full', () => {
  const means = { group: new Set(['memory', 'pids'] as const), counted: true };
  expect(['memory', 'processes', 'cpuTime'].map((name) => stateOf(name as LimitName, means))).toEqual([
    'full',
    'full',
    'full',
  ]);
});

test('what is only measured is partial', () => {
  expect(stateOf('memory', {})).toBe('partial');
  expect(stateOf('cpuTime', {})).toBe('partial');
  expect(stateOf('processes', { uid: 0 })).toBe('partial');
  expect(stateOf('processes', { namespaces: false })).toBe('partial');
});

test('RLIMIT_NPROC keeps the processes of an ordinary user in full', () => {
  expect(stateOf('processes', {})).toBe('full');
});

test('temporary files have no limit where nothing can be mounted', () => {
  expect(stateOf('temporaryFiles', {})).toBe('full');
  expect(stateOf('temporaryFiles', { namespaces: false })).toBe('none');
});

test('a disk is only measured, and not at all where nothing private is on one', () => {
  expect(stateOf('disk', {})).toBe('partial');
  expect(stateOf('disk', { privateHome: false, namespaces: false })).toBe('partial');
  expect(stateOf('disk', { privateHome: false })).toBe('none');
});

test('output is kept as far as it is relayed', () => {
  const uncounted = ['what is written to a terminal'];
  expect(stateOf('output', {})).toBe('full');
  expect(stateOf('output', { output: { counted: true, uncounted } })).toBe('partial');
  expect(stateOf('output', { output: { counted: false, uncounted } })).toBe('none');
});

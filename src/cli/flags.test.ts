import { describe, expect, test } from 'vitest';
import type { SandboxError } from '../errors.ts';
import type { OptionValues } from './command.ts';
import { flagLayer, type POLICY_FLAGS } from './flags.ts';

type Options = OptionValues<typeof POLICY_FLAGS>;

const nothing: Options = {
  mode: undefined,
  project: undefined,
  allow: [],
  deny: [],
  net: undefined,
  'allow-domain': [],
  'allow-socket': [],
  profile: undefined,
  context: undefined,
  env: [],
  limit: [],
  settings: undefined,
  'accept-weaker': false,
  'unsafe-allow-broad': false,
};

const layer = (options: Partial<Options>) => flagLayer({ ...nothing, ...options }, '/here/sub');
const origin = (text: string) => ({ scope: 'flag', text });

test('no flags make no layer', () => {
  expect(layer({})).toBeUndefined();
});

test('paths are meant from the working directory, and keep how they were written', () => {
  expect(layer({ allow: ['../lib:ro', 'out', '/abs:rw', '~/data', 'a:b'], deny: ['**/.env'] })).toEqual({
    scope: 'flag',
    trusted: true,
    allowedPaths: [
      { value: { path: '/here/lib', mode: 'read' }, origin: origin('--allow ../lib:ro') },
      { value: { path: '/here/sub/out', mode: 'write' }, origin: origin('--allow out') },
      { value: { path: '/abs', mode: 'write' }, origin: origin('--allow /abs:rw') },
      { value: { path: '~/data', mode: 'write' }, origin: origin('--allow ~/data') },
      { value: { path: '/here/sub/a:b', mode: 'write' }, origin: origin('--allow a:b') },
    ],
    deniedPaths: [{ value: '/here/sub/**/.env', origin: origin('--deny **/.env') }],
  });
});

test('the value of a variable does not reach its origin', () => {
  expect(layer({ env: ['TOKEN=s3cret=x', 'EDITOR', 'EMPTY='] })?.environment).toEqual({
    pass: [{ value: 'EDITOR', origin: origin('--env EDITOR') }],
    set: {
      TOKEN: { value: 's3cret=x', origin: origin('--env TOKEN=…') },
      EMPTY: { value: '', origin: origin('--env EMPTY=…') },
    },
  });
});

test('limits are read in the units of the settings', () => {
  expect(layer({ limit: ['memory=4GiB', 'wallTime=2h', 'processes=512'] })?.limits).toMatchObject({
    memory: { value: 4 * 1024 ** 3 },
    wallTime: { value: 7200 },
    processes: { value: 512 },
  });
});

describe('refuses with ERR_USAGE', () => {
  test.each<[Partial<Options>, string]>([
    [{ allow: [''] }, 'Cannot use --allow '],
    [{ allow: ['src/**/*.ts'] }, 'Cannot use --allow src/**/*.ts'],
    [{ deny: ['a[b'] }, 'Cannot use --deny a[b'],
    [{ env: ['A B=1'] }, 'Cannot use --env A B=…'],
    [{ env: ['=1'] }, 'Cannot use --env =…'],
    [{ limit: ['memroy=1GiB'] }, 'Cannot use --limit memroy=1GiB'],
    [{ limit: ['memory=lots'] }, 'Cannot use --limit memory=lots'],
    [{ limit: ['memory'] }, 'Cannot use --limit memory'],
    [{ 'allow-domain': ['*'] }, 'Cannot use --allow-domain *'],
  ])('%j', (options, what) => {
    expect(() => layer(options)).toThrow(
      expect.objectContaining({ code: 'ERR_USAGE', what }) as SandboxError,
    );
  });
});

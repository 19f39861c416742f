/** Claims about the example of the settings reference and about what a valid file becomes. */
import { expect, test } from 'vitest';
import { SETTINGS_EXAMPLE } from '../../test/fixtures/settings-world.ts';
import { interpretSettings } from './interpretation.ts';

const places = { projectDir: '/p', homeDir: '/home/you' };

test.each(['claude', 'project', 'local', 'user', 'managed', 'flag'] as const)(
  'the example is valid as it stands in a %s file',
  (scope) => {
    const file = '/p/settings.json';
    const meaning = interpretSettings({ scope, file, text: SETTINGS_EXAMPLE, trusted: true, places });
    const at = (line: number, column: number, text: string, profile?: string) => ({
      scope,
      file,
      line,
      column,
      text,
      ...(profile && { profile }),
    });
    expect(meaning).toMatchObject({ kind: 'valid', notices: [] });
    expect(meaning.kind === 'valid' && meaning.layer).toEqual({
      scope,
      file,
      trusted: true,
      enabled: { value: true, origin: at(3, 16, 'true') },
      mode: { value: 'strict', origin: at(4, 13, '"strict"') },
      allowedPaths: [
        {
          value: { path: '/Users/you/projects/current-project', mode: 'write' },
          origin: at(6, 7, '"/Users/you/projects/current-project"'),
        },
        {
          value: { path: '/Users/you/projects/legacy-app', mode: 'read' },
          origin: at(7, 7, '"/Users/you/projects/legacy-app"'),
        },
        {
          value: { path: '~/data', mode: 'read', expires: '2026-12-01', reason: 'import task' },
          origin: at(8, 7, '"~/data"'),
        },
      ],
      deniedPaths: [
        { value: '**/.env', origin: at(10, 21, '"**/.env"') },
        { value: './secrets', origin: at(10, 32, '"./secrets"') },
      ],
      networkAccess: { value: 'none', origin: at(11, 22, '"none"') },
      allowedDomains: [
        { value: 'api.example.com', origin: at(12, 24, '"api.example.com"') },
        { value: '*.github.com:443', origin: at(12, 43, '"*.github.com:443"') },
      ],
      deniedDomains: [{ value: 'gist.github.com', origin: at(13, 23, '"gist.github.com"') }],
      environment: {
        pass: [{ value: 'EDITOR', origin: at(14, 31, '"EDITOR"') }],
        set: { CI: { value: '1', origin: at(14, 57, '"1"') } },
        drop: [{ value: 'FOO', origin: at(14, 73, '"FOO"') }],
      },
      limits: {
        memory: { value: 4 * 1024 ** 3, origin: at(15, 27, '"4GiB"') },
        processes: { value: 512, origin: at(15, 48, '512') },
        openFiles: { value: 4096, origin: at(15, 66, '4096') },
        wallTime: { value: 7200, origin: at(15, 84, '"2h"') },
      },
      profiles: {
        finance: {
          scope,
          file,
          trusted: true,
          mode: { value: 'strict', origin: at(16, 40, '"strict"', 'finance') },
        },
        research: {
          scope,
          file,
          trusted: true,
          mode: { value: 'permissive', origin: at(16, 74, '"permissive"', 'research') },
        },
      },
    });
  },
);

/** Owns the one description of the `sandbox` object: validator, JSON Schema, reference and key listing come from it. */

import { CACHE_PRESETS } from '../policy/cache-presets.ts';
import type { LimitName, MacService } from '../policy/types.ts';
import type { LIMITS } from './quantities.ts';

export type TextFormat =
  | 'allowed-path'
  | 'denied-path'
  | 'allowed-socket'
  | 'allowed-host'
  | 'denied-host'
  | 'proxy'
  | 'variable'
  | 'variable-value'
  | 'date'
  | 'prose'
  | 'profile-name';

export type Shape =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  | { readonly kind: 'text'; readonly format: TextFormat }
  | { readonly kind: 'limit'; readonly name: LimitName }
  /** A number of 1 to 65535. */
  | { readonly kind: 'port' }
  /** `most`: how many entries it may have; default: any number. */
  | { readonly kind: 'list'; readonly items: Shape; readonly most?: number }
  | { readonly kind: 'record'; readonly keys: TextFormat; readonly values: Shape }
  | ObjectShape
  /** Another product's value, which Pinfold does not read. */
  | { readonly kind: 'foreign' }
  /** A string, or an object that says more. */
  | { readonly kind: 'entry'; readonly text: Shape & { kind: 'text' }; readonly object: ObjectShape };

export interface ObjectShape {
  readonly kind: 'object';
  readonly fields: Readonly<Record<string, Field>>;
  readonly required?: readonly string[];
}

export interface Field {
  readonly shape: Shape;
  /** One or two sentences for the reference and for editors. */
  readonly summary: string;
  /** What holds when no file says anything, as words; absent: nothing. */
  readonly fallback?: string;
  /** As JSON. */
  readonly example: string;
}

/**
 * With each path that may be written come the names in it from which the host runs code, and every start weighs all of these rules
 * against each other: ten thousand entries would take minutes.
 */
const MOST_ALLOWED_PATHS = 1000;

const text = (format: TextFormat) => ({ kind: 'text', format }) as const;
const listOf = (items: Shape) => ({ kind: 'list', items }) as const;
const limit = (name: LimitName, example: string, summary: string): Field => ({
  shape: { kind: 'limit', name },
  summary,
  example,
});

const allowedSocket: Shape = {
  kind: 'entry',
  text: text('allowed-socket'),
  object: {
    kind: 'object',
    required: ['path'],
    fields: {
      path: {
        shape: text('allowed-socket'),
        summary: 'The socket.',
        example: '"/run/postgresql/.s.PGSQL.5432"',
      },
      expires: {
        shape: text('date'),
        summary: 'After this day, or from this date-time on, the entry is ignored, and reported.',
        example: '"2026-12-01"',
      },
      reason: {
        shape: text('prose'),
        summary: 'Why it is needed; shown by `explain` and `audit`.',
        example: '"the test database"',
      },
    },
  },
};

const allowedPath: Shape = {
  kind: 'entry',
  text: text('allowed-path'),
  object: {
    kind: 'object',
    required: ['path'],
    fields: {
      path: {
        shape: text('allowed-path'),
        summary: 'The directory or file; everything beneath it is covered.',
        example: '"~/data"',
      },
      mode: {
        shape: { kind: 'choice', of: ['read', 'write'] },
        summary: '`read` shows it read-only; `write` includes reading, creating and removing.',
        fallback: 'write',
        example: '"read"',
      },
      expires: {
        shape: text('date'),
        summary: 'After this day, or from this date-time on, the entry is ignored, and reported.',
        example: '"2026-12-01"',
      },
      reason: {
        shape: text('prose'),
        summary: 'Why it is needed; shown by `explain` and `audit`.',
        example: '"import task"',
      },
    },
  },
};

const environment: ObjectShape = {
  kind: 'object',
  fields: {
    pass: {
      shape: listOf(text('variable')),
      summary: 'Variables handed in although they would be scrubbed as secrets.',
      example: '["EDITOR"]',
    },
    set: {
      shape: { kind: 'record', keys: 'variable', values: text('variable-value') },
      summary: 'Variables set to a value inside.',
      example: '{ "CI": "1" }',
    },
    drop: { shape: listOf(text('variable')), summary: 'Variables kept outside.', example: '["FOO"]' },
  },
};

const limits: ObjectShape = {
  kind: 'object',
  fields: {
    memory: limit(
      'memory',
      '"4GiB"',
      'Memory that may be used: by all processes together in a control group, else by each, and the sum is watched.',
    ),
    processes: limit('processes', '512', 'Number of processes and threads.'),
    openFiles: limit('openFiles', '4096', 'Files open at one time in a process.'),
    wallTime: limit('wallTime', '"2h"', 'Time until the session is ended.'),
    cpuTime: limit('cpuTime', '"30m"', 'Processor time that all processes may use together.'),
    fileSize: limit('fileSize', '"10GiB"', 'Size of any one file that is written.'),
    temporaryFiles: limit(
      'temporaryFiles',
      '"1GiB"',
      'Bytes in each private temporary place: `/tmp`, `/var/tmp`, `/run`, `/dev/shm`, and the layer over a shared cache.',
    ),
    disk: limit(
      'disk',
      '"5GiB"',
      'Bytes that the private home may hold, and the temporary directory where it is on a disk; what it held before counts.',
    ),
    output: limit(
      'output',
      '"100MiB"',
      'Bytes that commands may write to their output and errors, all together; terminals are not counted.',
    ),
    upload: limit(
      'upload',
      '"500MiB"',
      'Bytes that may be sent beyond the sandbox, over all its connections; kept by the egress gate, not by the kernel.',
    ),
  } satisfies Record<keyof typeof LIMITS, Field>,
};

const MAC_SERVICES: readonly MacService[] = ['tls', 'keychain', 'chromium', 'preferences'];
const caches: ObjectShape = {
  kind: 'object',
  fields: Object.fromEntries(
    CACHE_PRESETS.map(({ name, directories, layered }): [string, Field] => [
      name,
      {
        shape: { kind: 'choice', of: ['private', 'shared'] },
        summary: `\`shared\` shows ${directories.map(({ path }) => `\`~/${path}\``).join(' and ')} ${
          layered ? 'beneath a layer of the session, which takes what is written' : 'read-only'
        }.`,
        fallback: 'private',
        example: '"shared"',
      },
    ]),
  ),
};

/** What a profile may hold too. */
const profileFields: Readonly<Record<string, Field>> = {
  enabled: {
    shape: { kind: 'boolean' },
    summary:
      'With `false`, `pinfold run` refuses to start unless `--sandbox` is given. It never means: run unconfined.',
    fallback: 'true',
    example: 'true',
  },
  mode: {
    shape: { kind: 'choice', of: ['strict', 'standard', 'permissive'] },
    summary: 'What the boundary is before anything else is said.',
    fallback: 'standard',
    example: '"strict"',
  },
  monitor: {
    shape: { kind: 'choice', of: ['full', 'acts', 'off'] },
    summary:
      'How much is seen of what is refused. `full`: who looks at hidden files, by a small file system over them, and acts on what may not be changed; `acts`: only these; `off`: only guarded names and the network. Nothing is allowed or refused by it.',
    fallback: 'full',
    example: '"acts"',
  },
  acceptWeaker: {
    shape: { kind: 'boolean' },
    summary:
      'With `true`, commands run also on a host that allows no namespaces, without the guarantees that Landlock and seccomp alone cannot give; each is named. With `false` they are refused there. In the managed file `false` forbids it to everybody.',
    fallback: 'false',
    example: 'true',
  },
  allowedPaths: {
    shape: { ...listOf(allowedPath), most: MOST_ALLOWED_PATHS },
    summary:
      'Paths opened on top of the mode. A string is read and write; relative ones are relative to the project. At most 1000.',
    example: '["~/data"]',
  },
  deniedPaths: {
    shape: listOf(text('denied-path')),
    summary:
      'Paths that stay shut; `*`, `?`, `[…]`, `{a,b}` and `**` are patterns. The most specific rule wins, and at equal depth deny beats allow.',
    example: '["**/.env", "./secrets"]',
  },
  allowedSockets: {
    shape: listOf(allowedSocket),
    summary:
      'Unix stream sockets of the host that are opened, each by its own path. Pinfold relays the connections and counts them; descriptors never pass. What the service does for whoever asks, it does for the sandbox.',
    example: '["/run/postgresql/.s.PGSQL.5432"]',
  },
  networkAccess: {
    shape: { kind: 'choice', of: ['none', 'local', 'filtered'] },
    summary:
      '`none`: no network. `local`: loopback services of the host. `filtered`: only the domains allowed.',
    fallback: 'none in strict, local in standard, filtered in permissive',
    example: '"none"',
  },
  allowedDomains: {
    shape: listOf(text('allowed-host')),
    summary:
      'Hosts that may be reached, each with an optional `:port`. `*.example.com` means subdomains and not the apex. `@registries`, `@remotes` and `@models` stand for the hosts of the project’s package registries, its git remotes and the installed agents’ models; what files name of them counts after `pinfold trust`.',
    example: '["api.example.com", "*.github.com:443", "@registries"]',
  },
  deniedDomains: {
    shape: listOf(text('denied-host')),
    summary:
      'Hosts that may not be reached. The most specific rule wins, and at equal depth deny beats allow.',
    example: '["gist.github.com"]',
  },
  localPorts: {
    shape: listOf({ kind: 'port' }),
    summary:
      'The only ports of the host’s loopback that `local` may use. A port that is listed may be used even if its service runs code for whoever asks (9229, 2375 …).',
    fallback: 'all but the ports of such services, name servers, mail and proxies',
    example: '[5432, 6379]',
  },
  upstreamProxy: {
    shape: text('proxy'),
    summary:
      'The HTTP proxy that allowed connections go through: its address (`http://user:password@host:port`), or `environment` for what HTTPS_PROXY, HTTP_PROXY and ALL_PROXY name on the host. NO_PROXY is honoured. It resolves the names, so there addresses are not checked.',
    fallback: 'none, whatever the variables say',
    example: '"http://proxy.example.com:3128"',
  },
  macServices: {
    shape: listOf({ kind: 'choice', of: MAC_SERVICES }),
    summary:
      'Groups of services that programs inside may ask, on macOS only: `tls` (Go programs check certificates with it), `keychain`, `chromium`, `preferences`. What each opens is in docs/macos.md.',
    fallback: 'none of them',
    example: '["tls"]',
  },
  environment: {
    shape: environment,
    summary: 'Environment variables inside.',
    example: '{ "pass": ["EDITOR"] }',
  },
  caches: {
    shape: caches,
    summary:
      'Whose cache a package manager uses: one of the project (`private`), or the host’s, to be read and not written (`shared`).',
    example: '{ "npm": "shared" }',
  },
  limits: {
    shape: limits,
    summary: 'Ceilings on what the session may use.',
    example: '{ "memory": "4GiB" }',
  },
};

export const PROFILE_SHAPE: ObjectShape = { kind: 'object', fields: profileFields };

/** The `sandbox` object. */
export const SANDBOX_SHAPE: ObjectShape = {
  kind: 'object',
  fields: {
    ...profileFields,
    profiles: {
      shape: { kind: 'record', keys: 'profile-name', values: PROFILE_SHAPE },
      summary: 'Named variants, chosen with `--profile`: the same keys, without `profiles`.',
      example: '{ "research": { "mode": "permissive" } }',
    },
  },
};

/** Own keys only: `constructor` and `__proto__` name nothing here. */
export function fieldOf(shape: ObjectShape, key: string): Field | undefined {
  return Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
}

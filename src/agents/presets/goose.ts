/** goose. */
import type { AgentPreset } from '../preset.ts';
import { PROVIDER_BASE_URLS, PROVIDER_VARIABLES, PROVIDERS } from '../providers.ts';

export const goose: AgentPreset = {
  name: 'goose',
  title: 'goose',
  commands: ['goose'],
  places: ['.local/bin'],
  login: [{ path: '.config/goose/secrets.yaml', rotates: [] }],
  config: [
    { path: '.config/goose/config.yaml', as: 'copied' },
    { path: '.config/goose/permission.yaml', as: 'copied' },
    { path: '.config/goose/.goosehints', as: 'shown' },
    { path: '.config/goose/recipes', as: 'shown' },
  ],
  state: ['.config/goose', '.local/share/goose', '.local/state/goose'],
  hosts: { model: [], login: [], telemetry: ['us.i.posthog.com'] },
  providers: PROVIDERS,
  environment: {
    pass: [
      ...PROVIDER_VARIABLES,
      'GOOSE_PROVIDER',
      'GOOSE_MODEL',
      'GOOSE_MODE',
      'OPENAI_HOST',
      'ANTHROPIC_HOST',
    ],
    baseUrls: [...PROVIDER_BASE_URLS, 'OPENAI_HOST', 'ANTHROPIC_HOST'],
    // No keyring can be asked inside.
    set: { GOOSE_DISABLE_KEYRING: '1', GOOSE_TELEMETRY_ENABLED: 'false' },
  },
  verified: 'Not run. Files, variables and hosts are from its documentation.',
};

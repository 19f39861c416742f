/** opencode. */
import type { AgentPreset } from '../preset.ts';
import { PROVIDER_BASE_URLS, PROVIDER_VARIABLES, PROVIDERS } from '../providers.ts';

export const opencode: AgentPreset = {
  name: 'opencode',
  title: 'opencode',
  commands: ['opencode'],
  places: ['.opencode/bin', '.local/bin'],
  login: [{ path: '.local/share/opencode/auth.json', rotates: ['*.access', '*.refresh', '*.expires'] }],
  config: [
    // The directory takes packages that it installs for its plugins, so files of it are named one by one.
    { path: '.config/opencode/opencode.json', as: 'copied' },
    { path: '.config/opencode/opencode.jsonc', as: 'copied' },
    { path: '.config/opencode/config.json', as: 'copied' },
    { path: '.config/opencode/AGENTS.md', as: 'shown' },
    { path: '.config/opencode/agent', as: 'shown' },
    { path: '.config/opencode/command', as: 'shown' },
    { path: '.config/opencode/themes', as: 'shown' },
  ],
  state: ['.local/share/opencode', '.local/state/opencode', '.config/opencode', '.cache/opencode'],
  hosts: {
    // What it asks first: which models there are.
    model: ['models.dev', 'models.opencode.ai', 'opencode.ai'],
    login: ['auth.opencode.ai'],
    telemetry: [],
  },
  providers: PROVIDERS,
  environment: {
    pass: [...PROVIDER_VARIABLES, 'OPENCODE_CONFIG_CONTENT', 'OPENCODE_API_KEY'],
    baseUrls: PROVIDER_BASE_URLS,
    set: { OPENCODE_DISABLE_AUTOUPDATE: '1' },
  },
  verified:
    'Run (1.18.33): a session with a scripted model on loopback, with a key; it read, edited, ran commands and met the boundary. Signing in with an account was not tried.',
};

/** aider. */
import type { AgentPreset } from '../preset.ts';
import { PROVIDER_BASE_URLS, PROVIDER_VARIABLES, PROVIDERS } from '../providers.ts';

export const aider: AgentPreset = {
  name: 'aider',
  title: 'aider',
  commands: ['aider'],
  places: ['.local/bin'],
  login: [{ path: '.aider/oauth-keys.env', rotates: [] }],
  config: [
    { path: '.aider.conf.yml', as: 'shown' },
    { path: '.aider.model.settings.yml', as: 'shown' },
    { path: '.aider.model.metadata.json', as: 'shown' },
  ],
  state: ['.aider'],
  hosts: { model: [], login: [], telemetry: ['us.i.posthog.com', 'pypi.org'] },
  providers: PROVIDERS,
  environment: {
    pass: PROVIDER_VARIABLES,
    baseUrls: PROVIDER_BASE_URLS,
    set: { AIDER_ANALYTICS: 'false', AIDER_CHECK_UPDATE: 'false' },
  },
  verified:
    'Not run. Files, variables and hosts are from its documentation. It keeps its history in the project itself.',
};

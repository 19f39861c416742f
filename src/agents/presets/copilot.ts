/** GitHub Copilot CLI. */
import type { AgentPreset } from '../preset.ts';

export const copilot: AgentPreset = {
  name: 'copilot',
  title: 'Copilot CLI',
  commands: ['copilot'],
  places: ['.local/bin'],
  login: [
    // Where no keyring can be asked, as inside, it keeps its token in this file.
    {
      path: '.copilot/config.json',
      members: [
        'logged_in_users',
        'last_logged_in_user',
        'loggedInUsers',
        'lastLoggedInUser',
        'copilot_tokens',
        'copilotTokens',
      ],
      rotates: [],
    },
  ],
  config: [
    { path: '.copilot/mcp-config.json', as: 'shown' },
    { path: '.copilot/copilot-instructions.md', as: 'shown' },
    { path: '.copilot/agents', as: 'shown' },
    { path: '.copilot/skills', as: 'shown' },
  ],
  state: ['.copilot'],
  hosts: {
    model: ['api.github.com', 'api.githubcopilot.com', '*.githubcopilot.com'],
    login: ['github.com'],
    telemetry: ['copilot-telemetry.githubusercontent.com', 'collector.github.com'],
  },
  providers: [],
  environment: {
    // Not GH_TOKEN and GITHUB_TOKEN, which it would take too: they open more than Copilot.
    // The provider is a model of one's own (`copilot help providers`).
    pass: [
      'COPILOT_GITHUB_TOKEN',
      'COPILOT_MODEL',
      'COPILOT_PROVIDER_BASE_URL',
      'COPILOT_PROVIDER_TYPE',
      'COPILOT_PROVIDER_API_KEY',
      'COPILOT_PROVIDER_BEARER_TOKEN',
      'COPILOT_PROVIDER_WIRE_API',
      'COPILOT_PROVIDER_TRANSPORT',
      'COPILOT_PROVIDER_AZURE_API_VERSION',
      'COPILOT_PROVIDER_HEADERS',
      'COPILOT_PROVIDER_MODEL_ID',
      'COPILOT_PROVIDER_WIRE_MODEL',
      'COPILOT_PROVIDER_MAX_PROMPT_TOKENS',
      'COPILOT_PROVIDER_MAX_OUTPUT_TOKENS',
    ],
    baseUrls: ['COPILOT_PROVIDER_BASE_URL'],
    set: { COPILOT_AUTO_UPDATE: 'false' },
  },
  relocation: { variables: { COPILOT_HOME: '.copilot' }, directory: '.copilot' },
  verified:
    'Run (1.0.102): a session with a scripted model on loopback as its provider, with a key; it read, edited, ran commands and met the boundary. Signing in with an account was not tried.',
};

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
    pass: ['COPILOT_GITHUB_TOKEN', 'COPILOT_MODEL'],
    baseUrls: [],
    set: { COPILOT_AUTO_UPDATE: 'false' },
  },
  relocation: { variables: { COPILOT_HOME: '.copilot' }, directory: '.copilot' },
  verified: 'Not run: it is not open source. Files, variables and hosts are from its documentation.',
};

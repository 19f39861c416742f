/** Codex. */
import type { AgentPreset } from '../preset.ts';

export const codex: AgentPreset = {
  name: 'codex',
  title: 'Codex',
  commands: ['codex'],
  places: ['.local/bin'],
  login: [
    {
      path: '.codex/auth.json',
      rotates: ['tokens.id_token', 'tokens.access_token', 'tokens.refresh_token', 'last_refresh'],
    },
  ],
  config: [
    // It writes there which projects it trusts.
    { path: '.codex/config.toml', as: 'copied' },
    { path: '.codex/AGENTS.md', as: 'shown' },
    { path: '.codex/prompts', as: 'shown' },
    { path: '.codex/skills', as: 'shown' },
    { path: '.codex/rules', as: 'shown' },
  ],
  state: ['.codex'],
  hosts: {
    model: ['api.openai.com', 'chatgpt.com'],
    login: ['auth.openai.com'],
    telemetry: ['ab.chatgpt.com', '*.sentry.io'],
  },
  providers: [],
  environment: {
    pass: [
      'OPENAI_API_KEY',
      'OPENAI_BASE_URL',
      'OPENAI_ORGANIZATION',
      'OPENAI_PROJECT',
      'CODEX_API_KEY',
      'CODEX_ACCESS_TOKEN',
    ],
    baseUrls: ['OPENAI_BASE_URL'],
    set: {},
  },
  // Its approvals stay as they are.
  ownSandbox: { off: ['--config', 'sandbox_mode="danger-full-access"'] },
  relocation: { variables: { CODEX_HOME: '.codex' }, directory: '.codex' },
  verified:
    'Run (0.169.0): a session with a scripted model on loopback, with a key; it read, edited, ran commands and met the boundary. Signing in with an account was not tried.',
};

/** Gemini CLI. */
import type { AgentPreset } from '../preset.ts';

export const gemini: AgentPreset = {
  name: 'gemini',
  title: 'Gemini CLI',
  commands: ['gemini'],
  places: ['.local/bin'],
  login: [
    { path: '.gemini/oauth_creds.json', rotates: ['access_token', 'id_token', 'expiry_date'] },
    { path: '.gemini/google_accounts.json', rotates: [] },
    { path: '.gemini/installation_id', rotates: [] },
  ],
  config: [
    // It rewrites its settings when their form has changed.
    { path: '.gemini/settings.json', as: 'copied' },
    { path: '.gemini/GEMINI.md', as: 'shown' },
    { path: '.gemini/commands', as: 'shown' },
    { path: '.gemini/extensions', as: 'shown' },
    { path: '.gemini/policies', as: 'shown' },
  ],
  state: ['.gemini'],
  hosts: {
    model: ['generativelanguage.googleapis.com', 'cloudcode-pa.googleapis.com'],
    login: ['oauth2.googleapis.com', 'accounts.google.com', 'www.googleapis.com'],
    telemetry: ['play.googleapis.com'],
  },
  providers: [
    {
      variable: 'GOOGLE_GENAI_USE_VERTEXAI',
      hosts: ['aiplatform.googleapis.com', '*.aiplatform.googleapis.com'],
    },
  ],
  environment: {
    pass: [
      'GEMINI_API_KEY',
      'GOOGLE_API_KEY',
      'GOOGLE_GENAI_USE_VERTEXAI',
      'GOOGLE_GENAI_USE_GCA',
      'GOOGLE_CLOUD_PROJECT',
      'GOOGLE_CLOUD_LOCATION',
      'GOOGLE_GEMINI_BASE_URL',
    ],
    baseUrls: ['GOOGLE_GEMINI_BASE_URL'],
    set: {},
  },
  relocation: { variables: { GEMINI_CLI_HOME: '' }, directory: '.gemini' },
  verified:
    'Run (0.61.0): a session with a scripted model on loopback, with a key; it read, edited, ran commands and met the boundary. Signing in with an account was not tried.',
};

/** Cursor CLI. */
import type { AgentPreset } from '../preset.ts';

export const cursor: AgentPreset = {
  name: 'cursor',
  title: 'Cursor CLI',
  commands: ['cursor-agent'],
  places: ['.local/bin', '.cursor/bin'],
  login: [
    // Its login is renewed by way of a new sign-in, so nothing goes back.
    { path: '.config/cursor/auth.json', rotates: [] },
  ],
  config: [
    // It mends and rewrites the file itself.
    { path: '.cursor/cli-config.json', as: 'copied' },
    { path: '.cursor/mcp.json', as: 'shown' },
    { path: '.cursor/rules', as: 'shown' },
  ],
  state: ['.cursor', '.config/cursor'],
  hosts: {
    model: ['api2.cursor.sh', 'api5.cursor.sh', '*.api5.cursor.sh', 'api.cursor.com'],
    login: ['cursor.com', 'authenticator.cursor.sh'],
    telemetry: ['metrics.cursor.sh', '*.sentry.io'],
  },
  providers: [],
  environment: { pass: ['CURSOR_API_KEY', 'CURSOR_AUTH_TOKEN'], baseUrls: [], set: { NO_OPEN_BROWSER: '1' } },
  verified:
    'Not run: it is not open source. Files and variables are from its documentation; its hosts were seen in other people’s reports and may be incomplete.',
};

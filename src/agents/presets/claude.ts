/** Claude Code. */
import type { AgentPreset } from '../preset.ts';

export const claude: AgentPreset = {
  name: 'claude',
  title: 'Claude Code',
  commands: ['claude'],
  places: ['.local/bin', '.claude/local'],
  login: [
    {
      path: '.claude/.credentials.json',
      rotates: [
        'claudeAiOauth.accessToken',
        'claudeAiOauth.refreshToken',
        'claudeAiOauth.expiresAt',
        'claudeAiOauth.refreshTokenExpiresAt',
      ],
    },
    {
      // The same file holds MCP servers, and the prompts and permissions of every project: none of those.
      path: '.claude.json',
      members: [
        'oauthAccount',
        'userID',
        'hasCompletedOnboarding',
        'lastOnboardingVersion',
        'theme',
        'installMethod',
        'customApiKeyResponses',
        'primaryApiKey',
      ],
      rotates: [],
    },
  ],
  config: [
    { path: '.claude/settings.json', as: 'shown' },
    { path: '.claude/CLAUDE.md', as: 'shown' },
    { path: '.claude/commands', as: 'shown' },
    { path: '.claude/agents', as: 'shown' },
    { path: '.claude/skills', as: 'shown' },
    { path: '.claude/output-styles', as: 'shown' },
    { path: '.claude/plugins', as: 'shown' },
    { path: '.claude/hooks', as: 'shown' },
  ],
  state: ['.claude', '.claude.json', '.cache/claude'],
  hosts: {
    model: ['api.anthropic.com'],
    login: ['claude.ai', 'claude.com', 'platform.claude.com', 'console.anthropic.com'],
    telemetry: ['statsig.anthropic.com', '*.sentry.io', 'http-intake.logs.us5.datadoghq.com'],
  },
  providers: [],
  environment: {
    pass: [
      'ANTHROPIC_API_KEY',
      'ANTHROPIC_AUTH_TOKEN',
      'ANTHROPIC_BASE_URL',
      'ANTHROPIC_CUSTOM_HEADERS',
      'ANTHROPIC_MODEL',
      'ANTHROPIC_SMALL_FAST_MODEL',
      'ANTHROPIC_DEFAULT_HAIKU_MODEL',
      'ANTHROPIC_DEFAULT_SONNET_MODEL',
      'ANTHROPIC_DEFAULT_OPUS_MODEL',
      'CLAUDE_CODE_OAUTH_TOKEN',
      'CLAUDE_CODE_MAX_OUTPUT_TOKENS',
      'MAX_THINKING_TOKENS',
    ],
    baseUrls: ['ANTHROPIC_BASE_URL'],
    set: {
      DISABLE_TELEMETRY: '1',
      DISABLE_ERROR_REPORTING: '1',
      DISABLE_AUTOUPDATER: '1',
      // Notes of releases, marketplaces of plugins: hosts that stay closed.
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      // Without it `--dangerously-skip-permissions` is refused to root, though it is confined here.
      IS_SANDBOX: '1',
    },
  },
  // A project's `.claude/settings.json` may switch it on: the same object `sandbox` is read by Pinfold.
  ownSandbox: { off: ['--settings', '{"sandbox":{"enabled":false}}'], once: '--settings' },
  relocation: {
    variables: { CLAUDE_CONFIG_DIR: '.claude' },
    directory: '.claude',
    moved: { '.claude.json': '.claude/.claude.json' },
  },
  verified:
    'Run (2.1.332): sessions with a scripted model on loopback, with a key, without and with a terminal (suspended, continued, resumed); it read, edited, ran commands and met the boundary. Signing in with an account was not tried; a stand-in that keeps its files as it does (temporary file and rename, lock directory, raw terminal) is tested in every mode.',
};

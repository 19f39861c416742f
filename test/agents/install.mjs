/** Installs the agents that `npm run test:agents` runs, once, where every user may read them. Needs the network. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Exact, so that a failure is a change of ours. */
const PACKAGES = {
  '@anthropic-ai/claude-code': '2.1.332',
  '@github/copilot': '1.0.102',
  '@google/gemini-cli': '0.61.0',
  '@openai/codex': '0.169.0',
  'opencode-ai': '1.18.33',
};

const directory = process.env.PINFOLD_TEST_AGENTS ?? join(tmpdir(), 'pinfold-test-agents');
const commands = ['claude', 'codex', 'copilot', 'gemini', 'opencode'];
if (!commands.every((command) => existsSync(join(directory, 'node_modules/.bin', command)))) {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }));
  const { status } = spawnSync('npm', ['install', '--no-audit', '--no-fund'], {
    cwd: directory,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}

/** Installs the agents that `npm run test:agents` runs, once, where every user may read them. Needs the network. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Exact, so that a failure is a change of ours. */
const PACKAGES = { '@openai/codex': '0.169.0', '@google/gemini-cli': '0.61.0', 'opencode-ai': '1.18.33' };

const directory = process.env.PINFOLD_TEST_AGENTS ?? join(tmpdir(), 'pinfold-test-agents');
const commands = ['codex', 'gemini', 'opencode'];
if (!commands.every((command) => existsSync(join(directory, 'node_modules/.bin', command)))) {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }));
  const { status } = spawnSync('npm', ['install', '--no-audit', '--no-fund'], {
    cwd: directory,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}

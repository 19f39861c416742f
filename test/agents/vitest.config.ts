import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { TotalsReporter } from '../fixtures/totals-reporter.ts';

/** Real agents, installed from their registry by `test/agents/install.mjs`: slow, and apart from all other tests. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    name: 'agents',
    include: ['test/agents/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    reporters: ['default', new TotalsReporter()],
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});

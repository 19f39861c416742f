import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { TotalsReporter } from '../fixtures/totals-reporter.ts';

/** Tools that not every machine has, installed by `test/workloads/install.mjs`: slow, and apart from all other tests. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    name: 'workloads',
    include: ['test/workloads/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    reporters: ['default', new TotalsReporter()],
    testTimeout: 300_000,
    hookTimeout: 180_000,
  },
});

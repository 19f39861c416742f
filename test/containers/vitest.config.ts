import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { TotalsReporter } from '../fixtures/totals-reporter.ts';

/** Real containers, by programs that `test/containers/install.mjs` installs: slow, and apart from all other tests. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    name: 'containers',
    include: ['test/containers/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    reporters: ['default', new TotalsReporter()],
    testTimeout: 300_000,
    hookTimeout: 180_000,
  },
});

import { defineConfig } from 'vitest/config';
import { TotalsReporter } from './test/fixtures/totals-reporter.ts';

const timeouts = { testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    reporters: ['default', new TotalsReporter()],
    projects: [
      // Beside the source; needs neither a compiler nor a build.
      { test: { name: 'unit', include: ['src/**/*.test.ts'], ...timeouts } },
      // Whole-program tests; the global set-up builds and finds the users to run as.
      {
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          // They need what npm fetches: `npm run test:agents`.
          exclude: ['test/agents/**'],
          globalSetup: ['test/global-setup.ts'],
          ...timeouts,
        },
      },
    ],
  },
});

import { existsSync, readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { TotalsReporter } from './test/fixtures/totals-reporter.ts';

/** Long, since no claim is about time: a machine that others use too may be ten times as slow as it was a moment ago. */
const timeouts = {
  testTimeout: 120_000,
  hookTimeout: 180_000,
  expect: { poll: { timeout: 60_000, interval: 20 } },
};

/**
 * In CI a test that gave no answer in its time is asked once more, and named at the end; one that gave a wrong answer never is. What
 * waits for programs that we did not write (shells, editors, compilers) may hang with them.
 */
const retry = process.env.CI ? { count: 1, condition: /^Test timed out in / } : 0;

/**
 * They join network namespaces by a cable, make a device node or a host to try on, or do outside what only root may. In CI they always run, and fail
 * where they cannot.
 */
const NEEDS_ROOT = [
  'test/escape/{network-{attacks,attacks-tier,direct,inside,names,tier},{proxy,service,socks}-attacks}.test.ts',
  'test/escape/{supervisor,inherited,resource}-attacks.test.ts',
  'test/e2e/{control-groups,doctor-weakened,grants,keeps-working,keeps-working-network,network-clients,tripwire}.test.ts',
];
/** What needs more than a machine of ours has at hand (`npm run test:agents`, `test:workloads`): folders with a configuration of their own. */
const OWN_LANES = readdirSync(new URL('test', import.meta.url))
  .filter((folder) => existsSync(new URL(`test/${folder}/vitest.config.ts`, import.meta.url)))
  .map((folder) => `test/${folder}/**`);
const leftOut = process.getuid?.() === 0 || process.env.CI ? [] : NEEDS_ROOT;
if (leftOut.length > 0) console.error(`left out, since they need root: ${leftOut.join(' ')}`);

export default defineConfig({
  test: {
    reporters: ['default', new TotalsReporter()],
    projects: [
      // Beside the source; needs neither a compiler nor a build.
      { test: { name: 'unit', include: ['src/**/*.test.ts'], retry, ...timeouts } },
      // Whole-program tests; the global set-up builds and finds the users to run as.
      {
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: [...leftOut, ...OWN_LANES],
          globalSetup: ['test/global-setup.ts'],
          retry,
          ...timeouts,
        },
      },
    ],
  },
});

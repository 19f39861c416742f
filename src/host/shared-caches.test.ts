import { rename, symlink } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { makeTree, policyOf, rule } from './host.fixture.ts';
import { resolvePolicy } from './resolve.ts';
import { refuseExchanged } from './shared-caches.ts';

test('a part of a cache that became a link since it was judged is not shown', async () => {
  await using tree = await makeTree(['cache/files/', 'secret/']);
  const path = tree.at('cache/files');
  const policy = policyOf([rule(path, 'read')]);
  const led = { name: 'cache of gradle', paths: [path], credentials: [], environment: {} };
  const judged = [{ ...led, mounted: true as const }];
  refuseExchanged(resolvePolicy(policy), judged);
  await rename(path, tree.at('away'));
  await symlink(tree.at('secret'), path);
  const followed = resolvePolicy(policy);
  expect(followed.rules).toMatchObject([{ resolved: tree.at('secret') }]);
  expect(() => refuseExchanged(followed, judged)).toThrow(
    expect.objectContaining({
      code: 'ERR_PATH_SYMLINK_UNTRUSTED',
      why: `${path} was exchanged for a symbolic link while the run started`,
    }),
  );
  // Links of the tool chains themselves, which nobody judged, are followed.
  refuseExchanged(followed, [led]);
});

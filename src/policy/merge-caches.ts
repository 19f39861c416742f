/** Which caches of the host are shown: `caches` of all layers, the strongest word on each tool. */

import type { CacheManner } from './cache-presets.ts';
import { ceilingNotice, untrustedNotice } from './merge-paths.ts';
import type { Notice, Policy, SettingsLayer, Sourced } from './types.ts';

/** `layers`: weakest first. What is not said is private. */
export function mergeCaches(layers: readonly SettingsLayer[], notices: Notice[]): Pick<Policy, 'caches'> {
  const merged: Record<string, Sourced<CacheManner>> = Object.create(null);
  for (const layer of layers) {
    for (const [name, said] of Object.entries(layer.caches ?? {})) {
      const before = merged[name];
      const widens = said.value === 'shared' && before?.value !== 'shared';
      const what = `the shared cache of ${name}`;
      // The administrator's word caps and never raises.
      if (layer.scope === 'managed') {
        if (said.value === 'private' && before?.value === 'shared')
          notices.push(ceilingNotice(before.origin, what));
        if (said.value === 'private') merged[name] = said;
      } else if (widens && !layer.trusted) notices.push(untrustedNotice(said.origin, what));
      else merged[name] = said;
    }
  }
  return Object.keys(merged).length === 0 ? {} : { caches: merged };
}

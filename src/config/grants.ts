/** Owns the answer to "what could this file widen": entry by entry, for the question of trust. */
import { SERVICE_PORTS } from '../policy/service-ports.ts';
import type { Origin, SettingsLayer, Sourced } from '../policy/types.ts';

export interface Grant {
  /** Where it stands: `profiles.research.mode`. */
  readonly key: string;
  readonly origin: Origin;
  /** `default`: wider than the default; `stricter-settings`: wider only where the person's own settings are stricter. */
  readonly widens: 'default' | 'stricter-settings';
}

function grantsOfScalars(layer: SettingsLayer, prefix: string): Grant[] {
  const grants: Grant[] = [];
  const add = (key: string, value: Sourced<unknown> | undefined, widens: Grant['widens']): void => {
    if (value !== undefined) {
      grants.push({ key: prefix + key, origin: value.origin, widens });
    }
  };
  // It never runs a command unconfined, but it takes the boundary away from whoever then runs it without Pinfold.
  if (layer.enabled?.value === false) {
    add('enabled', layer.enabled, 'default');
  }
  if (layer.acceptWeaker?.value) {
    add('acceptWeaker', layer.acceptWeaker, 'default');
  }
  if (layer.monitor?.value !== 'full') {
    add('monitor', layer.monitor, 'default');
  }
  if (layer.mode?.value !== 'strict') {
    add('mode', layer.mode, layer.mode?.value === 'permissive' ? 'default' : 'stricter-settings');
  }
  if (layer.networkAccess?.value !== 'none') {
    add(
      'networkAccess',
      layer.networkAccess,
      layer.networkAccess?.value === 'filtered' ? 'default' : 'stricter-settings',
    );
  }
  for (const [name, value] of Object.entries(layer.limits ?? {})) {
    add(`limits.${name}`, value, 'stricter-settings');
  }
  return grants;
}

/**
 * Everything in `layer` that is not sure to tighten, whatever the other files say. An entry that has expired counts: the
 * clock is not part of the content that is trusted.
 */
export function grantsOf(layer: SettingsLayer, prefix = ''): Grant[] {
  const listed = (key: string, entries: readonly Sourced<unknown>[] = []): Grant[] =>
    entries.map(({ origin }) => ({ key: prefix + key, origin, widens: 'default' }));
  const { environment } = layer;
  return [
    ...grantsOfScalars(layer, prefix),
    ...listed('allowedPaths', layer.allowedPaths),
    ...listed('allowedSockets', layer.allowedSockets),
    ...listed('allowedDomains', layer.allowedDomains),
    ...(layer.localPorts ?? []).map(
      ({ value, origin }): Grant => ({
        key: `${prefix}localPorts`,
        origin,
        widens: SERVICE_PORTS.has(value) ? 'default' : 'stricter-settings',
      }),
    ),
    ...listed('macServices', layer.macServices),
    // Whoever names the proxy sees every name that is dialled, and answers for it.
    ...listed('upstreamProxy', layer.upstreamProxy && [layer.upstreamProxy]),
    ...Object.entries(layer.caches ?? {}).flatMap(([name, said]) =>
      said.value === 'shared' ? listed(`caches.${name}`, [said]) : [],
    ),
    ...listed('environment.pass', environment?.pass),
    ...Object.entries(environment?.set ?? {}).flatMap(([name, value]) =>
      listed(`environment.set.${name}`, [value]),
    ),
    ...Object.entries(layer.profiles ?? {}).flatMap(([name, profile]) =>
      grantsOf(profile, `${prefix}profiles.${name}.`),
    ),
  ];
}

/** Owns the merge of `localPorts`: the one list that narrows what a mode gives. */
import { ceilingNotice, untrustedNotice } from './merge-paths.ts';
import { SERVICE_PORTS } from './service-ports.ts';
import type { Notice, SettingsLayer, Sourced } from './types.ts';

/**
 * What the person's files list together. A file that nobody trusts only takes away from that, or from all but the service
 * ports, and so does the administrator's.
 */
export function localPorts(
  layers: readonly SettingsLayer[],
  notices: Notice[],
): readonly Sourced<number>[] | undefined {
  const said = layers.filter((layer) => layer.localPorts !== undefined);
  const granting = said.filter(({ trusted, scope }) => trusted && scope !== 'managed');
  let ports = granting.length === 0 ? undefined : granting.flatMap((layer) => layer.localPorts ?? []);
  for (const { scope, localPorts: listed = [] } of said.filter((layer) => !granting.includes(layer))) {
    const values = listed.map(({ value }) => value);
    if (scope === 'managed') {
      for (const { value, origin } of ports ?? [])
        if (!values.includes(value)) notices.push(ceilingNotice(origin, `port ${value}`));
      ports = ports?.filter(({ value }) => values.includes(value)) ?? [...listed];
      continue;
    }
    const standing = ports;
    const mayUse = (port: number): boolean =>
      standing === undefined ? !SERVICE_PORTS.has(port) : standing.some(({ value }) => value === port);
    for (const { value, origin } of listed)
      if (!mayUse(value)) notices.push(untrustedNotice(origin, `port ${value}`));
    ports = listed.filter(({ value }) => mayUse(value));
  }
  return ports;
}

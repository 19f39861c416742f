/** Named variants of a settings file: what a profile says is laid over the file that holds it. */
import { SandboxError } from '../errors.ts';
import { nearest } from './suggestion.ts';
import type { SettingsLayer } from './types.ts';

function overlay(layer: SettingsLayer, name: string): SettingsLayer {
  const profile = Object.hasOwn(layer.profiles ?? {}, name) ? layer.profiles![name]! : undefined;
  if (!profile) return layer;
  const lists = <
    K extends
      | 'allowedPaths'
      | 'deniedPaths'
      | 'allowedSockets'
      | 'allowedDomains'
      | 'deniedDomains'
      | 'localPorts'
      | 'macServices',
  >(
    key: K,
  ) => {
    const joined = [...(layer[key] ?? []), ...(profile[key] ?? [])];
    return joined.length > 0 ? { [key]: joined } : {};
  };
  const environment = layer.environment ?? profile.environment;
  return {
    ...layer,
    ...profile,
    scope: layer.scope,
    trusted: layer.trusted,
    ...lists('allowedPaths'),
    ...lists('deniedPaths'),
    ...lists('allowedSockets'),
    ...lists('allowedDomains'),
    ...lists('deniedDomains'),
    ...lists('localPorts'),
    ...lists('macServices'),
    ...(environment && {
      environment: {
        pass: [...(layer.environment?.pass ?? []), ...(profile.environment?.pass ?? [])],
        set: { ...layer.environment?.set, ...profile.environment?.set },
        drop: [...(layer.environment?.drop ?? []), ...(profile.environment?.drop ?? [])],
      },
    }),
    limits: { ...layer.limits, ...profile.limits },
    caches: { ...layer.caches, ...profile.caches },
  };
}

/** The profile's values in every layer that has it. Throws ERR_PROFILE_UNKNOWN when none does. */
export function overlayProfile(layers: readonly SettingsLayer[], name: string): SettingsLayer[] {
  const known = [...new Set(layers.flatMap((layer) => Object.keys(layer.profiles ?? {})))].sort();
  if (!known.includes(name)) {
    const near = nearest(name, known);
    throw new SandboxError('ERR_PROFILE_UNKNOWN', {
      what: `Cannot use the profile ${JSON.stringify(name)}`,
      why: known.length > 0 ? `the settings have ${known.join(', ')}` : 'the settings have no profiles',
      fix: near === undefined ? 'Define it under sandbox.profiles' : `Did you mean ${JSON.stringify(near)}?`,
    });
  }
  return layers.map((layer) => overlay(layer, name));
}

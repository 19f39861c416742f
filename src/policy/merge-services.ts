/** Owns the merge of `macServices`: doors to programs of a Mac, each closed until a person opens it. */
import { ceilingNotice, untrustedNotice } from './merge-paths.ts';
import type { MacService, Notice, SettingsLayer, Sourced } from './types.ts';

/** What the trusted files open together. The administrator's list opens nothing: it says what may be opened. */
export function macServices(
  layers: readonly SettingsLayer[],
  notices: Notice[],
): readonly Sourced<MacService>[] {
  const said = layers.filter((layer) => layer.macServices !== undefined);
  const caps = said.filter(({ scope }) => scope === 'managed').flatMap((layer) => layer.macServices!);
  const capped = said.some(({ scope }) => scope === 'managed');
  return said
    .filter(({ scope }) => scope !== 'managed')
    .flatMap((layer) =>
      layer.macServices!.filter(({ value, origin }) => {
        const isCapped = capped && !caps.some((each) => each.value === value);
        if (!layer.trusted) notices.push(untrustedNotice(origin, `services ${value}`));
        else if (isCapped) notices.push(ceilingNotice(origin, `services ${value}`));
        return layer.trusted && !isCapped;
      }),
    );
}

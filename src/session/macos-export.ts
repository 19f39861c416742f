/** The profile that a run on macOS would have, made on any host. */
import { scanTrees } from '../host/tree-scan.ts';
import { scanMeant, scanWanted } from '../platform/macos/scan.ts';
import type { Policy } from '../policy/types.ts';
import { asMac, sessionProfile } from './macos-profile.ts';
import { loadPolicy } from './prepare.ts';
import type { PolicyRequest } from './types.ts';

/** Ninety thousand entries take tens of milliseconds; whoever exports `permissive` waits for the home to be walked. */
export async function exportSbpl(request: PolicyRequest): Promise<string> {
  const isMac = process.platform === 'darwin';
  const loaded = await loadPolicy(request, isMac ? undefined : asMac);
  const { facts } = loaded;
  const policy = isMac ? loaded.policy : withoutOwnLinks(loaded.policy);
  const scan = scanTrees(scanWanted(policy));
  return sessionProfile({
    policy,
    tempDir: facts.macos!.tempDir,
    spelling: 'apfs',
    matches: scanMeant(policy, scan.hits),
    preface: [
      `Pinfold: mode ${policy.mode.value}, project ${policy.projectDir}`,
      'Run it with: sandbox-exec -f FILE COMMAND. Make the temporary directory first and set TMPDIR to it.',
      ...(isMac
        ? []
        : [
            'Made on another system: the places of macOS are the documented ones, not those of a Mac that was looked at.',
          ]),
      ...(policy.network.domains.some(({ access }) => access === 'allow') ||
      policy.network.access.value === 'filtered'
        ? ['Network: hosts need the egress gate, whose port is known only when a session runs.']
        : []),
    ],
  });
}

/** Links of this host's system directories (`/bin -> usr/bin`) are not those of a Mac. */
function withoutOwnLinks(policy: Policy): Policy {
  const rules = policy.rules.map(({ resolved, links, ...rule }) =>
    rule.category === 'runtime' ? rule : { ...rule, ...(resolved && { resolved }), ...(links && { links }) },
  );
  return { ...policy, rules };
}

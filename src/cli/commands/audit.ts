/** `pinfold audit`: every grant of the settings with what is known of its use. */
import { type RefusedSubject, refusedSubjects } from '../../audit/refusals.ts';
import { printableJson } from '../../policy/printable.ts';
import { defineCommand, type Output } from '../command.ts';
import { grantAsData, renderGrant } from '../render/audit.ts';
import { paint } from '../render/style.ts';
import { shownSubject } from '../render/violation-line.ts';
import { plural } from '../render/words.ts';
import { auditSettings, type GrantAudit } from '../settings-grants.ts';
import { findPlaces, JSON_OPTION, PROJECT_OPTION } from '../settings-places.ts';

function tail({ grants, sessions, unreadable }: GrantAudit): string {
  const since = sessions[0] === undefined ? '' : ` since ${sessions[0].started.slice(0, 10)}`;
  const lost = unreadable === 0 ? '' : `, ${unreadable} more cannot be read (pinfold log verify)`;
  const users = grants.some(({ entry }) => entry.origin.scope === 'user');
  return [
    `${plural(grants.length, 'grant')}; ${plural(sessions.length, 'recorded session')} of this project${since}${lost}\n`,
    users ? 'Your own settings hold in every project: their use is counted over all of them.\n' : '',
  ].join('');
}

const MAX_REFUSED = 5;

function refusedLines(out: Output, refused: readonly RefusedSubject[], homeDir: string): string[] {
  if (refused.length === 0) return [];
  const shown = refused.slice(0, MAX_REFUSED).map(({ subject, attempts, sessions }) => {
    const name = paint(out, 'strong', shownSubject(subject, homeDir));
    return `    ${name}  ${attempts.toLocaleString('en')}× in ${plural(sessions, 'session')}\n`;
  });
  const more = refused.length - shown.length;
  return ['refused meanwhile\n', ...shown, ...(more > 0 ? [`    and ${more} more\n`] : [])];
}

export const auditCommand = defineCommand({
  name: 'audit',
  summary: 'show every grant of the settings with what is known of its use',
  description:
    'Each entry of allowedPaths, allowedSockets and allowedDomains in your own settings and the project’s. Connections to hosts and sockets are counted, all of them. What a path grants runs at native speed and nobody counts it: now and then it is looked at what the programs inside have open, and at the end of a session whether a writable place has changed since it began (by it, or by somebody on the host). A path that was not seen is unknown, never unused.',
  options: { ...PROJECT_OPTION, ...JSON_OPTION },
  examples: [
    { line: 'pinfold audit', does: 'the settings that hold here' },
    { line: 'pinfold prune', does: 'remove what expired, is gone or was never used' },
  ],
  async run({ options, context }) {
    const places = await findPlaces(context, options);
    const audit = await auditSettings(context, places);
    const { out } = context;
    if (options.json) {
      const { grants, sessions, unreadable } = audit;
      const refused = refusedSubjects(sessions);
      const data = { grants: grants.map(grantAsData), sessions: sessions.length, unreadable, refused };
      out.write(`${printableJson(data, 2)}\n`);
      return 0;
    }
    for (const grant of audit.grants) out.write(renderGrant(out, grant, places.homeDir));
    for (const line of refusedLines(out, refusedSubjects(audit.sessions), places.homeDir)) out.write(line);
    out.write(tail(audit));
    return 0;
  },
});

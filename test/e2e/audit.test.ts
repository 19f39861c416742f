/** What the records of many sessions tell: use of grants, what may go, what another policy would mean, what a command needs. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWorld, people, type World } from '../fixtures/world.ts';

interface Audited {
  readonly text: string;
  readonly sessions: number;
  readonly use: { readonly kind: string; readonly [key: string]: unknown };
  readonly lastUse?: string;
  readonly place?: string;
  readonly expired: boolean;
}

describe.each(people)('as $label', (person) => {
  let world: World;
  let server: Server;
  let port: number;
  const settings = () => join(world.project, '.pinfold/settings.json');

  beforeAll(async () => {
    world = await makeWorld(person);
    server = createServer((socket) => socket.on('error', () => {}).end('hello'));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    port = (server.address() as { port: number }).port;
    world.put(join(world.root, 'data/deep/file'), 'data\n');
    world.put(join(world.root, 'quiet/file'), 'quiet\n');
    world.put(
      settings(),
      `{
  "sandbox": {
    // what the tests need
    "allowedPaths": [
      { "path": "${world.root}/data", "mode": "read" },
      "${world.root}/quiet", // nobody has looked here
      "${world.root}/gone",
      { "path": "${world.root}/old", "expires": "2020-01-01" }
    ],
    "allowedDomains": ["127.0.0.1:${port}", "never.example.com"]
  }
}
`,
    );
    expect((await world.pinfold(['trust', '--yes'])).code).toBe(0);
  });
  afterAll(() => {
    server.close();
    world.dispose();
  });

  async function audit(): Promise<Map<string, Audited>> {
    const ran = await world.pinfold(['audit', '--json']);
    expect(ran.stderr).toBe('');
    const { grants } = JSON.parse(ran.stdout) as { grants: Audited[] };
    return new Map(grants.map((grant) => [grant.text.replace(`${world.root}/`, ''), grant]));
  }

  function lastKinds(): string[] {
    const sessions = join(world.home, '.local/state/pinfold/sessions');
    const log = join(sessions, readdirSync(sessions).sort().at(-1)!, 'events.jsonl');
    return readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).kind);
  }

  test('a run that uses no grant leaves no record of use, and every path is unknown', async () => {
    expect((await world.inside(['true'])).code).toBe(0);
    expect(lastKinds()).toEqual(['started', 'ended']);
    const grants = await audit();
    expect(grants.get('data')).toMatchObject({ sessions: 1, use: { kind: 'unknown' } });
    expect(grants.get('never.example.com')).toMatchObject({ use: { kind: 'counted', connections: 0 } });
    expect(grants.get('gone')).toMatchObject({ place: 'gone' });
    expect(grants.get('old')).toMatchObject({ expired: true });
  });

  test('what is held open is seen, what is made in a writable grant is a change, a connection is counted', async () => {
    const connect = `require('net').connect(${port}, '127.0.0.1').on('data', () => {})`;
    const script = `exec 3<${world.root}/data/deep/file; touch ${world.root}/quiet/made; ${world.node} -e "${connect}"; sleep 1`;
    const ran = await world.shell(script);
    expect(ran.code).toBe(0);
    expect(ran.stderr).not.toContain('blocked');
    const grants = await audit();
    expect(grants.get('data')?.use).toEqual({ kind: 'seen', open: 1, changed: 0 });
    expect(grants.get('quiet')?.use).toEqual({ kind: 'seen', open: 0, changed: 1 });
    expect(grants.get(`127.0.0.1:${port}`)).toMatchObject({
      sessions: 2,
      use: { kind: 'counted', connections: 1 },
      lastUse: expect.any(String),
    });
    expect(grants.get('never.example.com')?.use).toEqual({ kind: 'counted', connections: 0 });
  });

  test('for people it says what each figure means', async () => {
    const { stdout } = await world.pinfold(['audit']);
    expect(stdout).toContain('seen open in 1 of 2 sessions');
    expect(stdout).toContain('1 connection in 2 sessions (counted)');
    expect(stdout).toContain('never used in 2 sessions (counted)');
    expect(stdout).toContain('! nothing is there now');
    expect(stdout).toContain('! expired on 2020-01-01');
  });
});

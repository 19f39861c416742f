/** A command that was given less than its session is kept from the session's other commands, by every way there is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { library } from '../fixtures/library.ts';
import { makeWorld, people, repository, type World } from '../fixtures/world.ts';

const neighbour = readFileSync(join(repository, 'test/fixtures/neighbour.py'), 'utf8');

/** What every command may do to itself. */
const OWN = {
  'own pair': 'done',
  'own temporary file': 'done',
  'own limits': 'done',
  'own child': 'done',
  'signal to own child': 'done',
};
const PROCESSES = {
  signal: 'EPERM',
  'signal by pidfd': 'EPERM',
  environ: 'EACCES',
  memory: 'EACCES',
  descriptor: 'EACCES',
  root: 'EACCES',
  limits: 'EPERM',
  priority: 'EPERM',
  processors: 'EPERM',
  'shared memory': 'EACCES',
  'abstract socket': 'EPERM',
  terminals: 'EACCES',
  'terminal of another': 'EACCES',
};
const SOCKETS = {
  'path socket': 'EACCES',
  'abstract socket': 'EACCES',
  loopback: 'EACCES',
  'datagram from a pair': 'EACCES',
  'bind of a pair': 'EACCES',
};
const WRITING = {
  'write to /tmp': 'EACCES',
  'write to /dev/shm': 'EACCES',
  'write to home': 'EACCES',
  'write to the project': 'EACCES',
  'bind of a pair': 'EACCES',
};
/** With the files of a mode of its own. */
const APART = { 'temporary file': 'EACCES', 'write to /tmp': 'EACCES', 'write to /dev/shm': 'EACCES' };

describe.each(people)('as $label', (person) => {
  let world: World;
  let wide: Record<string, string>;
  let narrow: Record<string, string>[];
  const asked = [
    { networkAccess: 'none' },
    { readOnly: true },
    { mode: 'strict' },
    { mode: 'strict', networkAccess: 'none', readOnly: true },
  ];
  beforeAll(async () => {
    world = await makeWorld(person);
    [wide, ...narrow] = await library<[Record<string, string>, ...Record<string, string>[]]>(
      world,
      `await using sandbox = await createSandbox({ mode: 'standard' });
       const python = (args, options) => [ '/usr/bin/python3', ['-c', ${JSON.stringify(neighbour)}, ...args], options];
       const serving = sandbox.spawn(...python(['serve'], { stdio: ['ignore', 'pipe', 'inherit'] }));
       const where = JSON.parse(String((await once(serving.stdout, 'data'))[0])).map(String);
       const results = [];
       for (const options of ${JSON.stringify([{}, ...asked])}) {
         const { stdout, stderr } = await sandbox.run(...python(['attack', ...where], options));
         results.push(stdout === '' ? stderr : JSON.parse(stdout));
       }
       report(results);`,
    );
  });
  afterAll(() => world.dispose());

  test('commands of one session reach each other by all of these ways (control)', () => {
    expect(wide).toEqual(Object.fromEntries(Object.keys(wide).map((way) => [way, 'done'])));
    expect(Object.keys(wide).length).toBeGreaterThan(20);
  });

  test('without a network a command asks nobody, and its files are the session’s', () => {
    expect(narrow[0]).toEqual({ ...wide, ...PROCESSES, ...SOCKETS, ...OWN });
  });

  test('a read-only command writes nothing but its own temporary directory, and can still ask servers', () => {
    expect(narrow[1]).toEqual({ ...wide, ...PROCESSES, ...WRITING, ...OWN });
  });

  test('a command of a narrower mode has a temporary directory of its own and no network', () => {
    expect(narrow[2]).toEqual({ ...wide, ...PROCESSES, ...SOCKETS, ...APART, ...OWN });
  });

  test('all of it at once leaves a command to itself', () => {
    expect(narrow[3]).toEqual({ ...wide, ...PROCESSES, ...SOCKETS, ...WRITING, ...APART, ...OWN });
  });
});

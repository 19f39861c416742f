/** Many commands one after the other: nothing of them stays, in Node, in the launcher, in init or inside. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { library } from '../fixtures/library.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const COMMANDS = Number(process.env.PINFOLD_COMMANDS ?? 1000);
/** After so many everything that is loaded or kept once is there. */
const WARM = 100;
/** Bytes for each command: an object that is kept has more. */
const HEAP_PER_COMMAND = 200;
const HEAP_NOISE = 2e6;

interface Census {
  readonly descriptors: number;
  readonly handles: number;
  readonly launcherDescriptors: number;
  readonly processes: number;
  readonly mounts: number;
  /** Bytes. */
  readonly heap: number;
  /** Kibibytes that belong to the launcher and to init alone. */
  readonly native: readonly number[];
  /** Kibibytes of both, what they share with others included. */
  readonly resident: number;
}

const PROGRAM = `
const { readdirSync, readFileSync } = await import('node:fs');
const { setFlagsFromString } = await import('node:v8');
const { runInNewContext } = await import('node:vm');
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const childrenOf = (pid) => readFileSync('/proc/' + pid + '/task/' + pid + '/children', 'utf8').split(' ').filter(Boolean);
const familyOf = (pid) => [pid, ...childrenOf(pid).flatMap(familyOf)];
const memory = (name) => (pid) => Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/' + pid + '/status', 'utf8'))[1]);
const sandbox = await createSandbox({ mode: 'strict' });
const once = async (turn) => {
  const { stdout } = await sandbox.run(...(turn % 2 ? ['echo', ['x']] : ['sh', ['-c', 'cat > /dev/null; echo x; echo e >&2; (true &)']]));
  if (stdout !== 'x\\n') throw new Error('command ' + turn + ' said ' + JSON.stringify(stdout));
};
const census = async () => {
  const mounts = (await sandbox.run('cat', ['/proc/self/mountinfo'])).stdout.split('\\n').length;
  for (let i = 0; i < 3; i += 1) { await new Promise(setImmediate); collect(); }
  const launcher = childrenOf(process.pid).find((pid) => readFileSync('/proc/' + pid + '/cmdline', 'latin1').startsWith('pinfold-launcher'));
  const family = familyOf(process.pid);
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    handles: process.getActiveResourcesInfo().length,
    launcherDescriptors: readdirSync('/proc/' + launcher + '/fd').length,
    processes: family.length,
    mounts,
    heap: process.memoryUsage().heapUsed,
    native: [launcher, childrenOf(launcher)[0]].map(memory('RssAnon')),
    resident: [launcher, childrenOf(launcher)[0]].map(memory('VmRSS')).reduce((sum, each) => sum + each),
  };
};
for (let turn = 0; turn < WARM; turn += 1) await once(turn);
const before = await census();
for (let turn = 0; turn < COMMANDS; turn += 1) await once(turn);
const after = await census();
await sandbox.close();
report({ before, after });
`;

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld(person);
  });
  afterAll(() => world.dispose());

  test(
    `${COMMANDS} commands leave no descriptor, process, mount or memory behind`,
    async () => {
      const numbers = `const WARM = ${WARM}; const COMMANDS = ${COMMANDS};`;
      const { before, after } = await library<{ before: Census; after: Census }>(world, numbers + PROGRAM);
      const { heap, native, resident, ...counts } = after;
      const { heap: heapBefore, native: nativeBefore, resident: _, ...countsBefore } = before;
      expect(resident).toBeLessThan(6 * 1024);
      expect(counts).toEqual(countsBefore);
      expect(heap - heapBefore).toBeLessThan(HEAP_NOISE + COMMANDS * HEAP_PER_COMMAND);
      // One page of the allocator more or less, whatever the number of commands.
      for (const [index, kibibytes] of native.entries()) {
        expect(kibibytes - nativeBefore[index]!).toBeLessThanOrEqual(64);
      }
    },
    60_000 + COMMANDS * 100,
  );
});

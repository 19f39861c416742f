/** The library beside `child_process.spawn`, in one warm process: a sandbox made, a command in it, many at once, idle memory. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const WARM = 50;
const COMMANDS = 5000;
const AT_ONCE = 200;
const RUNNING = 60;
const PAGE = 4096;

function closed(child) {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`ended with ${code}`))));
  });
}

async function timed(act) {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

function summary(name, samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
  return { name, median: at(0.5), low: at(0.1), high: at(0.9), p99: at(0.99) };
}

/** Both in turns; `after` is not timed. */
async function race(times, contenders) {
  const samples = contenders.map(() => []);
  for (let round = 0; round < times; round++) {
    for (const [index, { act, after }] of contenders.entries()) {
      samples[index].push(await timed(act));
      await after?.();
    }
  }
  return contenders.map(({ name }, index) => summary(name, samples[index]));
}

/** Resident MiB of all descendants of this process, which has no others while it is asked. */
function descendantsMib(pid = process.pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
  return children.reduce((sum, child) => {
    const resident = Number(readFileSync(`/proc/${child}/statm`, 'latin1').split(' ')[1]);
    return sum + (resident * PAGE) / 2 ** 20 + descendantsMib(child);
  }, 0);
}

/** Beside the commands of others, in a session that runs already; few rounds, since some of those take long. */
async function benchRunning(sandbox, report) {
  const others = report.running.map(([name, [command, ...args]]) => ({
    name,
    act: () => closed(spawn(command, [...args, 'true'], { stdio: 'ignore' })),
  }));
  const contenders = [
    { name: 'child_process.spawn', act: () => closed(spawn('true', [], { stdio: 'ignore' })) },
    { name: 'sandbox.spawn', act: () => closed(sandbox.spawn('true', [], { stdio: 'ignore' })) },
    ...others,
  ];
  await race(3, contenders);
  const rows = await race(RUNNING, contenders);
  report.print('`true` in a session that runs, beside those of others', rows, 'child_process.spawn');
  return rows;
}

async function benchCommands(sandbox, report) {
  for (const stdio of ['ignore', 'pipe']) {
    const bare = () => closed(spawn('true', [], { stdio }));
    const inside = () => closed(sandbox.spawn('true', [], { stdio }));
    await race(WARM, [{ act: bare }, { act: inside }]);
    const rows = await race(stdio === 'ignore' ? COMMANDS : COMMANDS / 5, [
      { name: 'child_process.spawn', act: bare },
      { name: 'sandbox.spawn', act: inside },
    ]);
    report.print(`\`true\` from a warm process, stdio ${stdio}`, rows, 'child_process.spawn');
    const [first, second] = rows;
    report.verdict(
      'a command in a live session against a bare spawn',
      second.median / first.median,
      0.7,
      '×',
    );
    if (stdio === 'ignore')
      report.verdict('its 99th percentile against its median', second.p99 / second.median, 3, '×');
  }
  const start = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, () => closed(sandbox.spawn('true'))));
  console.log(`  ${AT_ONCE} commands at once, none failed: ${(performance.now() - start).toFixed(0)} ms`);
}

/**
 * `report`: `print` and `verdict` of rounds.mjs, and `running` of other-boundaries.mjs; `rounds`: how many sandboxes are made.
 * Resolves with the rows of commands in sessions that run.
 */
export async function benchLibrary(projectDir, rounds, report) {
  const { createSandbox } = await import('../../dist/index.js');
  const make = () => createSandbox({ projectDir, mode: 'standard' });
  const before = descendantsMib();
  const sandbox = await make();
  const idle = descendantsMib() - before;
  await benchCommands(sandbox, report);
  const commands = await benchRunning(sandbox, report);
  report.verdict('an idle session outside Node', idle, 6, ' MiB');
  await sandbox.close();

  let made;
  const contenders = [
    { name: 'child_process.spawn', act: () => closed(spawn('true', [], { stdio: 'ignore' })) },
    {
      name: 'createSandbox',
      act: async () => {
        made = await make();
      },
      after: () => made.close(),
    },
  ];
  await race(Math.ceil(rounds / 4), contenders);
  const rows = await race(rounds, contenders);
  report.print('A sandbox from the library, until it is ready', rows, 'child_process.spawn');
  report.verdict('createSandbox, more than a bare spawn', rows[1].median - rows[0].median, 6, ' ms');
  return { commands };
}

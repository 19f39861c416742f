import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { identifyInside, nameOf } from './actor.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.stdin?.end();
});

/** Shells in each other, the innermost of which says its number and waits for its input to end. */
async function nest(depth: number): Promise<number> {
  const script = `if [ $0 = 0 ]; then echo $$; read x; else sh -c "$1" $(($0 - 1)) "$1"; true; fi`;
  const child = spawn('sh', ['-c', script, String(depth), script], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [said] = await once(child.stdout, 'data');
  return Number(String(said));
}

test('a process is known with its command line and its parents up to the launcher’s child, which is not told', async () => {
  // This process stands for the launcher, the outermost shell for init.
  const pid = await nest(3);
  const actor = identifyInside(pid, process.pid);
  expect(actor).toMatchObject({
    pid,
    program: expect.stringMatching(/^\//),
    command: ['sh', '-c', expect.any(String), '0', expect.any(String)],
  });
  expect(actor?.parents).toHaveLength(2);
});

test('nothing is said of a process that is none of the sandbox’s, nor of one that has gone', async () => {
  const pid = await nest(1);
  expect(identifyInside(pid, await nest(0))).toBeUndefined();
  expect(identifyInside(process.pid, pid)).toBeUndefined();
  expect(identifyInside(1, process.pid)).toBeUndefined();
  const child = spawn('true');
  const gone = child.pid!;
  await once(child, 'close');
  expect(identifyInside(gone, process.pid)).toBeUndefined();
});

test('of a long command line only the beginning is read', async () => {
  const child = spawn('sh', ['-c', 'sh -c "echo \\$\\$; read x" $0; true', 'y'.repeat(100_000)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const [said] = await once(child.stdout, 'data');
  const actor = identifyInside(Number(String(said)), process.pid);
  expect(actor?.command?.slice(0, 2)).toEqual(['sh', '-c']);
  expect(actor?.command?.join('').length).toBeLessThan(2100);
});

test.each([
  ['/usr/bin/node', ['npm run build'], 'npm run build'],
  ['/usr/bin/node', ['node', '/opt/x/build.js', '--token', 'x'], 'build.js'],
  ['/usr/bin/node', ['node', '--enable-source-maps', 'cli.js'], 'cli.js'],
  ['/usr/bin/dash', ['/bin/sh', '/home/ann/.local/bin/claude'], 'claude'],
  ['/usr/bin/dash', ['sh', '-c', 'npm test'], undefined],
  ['/usr/bin/bash', ['bash', '-lc', 'make'], undefined],
  ['/usr/bin/bash', ['bash'], undefined],
  ['/usr/bin/python3.12', ['python3', '-m', 'pytest'], undefined],
  ['/usr/bin/make', ['make', 'all'], undefined],
  ['/usr/bin/make', [], undefined],
])('a parent %s, started as %j, is named %s', (program, command, name) => {
  expect(nameOf(program, command)).toBe(name);
});

/** Takes the steps of doctor's acts, one after the other. Knows no guarantee and judges nothing. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import type { Said, Step } from './steps.ts';

const PATIENCE_MS = 5000;
/** More of an answer says nothing more. */
const MOST_BYTES = 65_536;
const NOTHING = Buffer.alloc(0);

function reach(to: NetConnectOpts): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...to, timeout: PATIENCE_MS } as NetConnectOpts);
    const failed = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    socket.once('error', failed);
    socket.once('timeout', () => failed(Object.assign(new Error('silence'), { code: 'ETIMEDOUT' })));
    socket.once('connect', () => {
      // The kernel has let it; what comes of the connection is nobody's business.
      socket.on('error', () => {});
      socket.end('x', () => socket.destroy());
      resolve(NOTHING);
    });
  });
}

/** `text` absent: only a way is looked for. */
function datagram(address: string, port: number, text?: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const end = (error: Error | null | undefined) => {
      socket.close();
      if (error) reject(error);
      else resolve(NOTHING);
    };
    socket.once('error', end);
    socket.connect(port, address, ((error?: Error) => {
      socket.off('error', end);
      if (error || text === undefined) end(error);
      else socket.send(text, (sending) => end(sending));
    }) as () => void);
  });
}

function run([program = '', ...words]: readonly string[]): Buffer {
  const { error, stdout } = spawnSync(program, words, {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: PATIENCE_MS,
    maxBuffer: MOST_BYTES,
  });
  if (error !== undefined) throw error;
  return stdout;
}

/** What a step gives. Throws what it met, as Node has it. */
async function take(step: Step, variables: Readonly<Record<string, string | undefined>>): Promise<Buffer> {
  switch (step.does) {
    case 'read':
      return readFileSync(step.path);
    case 'list':
      return Buffer.from(
        readdirSync(step.path)
          .map((name) => `${name}\0`)
          .join(''),
      );
    case 'append':
      // What is not there is not made: that is another act.
      closeSync(openSync(step.path, 'r+'));
      appendFileSync(step.path, step.text);
      return NOTHING;
    case 'create':
      writeFileSync(step.path, step.text, { flag: 'a' });
      return NOTHING;
    case 'rename':
      renameSync(step.from, step.to);
      return NOTHING;
    case 'open':
      closeSync(openSync(step.path, 'r+'));
      return NOTHING;
    case 'connect':
      return await reach({ host: '127.0.0.1', port: step.port });
    case 'send':
      return await datagram('127.0.0.1', step.port, 'x');
    case 'route':
      return await datagram(step.address, 9);
    case 'call':
      return await reach({ path: step.path });
    case 'signal':
      process.kill(step.pid, 0);
      return NOTHING;
    case 'run':
      return run(step.argv);
    case 'variables':
      return Buffer.from(
        Object.entries(variables)
          .map(([name, value]) => `${name}=${value}\0`)
          .join(''),
      );
  }
}

/** An act ends with the first step that fails. */
async function performOne(
  steps: readonly Step[],
  variables: Readonly<Record<string, string | undefined>>,
): Promise<Said> {
  let given: Buffer = NOTHING;
  for (const [index, step] of steps.entries()) {
    try {
      given = await take(step, variables);
    } catch (error) {
      return { step: index, errno: (error as NodeJS.ErrnoException).code ?? 'UNKNOWN', bytes: '' };
    }
  }
  return { step: steps.length - 1, bytes: given.subarray(0, MOST_BYTES).toString('hex') };
}

export async function perform(
  acts: readonly (readonly Step[])[],
  variables: Readonly<Record<string, string | undefined>>,
): Promise<Said[]> {
  const said: Said[] = [];
  for (const steps of acts) said.push(await performOne(steps, variables));
  return said;
}

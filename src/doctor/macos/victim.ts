/** A process of doctor's own that is there to be reached, and a Unix socket of the host: neither is a Mac's own thing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Scratch } from '../scratch.ts';

export interface MacVictim {
  readonly pid: number;
  /** Path of a socket that is listened on. */
  readonly socket: string;
  stop(): Promise<void>;
}

/** It ends with this process: its standard input closes. */
export async function startMacVictim({ temporary, token }: Scratch): Promise<MacVictim> {
  const socket = join(temporary, 'socket');
  const server = createServer((client) => client.on('error', () => {}).destroy());
  server.listen(socket);
  await once(server, 'listening');
  // The word that tells it from every other process is an argument that nobody reads.
  const child = spawn('/bin/sh', ['-c', 'read line', token], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  return {
    pid: child.pid!,
    socket,
    async stop() {
      server.close();
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

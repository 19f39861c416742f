/** Claims about the command that ssh is given to reach a host through the proxy. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { Relay } from '../relay.ts';
import { LoopbackServer, NameGate, record } from '../streams.fixture.ts';
import { connectCommand } from './connect-script.ts';
import { makeCredentials } from './credentials.ts';
import { EgressProxy } from './egress-proxy.ts';
import { proxyEnvironment } from './proxy-wiring.ts';

interface Said {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Every byte there is, and more of them than a pipe holds. */
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));

async function join(host: string, options: { readonly password?: string } = {}): Promise<Said> {
  // Speaks first, as an ssh server does, and then says again what it is told.
  await using server = await LoopbackServer.start(
    createServer((socket) => {
      socket.write('SSH-2.0-test\r\n');
      socket.pipe(socket);
    }),
  );
  const gate = new NameGate(server.port, ['allowed.test'], ['denied.test']);
  const recorder = record<string>();
  const credentials = makeCredentials();
  await using proxy = await EgressProxy.listen({
    gate,
    relay: new Relay({ gate, events: recorder }),
    credentials,
    events: recorder,
    peerOf: () => 'ssh',
  });
  const { ALL_PROXY = '' } = proxyEnvironment({
    port: proxy.port!,
    credentials: { ...credentials, ...(options.password && { password: options.password }) },
  });
  const [node, ...words] = connectCommand(process.execPath) as [string, ...string[]];
  return await new Promise((resolve) => {
    const child = execFile(
      node,
      [...words, host, '22'],
      { env: { ALL_PROXY }, encoding: 'buffer', timeout: 20_000, maxBuffer: 1e7 },
      (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr: stderr.toString() }),
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(BYTES);
  });
}

test('carries every byte both ways, to whoever speaks first too, and ends when both have', async () => {
  const { code, stdout, stderr } = await join('allowed.test');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout.equals(Buffer.concat([Buffer.from('SSH-2.0-test\r\n'), BYTES]))).toBe(true);
});

test('a refused host ends it with a word', async () => {
  const { code, stdout, stderr } = await join('denied.test');
  expect([code, stdout.length]).toEqual([1, 0]);
  expect(stderr).toBe('pinfold: denied.test:22 is refused by the gate\n');
});

test('a wrong password ends it', async () => {
  const { code, stderr } = await join('allowed.test', { password: 'wrong' });
  expect(code).toBe(1);
  expect(stderr).toContain('pinfold: allowed.test:22 ');
});

/** Claims about real clients: with the proxy's environment they reach what is allowed and are told what is not. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { connectCommand } from '../../src/network/proxy/connect-script.ts';
import { proxyWorld } from '../../src/network/proxy/proxy.fixture.ts';
import { proxyEnvironment } from '../../src/network/proxy/proxy-wiring.ts';
import { Relay } from '../../src/network/relay.ts';
import { LoopbackServer, NameGate, record } from '../../src/network/streams.fixture.ts';

interface Said {
  readonly code: number;
  readonly text: string;
}

function run(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Said> {
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', GIT_TERMINAL_PROMPT: '0', ...environment };
  return new Promise((resolve) => {
    execFile(command, args, { env, cwd: '/', timeout: 20_000 }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), text: stdout + stderr });
    });
  });
}

const PYTHON = 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())';

/** Each fetches an address and prints what it got or what went wrong. */
const CLIENTS: readonly (readonly [
  name: string,
  command: string,
  args: (url: string) => readonly string[],
])[] = [
  ['curl', 'curl', (url) => ['-sS', url]],
  ['curl with SOCKS', 'sh', (url) => ['-c', 'exec curl -sS --proxy "$ALL_PROXY" "$1"', 'sh', url]],
  ['curl with a tunnel', 'curl', (url) => ['-sS', '--proxytunnel', url]],
  ['wget', 'wget', (url) => ['-q', '-O-', '--content-on-error', '--tries=1', url]],
  ['python', 'python3', (url) => ['-c', PYTHON, url]],
];

describe('with the proxy in its environment', () => {
  test.each(CLIENTS)('%s reaches an allowed host and no other', async (_name, command, args) => {
    await using it = await proxyWorld();
    const environment = proxyEnvironment(it);
    expect((await run(command, args('http://allowed.test/x'), environment)).text).toContain(
      'CANARY for allowed.test at /x',
    );
    const refused = await run(command, args('http://denied.test/x'), environment);
    expect(refused.text).not.toContain('CANARY');
    expect(it.recorder.refusals).toMatchObject([{ reason: 'denied', destination: { host: 'denied.test' } }]);
    const without = await run(command, args('http://allowed.test/x'), {});
    expect(without.text).not.toContain('CANARY');
  });

  test('git and npm ask the proxy for the hosts they need', async () => {
    await using it = await proxyWorld();
    const environment = proxyEnvironment(it);
    const git = await run('git', ['ls-remote', 'http://allowed.test/r.git'], environment);
    expect(git).toMatchObject({ code: 128, text: expect.stringContaining('/r.git/info/refs not valid') });
    await run(
      'npm',
      ['view', 'x', '--registry=http://allowed.test/', '--fetch-retries=0', '--cache=/tmp/none'],
      environment,
    );
    const asked = it.heard.map(({ url }) => url);
    expect(asked).toContain('/r.git/info/refs?service=git-upload-pack');
    expect(asked).toContain('/x');
  });

  test('git over ssh goes through the connect command', async () => {
    await using it = await proxyWorld();
    const connectCommand = [
      'sh',
      '-c',
      'exec timeout 10 curl -sS -p -x "$http_proxy" "telnet://$1:$2"',
      "it's 100%",
    ];
    const environment = proxyEnvironment({ ...it, connectCommand });
    await run('git', ['ls-remote', 'ssh://git@allowed.test:2222/r.git'], environment);
    expect(it.gate.dialled).toEqual([{ host: 'allowed.test', port: 2222 }]);
  });

  test("git over ssh goes through Pinfold's own connect command", async () => {
    await using it = await proxyWorld();
    const environment = proxyEnvironment({ ...it, connectCommand: connectCommand(process.execPath) });
    const allowed = await run('git', ['ls-remote', 'ssh://git@allowed.test:2222/r.git'], environment);
    expect(it.gate.dialled).toEqual([{ host: 'allowed.test', port: 2222 }]);
    expect(allowed.text).not.toContain('is refused by the gate');
    const denied = await run('git', ['ls-remote', 'ssh://git@denied.test/r.git'], environment);
    expect(denied.text).toContain('pinfold: denied.test:22 is refused by the gate');
  });
});

describe('a refused TLS connection', () => {
  const FETCH = 'fetch(process.argv[1]).catch((error) => console.log(error.cause.message))';
  const TLS_CLIENTS: readonly (readonly [string, string, (url: string) => readonly string[], RegExp])[] = [
    ['curl', 'curl', (url) => ['-sS', url], /alert access denied/],
    ['Node', process.execPath, (url) => ['-e', FETCH, url], /alert access denied/],
    ['python', 'python3', (url) => ['-c', PYTHON, url], /alert access denied/],
  ];

  test.each(TLS_CLIENTS)(
    '%s fails at once, after one connection, and says that access is denied',
    async (_name, command, args, says) => {
      const recorder = record<string>();
      const relay = new Relay({ gate: new NameGate(1, [], ['denied.test']), events: recorder });
      await using front = await LoopbackServer.start(
        createServer((socket) => relay.serve(socket, { host: 'denied.test', port: 443 }, 'a program')),
      );
      const { text } = await run(command, args(`https://localhost:${front.port}/`), {});
      expect(text).toMatch(says);
      expect(recorder.refusals).toHaveLength(1);
      relay.close();
    },
  );
});

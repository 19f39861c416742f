/** Claims about relayed connections: what is carried, what is cut, what is counted, and that nothing stays behind. */
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Relay, type RelayOptions } from './relay.ts';
import { LoopbackServer, NameGate, record, ruleFor, talk } from './streams.fixture.ts';

const GET = 'GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';

/** A server that answers, a relay in front of it as if every client had dialled `named`. */
async function world(
  serve: (socket: Socket) => void,
  options: Partial<RelayOptions<string>> & { readonly named?: string } = {},
) {
  const server = await LoopbackServer.of(serve);
  const gate = new NameGate(server.port, ['allowed.test', '127.0.0.1'], ['denied.test']);
  const recorder = record<string>();
  const relay = new Relay({ gate, events: recorder, ...options });
  const named = { host: options.named ?? 'allowed.test', port: 80 };
  const front = await LoopbackServer.of((socket) => relay.serve(socket, named, 'pid 7'));
  return {
    ...{ server, gate, recorder, relay, front, port: front.port },
    async [Symbol.asyncDispose]() {
      relay.close();
      await front[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const answering = (socket: Socket): void => {
  socket.once('data', () => socket.end(OK));
};

describe('a relayed connection', () => {
  test('carries a request and its answer, and is counted both ways', async () => {
    await using it = await world(answering);
    expect(await talk(it.port, [GET], { end: true })).toEqual({ text: OK });
    expect(await it.recorder.ended(1)).toEqual([
      {
        peer: 'pid 7',
        destination: { host: 'allowed.test', port: 80 },
        address: '127.0.0.1',
        rule: ruleFor('allowed.test'),
        via: 'direct',
        up: GET.length,
        down: OK.length,
        openedAt: expect.any(Number),
        closedAt: expect.any(Number),
        cause: 'ended',
      },
    ]);
    expect(it.recorder.refusals).toEqual([]);
  });

  test('lets the server speak first, and waits for nothing', async () => {
    await using it = await world((socket) => {
      socket.write('220 mail.test ready\r\n');
      socket.once('data', () => socket.end('250 ok\r\n'));
    });
    const socket = net.connect(it.port, '127.0.0.1');
    expect(String((await once(socket, 'data'))[0])).toBe('220 mail.test ready\r\n');
    socket.write('EHLO x\r\n');
    expect(String((await once(socket, 'data'))[0])).toBe('250 ok\r\n');
    socket.destroy();
  });

  test('passes half a line of a protocol it does not know', async () => {
    await using it = await world((socket) => {
      socket.once('data', (data) => socket.end(`pong to ${data}`));
    });
    expect(await talk(it.port, ['ping'])).toEqual({ text: 'pong to ping' });
  });

  test('keeps the way back open when the client has said all', async () => {
    await using it = await world((socket) => {
      let heard = 0;
      socket.on('data', (data) => {
        heard += data.length;
      });
      socket.on('end', () => socket.end(`heard ${heard}`));
    });
    expect(await talk(it.port, [Buffer.alloc(100_000, 1)], { end: true })).toEqual({ text: 'heard 100000' });
  });

  test('slows a sender down to its receiver, and loses nothing', async () => {
    const sent = 32 * 1024 * 1024;
    let heard = 0;
    await using it = await world((socket) => {
      socket.pause();
      setImmediate(() => socket.resume());
      socket.on('data', (data) => {
        heard += data.length;
      });
      socket.on('end', () => socket.end('done'));
    });
    expect((await talk(it.port, [Buffer.alloc(sent, 1)], { end: true })).text).toBe('done');
    expect(heard).toBe(sent);
    expect((await it.recorder.ended(1))[0]).toMatchObject({ up: sent, cause: 'ended' });
  });

  test('is reset when its server is', async () => {
    await using it = await world((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await talk(it.port, [GET])).toEqual({ text: '', error: 'ECONNRESET' });
    expect((await it.recorder.ended(1))[0]).toMatchObject({ cause: 'failed' });
  });

  test('leaves no connection behind when its client vanishes', async () => {
    await using it = await world((socket) => {
      socket.write('hello');
      socket.resume();
      socket.on('end', () => socket.end());
    });
    for (const vanish of ['destroy', 'resetAndDestroy'] as const) {
      const socket = net.connect(it.port, '127.0.0.1');
      await once(socket, 'data');
      socket[vanish]();
    }
    const causes = (await it.recorder.ended(2)).map(({ cause }) => cause);
    expect(causes.toSorted()).toEqual(['ended', 'failed']);
    expect(it.relay.size).toBe(0);
  });

  test('ends when one side is closed and the other stays silent', async () => {
    await using it = await world((socket) => socket.resume(), {
      times: { halfOpen: 30 },
    });
    expect(await talk(it.port, [GET], { end: true })).toMatchObject({ error: 'ECONNRESET' });
    expect((await it.recorder.ended(1))[0]).toMatchObject({ cause: 'idle' });
  });
});

describe('a refused connection', () => {
  test('is told in HTTP which host, rule and event, in plain characters', async () => {
    await using it = await world(answering, { named: 'denied.test' });
    const { text } = await talk(it.port, ['GET / HTTP/1.1\r\nHost: denied.test\r\n\r\n']);
    expect(text.split('\r\n')[0]).toBe('HTTP/1.1 403 Forbidden');
    expect(text.split('\r\n\r\n')[1]).toBe(
      [
        'Pinfold refused this connection.',
        'Host: denied.test:80',
        'Why: denied.test is denied',
        'Rule: deny denied.test, from --allow-domain denied.test',
        'Event: event-1',
        '',
      ].join('\n'),
    );
    expect(it.gate.dialled).toEqual([]);
    expect((await it.recorder.ended(1))[0]).toMatchObject({ up: 0, down: 0, cause: 'refused' });
  });

  test('is reset at once where the client waits for the server to speak', async () => {
    await using it = await world(answering, { named: 'denied.test', times: { refusal: 20 } });
    expect(await talk(it.port, [])).toEqual({ text: '', error: 'ECONNRESET' });
    expect(it.recorder.refusals).toMatchObject([{ reason: 'denied' }]);
  });

  test('is told so where nothing answers', async () => {
    await using it = await world(answering);
    await it.server[Symbol.asyncDispose]().then(undefined, () => {});
    const { text } = await talk(it.port, [GET]);
    expect(text.split('\r\n')[0]).toBe('HTTP/1.1 502 Bad Gateway');
  }, 10_000);

  test('never reaches the server with a Host that was not dialled; the control does', async () => {
    const heard: string[] = [];
    await using it = await world((socket) => {
      socket.on('data', (data) => heard.push(String(data)));
      answering(socket);
    });
    const other = await talk(it.port, ['GET / HTTP/1.1\r\nHost: denied.test\r\n\r\n']);
    expect(other.text).toContain('HTTP asks for denied.test on a connection that was made to allowed.test');
    expect(heard).toEqual([]);
    expect((await talk(it.port, [GET])).text).toBe(OK);
    expect(it.recorder.refusals).toMatchObject([{ reason: 'name-mismatch' }]);
  });

  test('is broken off when a later request names another host; the control gets both answers', async () => {
    const serve = (socket: Socket): void => {
      socket.on('data', (data) => {
        for (const _ of String(data).matchAll(/GET/g)) socket.write(OK);
      });
    };
    await using it = await world(serve);
    const both = net.connect(it.port, '127.0.0.1');
    both.write(GET);
    expect(String((await once(both, 'data'))[0])).toBe(OK);
    both.write(GET);
    expect(String((await once(both, 'data'))[0])).toBe(OK);
    both.write(GET.replace('allowed', 'denied'));
    const [error] = await once(both, 'error');
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    expect(it.recorder.refusals).toMatchObject([{ reason: 'name-mismatch' }]);
  });

  test('is a client that begins a request and lets time pass', async () => {
    await using it = await world(answering, { times: { head: 40 } });
    expect(await talk(it.port, ['GET / HTTP/1.1\r\n'])).toMatchObject({
      text: expect.stringContaining('HTTP/1.1 400 Bad Request'),
    });
    expect(it.recorder.refusals).toMatchObject([{ reason: 'protocol' }]);
  });

  test('is one more than may be open', async () => {
    await using it = await world((socket) => socket.resume(), { mostConnections: 1, times: { refusal: 20 } });
    const first = net.connect(it.port, '127.0.0.1');
    await once(first, 'connect');
    const { text } = await talk(it.port, [GET]);
    expect(text.split('\r\n')[0]).toBe('HTTP/1.1 503 Service Unavailable');
    expect(it.recorder.refusals).toMatchObject([{ reason: 'capacity' }]);
    first.destroy();
  });
});

describe('the upload budget', () => {
  test('is for all connections together, cuts off and says so; below it everything passes', async () => {
    await using it = await world(answering, { uploadLimit: 2 * GET.length + 10 });
    for (let round = 0; round < 2; round++) expect((await talk(it.port, [GET])).text).toBe(OK);
    const cut = await talk(it.port, [GET]);
    expect(cut.text).toContain('(limits.upload)');
    const later = await talk(it.port, ['GET / HTTP/1.0\r\n\r\n']);
    expect(later.text).toContain('(limits.upload)');
    expect(it.recorder.refusals).toMatchObject([{ reason: 'upload-limit' }, { reason: 'upload-limit' }]);
    const records = await it.recorder.ended(4);
    expect(records.reduce((sum, { up }) => sum + up, 0)).toBe(2 * GET.length);
    expect(records.map(({ cause }) => cause)).toEqual(['ended', 'ended', 'upload-limit', 'upload-limit']);
  });

  test('breaks off a connection that is under way', async () => {
    await using it = await world((socket) => socket.resume(), { uploadLimit: 100_000 });
    const result = await talk(it.port, [Buffer.alloc(50_000), Buffer.alloc(60_000)]);
    expect(result.error).toMatch(/ECONNRESET|EPIPE/);
    const [first] = await it.recorder.ended(1);
    expect(first).toMatchObject({ cause: 'upload-limit' });
    expect(first!.up).toBeLessThanOrEqual(100_000);
  });
});

describe('a rule that is taken back', () => {
  test('closes what it had allowed, and nothing else', async () => {
    await using it = await world((socket) => socket.write('hello'));
    const socket = net.connect(it.port, '127.0.0.1');
    await once(socket, 'data');
    expect(it.relay.revoke(({ rule }) => rule.pattern === 'other.test')).toBe(0);
    expect(it.relay.revoke(({ rule }) => rule.pattern === 'allowed.test')).toBe(1);
    expect((await once(socket, 'error'))[0]).toMatchObject({ code: 'ECONNRESET' });
    expect((await it.recorder.ended(1))[0]).toMatchObject({ cause: 'revoked' });
  });
});

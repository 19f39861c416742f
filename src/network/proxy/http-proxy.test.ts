/** Claims about the HTTP side of the proxy: who may ask, what is dialled, and every way of meaning two hosts at once. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LoopbackServer, talk } from '../streams.fixture.ts';
import { A, CONNECTS, D, EITHER, REQUESTS } from './attack-rows.fixture.ts';
import { makeCredentials, writeBasic } from './credentials.ts';
import { ALLOWED, proxyWorld } from './proxy.fixture.ts';

const INNER = 'GET /in HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n';

describe('the HTTP proxy', () => {
  test('tunnels to an allowed name and passes on a whole address, in origin form, without the credentials', async () => {
    await using it = await proxyWorld();
    const tunnel = await talk(it.port, [
      `CONNECT ALLOWED.Test:8080 HTTP/1.1\r\nHost: x\r\n${it.auth}\r\n`,
      INNER,
    ]);
    expect(tunnel.text).toContain('CANARY for allowed.test at /in');
    const passed = await talk(it.port, [
      `GET http://${A}/x?y HTTP/1.1\r\nHost: ${A}\r\n${it.auth}X-Own: 1\r\n\r\n`,
    ]);
    expect(passed.text).toContain(`CANARY for ${A} at /x?y`);
    expect(it.gate.dialled).toEqual([
      { host: 'allowed.test', port: 8080 },
      { host: 'allowed.test', port: 8080 },
    ]);
    expect(it.heard[1]!.headers).toEqual({ host: A, 'x-own': '1', connection: 'close' });
  });

  test('passes on a body, and nothing that follows it', async () => {
    await using it = await proxyWorld();
    const post = `POST http://${A}/1 HTTP/1.1\r\nHost: ${A}\r\n${it.auth}Content-Length: 3\r\n\r\nabc`;
    const inner = `GET http://${D}/2 HTTP/1.1\r\nHost: ${D}\r\n\r\n`;
    const { text } = await talk(it.port, [post + inner]);
    expect(text.match(/CANARY.*/g)).toEqual([`CANARY for ${A} at /1`]);
    expect(it.heard).toHaveLength(1);
  });

  test('closes what a server keeps open, so that the client asks again and does not wait', async () => {
    await using it = await proxyWorld();
    // It was told to close, and does so only when no more can come.
    const web = await LoopbackServer.of((socket) => {
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'));
      socket.on('end', () => socket.end());
    });
    it.gate.port = web.port;
    const ask = (path: string) => `GET http://${A}${path} HTTP/1.1\r\nHost: ${A}\r\n${it.auth}\r\n`;
    const client = net.connect(it.port, '127.0.0.1');
    client.write(ask('/1'));
    const [first] = (await once(client, 'data')) as [Buffer];
    expect(first.toString()).toMatch(/hi$/);
    client.write(ask('/2'));
    await once(client, 'end');
    client.destroy();
    await web[Symbol.asyncDispose]();
  });

  test.each(CONNECTS)('gives no tunnel: $id $line', async ({ line, host }) => {
    await using it = await proxyWorld();
    const { text } = await talk(it.port, [
      `CONNECT ${line} HTTP/1.1\r\nHost: ${host ?? line}\r\n${it.auth}\r\n`,
      INNER,
    ]);
    expect(text).not.toContain('CANARY');
    expect(text).toMatch(/^HTTP\/1.1 4\d\d /);
    expect(it.gate.dialled.filter(({ host: dialled }) => !ALLOWED.includes(dialled))).toEqual([]);
    expect(it.heard).toEqual([]);
  });

  test.each(REQUESTS)('passes nothing on: $id $line', async ({ line, host, extra, body }) => {
    await using it = await proxyWorld();
    const { text } = await talk(it.port, [
      `${line} HTTP/1.1\r\nHost: ${host ?? D}\r\n${extra ?? ''}${it.auth}\r\n${body ?? 'abcd'}`,
    ]);
    expect(text).not.toContain('CANARY for');
    expect(text).toMatch(/^HTTP\/1.1 4\d\d /);
    expect(it.heard).toEqual([]);
  });

  test.each(EITHER)('lets nobody else answer: $id $line', async ({ line, host, extra, body }) => {
    await using it = await proxyWorld();
    const head = `${line} HTTP/1.1\r\nHost: ${host}\r\n${extra ?? ''}${it.auth}\r\n`;
    const { text } = await talk(it.port, [head + (body ?? '')]);
    // Or breaks off, where the body is no body.
    expect(text).toMatch(/^(HTTP\/1.1 [24]\d\d |$)/);
    expect(text.match(/CANARY for (?!allowed\.test:8080 )\S+/g)).toBeNull();
    expect(it.gate.dialled.filter(({ host: dialled }) => dialled !== 'allowed.test')).toEqual([]);
    expect(it.heard.map(({ headers }) => headers.host)).toEqual(it.heard.map(() => A));
  });

  test('N-P10, N-P11i, N-P09b: an allowed name in other letters, of a pattern, and with its dot is reached', async () => {
    await using it = await proxyWorld();
    for (const name of ['ALLOWED.Test', 'a.wild.test', 'allowed.test.']) {
      const { text } = await talk(it.port, [
        `CONNECT ${name}:8080 HTTP/1.1\r\nHost: x\r\n${it.auth}\r\n`,
        INNER.replace('allowed.test', name),
      ]);
      expect([name, text.includes('CANARY for')]).toEqual([name, true]);
    }
    expect(it.gate.dialled.map(({ host }) => host)).toEqual(['allowed.test', 'a.wild.test', 'allowed.test']);
  });

  test('N-P25, N-P26: a preface of HTTP/2 and a request of HTTP/0.9 are no request', async () => {
    await using it = await proxyWorld();
    for (const said of [`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\0'.repeat(9)}`, `GET http://${A}/\r\n\r\n`]) {
      const { text } = await talk(it.port, [said]);
      expect(text).toMatch(/^HTTP\/1.1 4\d\d /);
    }
    expect([it.heard, it.gate.dialled]).toEqual([[], []]);
  });

  test('what is neither HTTP nor SOCKS is refused at its first octet, while the start of a method is waited for', async () => {
    await using it = await proxyWorld();
    for (const first of ['\x16', '\0', '\r', ' ', '\xff']) {
      const { text } = await talk(it.port, [first]);
      expect([first, text]).toEqual([
        first,
        expect.stringMatching(/^HTTP\/1.1 400 .*neither HTTP nor SOCKS 5/s),
      ]);
    }
    const whole = `CONNECT ${A} HTTP/1.1\r\nHost: ${A}\r\n${it.auth}\r\n`;
    expect((await talk(it.port, [whole[0]!, whole.slice(1), INNER])).text).toContain('CANARY');
    expect(it.gate.dialled).toHaveLength(1);
  });

  test('N-P32: is not led to itself, and N-P99: serves the allowed host after it all', async () => {
    await using it = await proxyWorld();
    const own = `127.0.0.1:${it.port}`;
    for (const head of [
      `CONNECT ${own} HTTP/1.1\r\nHost: ${own}`,
      `GET http://${own}/ HTTP/1.1\r\nHost: ${own}`,
    ]) {
      const { text } = await talk(it.port, [`${head}\r\n${it.auth}\r\n`]);
      expect(text).toMatch(/^HTTP\/1.1 403 /);
    }
    expect(it.gate.dialled).toEqual([]);
    const after = await talk(it.port, [`GET http://${A}/ HTTP/1.1\r\nHost: ${A}\r\n${it.auth}\r\n`]);
    expect(after.text).toContain(`CANARY for ${A} at /`);
  });

  test('refuses another Host, or another TLS name, inside a tunnel', async () => {
    await using it = await proxyWorld();
    const connect = `CONNECT ${A} HTTP/1.1\r\nHost: ${A}\r\n${it.auth}\r\n`;
    const { text } = await talk(it.port, [connect, INNER.replace('allowed', 'denied')]);
    expect(text).toMatch(/^HTTP\/1.1 200 Connection Established\r\n\r\nHTTP\/1.1 403 Forbidden/);
    expect(it.recorder.refusals).toMatchObject([{ reason: 'name-mismatch' }]);
    expect(it.heard).toEqual([]);
  });

  test('answers 407 to no, wrong and other credentials, and dials nothing for them', async () => {
    await using it = await proxyWorld();
    const wrong = [
      '',
      `Proxy-Authorization: ${writeBasic(makeCredentials())}\r\n`,
      'Proxy-Authorization: Basic !\r\n',
    ];
    for (const auth of [...wrong, `${it.auth}${it.auth}`, it.auth.replace('Basic', 'Bearer')]) {
      const { text } = await talk(it.port, [`CONNECT ${A} HTTP/1.1\r\nHost: ${A}\r\n${auth}\r\n`]);
      expect(text).toMatch(/^HTTP\/1.1 407 /);
    }
    expect(it.gate.dialled).toEqual([]);
  });

  test('breaks off who takes too long, and a head without end', async () => {
    await using it = await proxyWorld({ handshakeMs: 40 });
    expect(await talk(it.port, ['CONNECT '])).toEqual({ text: '', error: 'ECONNRESET' });
    for (const filler of ['X: y\r\n', 'x']) {
      expect((await talk(it.port, [`CONNECT ${A} HTTP/1.1\r\n${filler.repeat(40_000)}`])).text).toMatch(
        /^HTTP\/1.1 400 /,
      );
    }
    const good = `CONNECT ${A} HTTP/1.1\r\nHost: ${A}\r\n${it.auth}\r\n`;
    expect((await talk(it.port, [good, INNER])).text).toContain('CANARY');
  });

  test('tells a refused client the host, the rule and the event', async () => {
    await using it = await proxyWorld();
    const { text } = await talk(it.port, [`CONNECT ${D} HTTP/1.1\r\nHost: ${D}\r\n${it.auth}\r\n`]);
    expect(text).toContain('Host: denied.test:8080\nWhy: denied.test is denied\nRule: deny denied.test');
    expect(text).toContain('X-Pinfold-Event: event-1');
  });

  test('listens on a Unix socket too', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pinfold-proxy-'));
    await using it = await proxyWorld({ path: join(directory, 's') });
    const socket = net.connect(join(directory, 's'));
    socket.write(`CONNECT ${A} HTTP/1.1\r\nHost: ${A}\r\n${it.auth}\r\n${INNER}`);
    const parts: Buffer[] = [];
    for await (const part of socket) parts.push(part as Buffer);
    expect(String(Buffer.concat(parts))).toContain('CANARY');
    const refused = net.connect(join(directory, 's'));
    refused.resume();
    refused.on('error', () => {});
    const over = once(refused, 'close');
    refused.write(
      `CONNECT ${A} HTTP/1.1\r\nHost: ${A}\r\n${it.auth}\r\nPROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n`,
    );
    await over;
    expect(it.recorder.refusals).toMatchObject([{ reason: 'protocol' }]);
    rmSync(directory, { recursive: true });
  });
});

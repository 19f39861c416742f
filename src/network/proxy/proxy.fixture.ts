/** A proxy on loopback in front of one web server, with the gate's answers and the dialled names at hand. */
import http from 'node:http';
import { Relay } from '../relay.ts';
import { LoopbackServer, NameGate, record } from '../streams.fixture.ts';
import { makeCredentials, writeBasic } from './credentials.ts';
import { EgressProxy } from './egress-proxy.ts';

export const ALLOWED = ['allowed.test', 'a.wild.test'];

export async function proxyWorld(options: { readonly handshakeMs?: number; readonly path?: string } = {}) {
  const heard: http.IncomingMessage[] = [];
  const web = await LoopbackServer.start(
    http.createServer((request, response) => {
      heard.push(request);
      request.resume();
      request.on('end', () => response.end(`CANARY for ${request.headers.host} at ${request.url}\n`));
    }),
  );
  const gate = new NameGate(web.port, ALLOWED, ['denied.test']);
  const recorder = record<string>();
  const relay = new Relay({ gate, events: recorder, times: { refusal: 30 } });
  const credentials = makeCredentials();
  const proxy = await EgressProxy.listen(
    {
      ...{ gate, relay, credentials, events: recorder, peerOf: () => 'a program' },
      ...(options.handshakeMs && { handshakeMs: options.handshakeMs }),
    },
    options.path,
  );
  return {
    ...{ web, gate, heard, recorder, relay, credentials, proxy },
    port: proxy.port ?? 0,
    auth: `Proxy-Authorization: ${writeBasic(credentials)}\r\n`,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await web[Symbol.asyncDispose]();
    },
  };
}

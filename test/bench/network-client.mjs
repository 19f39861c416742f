/** The client of network.mjs, run inside: HOST PORT [proxy|once]; reads what to measure from stdin, a word on a line, and prints the figure. */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import net from 'node:net';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';

const [host, port, via] = process.argv.slice(2);
const target = via === 'once' ? (await lookup(host, 4)).address : host;
const REQUEST = `GET / HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`;
const proxy = via === 'proxy' ? new URL(process.env.HTTP_PROXY ?? process.env.http_proxy) : undefined;

/** A connection to the server, through the proxy of the environment where there has to be one. */
async function connect() {
  const socket = net.connect(
    proxy
      ? { host: proxy.hostname, port: Number(proxy.port), noDelay: true }
      : { host: target, port: Number(port), noDelay: true },
  );
  await once(socket, 'connect');
  if (proxy) {
    const login =
      proxy.username &&
      `Proxy-Authorization: Basic ${Buffer.from(`${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`).toString('base64')}\r\n`;
    socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n${login}\r\n`);
    const [said] = await once(socket, 'data');
    if (!said.toString().startsWith('HTTP/1.1 200')) throw new Error(said.toString());
  }
  return socket;
}

async function exchange() {
  const socket = await connect();
  socket.write(REQUEST);
  await once(socket, 'data');
  socket.destroy();
}

async function many(count, wide) {
  let left = count;
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: wide }, async () => {
      while (left-- > 0) await exchange();
    }),
  );
  return count / ((performance.now() - begun) / 1000);
}

let held = [];
const MEASURES = {
  async hold() {
    held = await Promise.all(
      Array.from({ length: 500 }, async () => {
        const socket = await connect();
        socket.write(REQUEST);
        await once(socket, 'data');
        return socket;
      }),
    );
    return held.length;
  },
  async release() {
    for (const socket of held.splice(0)) socket.destroy();
    await new Promise((done) => setTimeout(done, 500));
    return 0;
  },
  async first() {
    const times = [];
    for (let at = 0; at < 200; at++) {
      const begun = performance.now();
      await exchange();
      times.push(performance.now() - begun);
    }
    return times.sort((a, b) => a - b)[100];
  },
  connections: () => many(1000, 8),
  endure: () => many(10_000, 16),
  async keepAlive() {
    const socket = await connect();
    const times = [];
    for (let at = 0; at < 1000; at++) {
      const begun = performance.now();
      socket.write(REQUEST);
      await once(socket, 'data');
      times.push(performance.now() - begun);
    }
    socket.destroy();
    return times.sort((a, b) => a - b)[500];
  },
  async bulk() {
    const socket = await connect();
    const begun = performance.now();
    let bytes = 0;
    socket.on('data', (data) => {
      bytes += data.length;
    });
    socket.write(REQUEST.replace('/ ', '/bulk '));
    await once(socket, 'close');
    return bytes / 1e6 / ((performance.now() - begun) / 1000);
  },
  async wide() {
    const begun = performance.now();
    await MEASURES.hold();
    for (const socket of held.splice(0)) socket.destroy();
    return (performance.now() - begun) / 1000;
  },
};

for await (const what of createInterface({ input: process.stdin })) console.log(await MEASURES[what]());

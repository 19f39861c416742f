/**
 * The relay against a direct loopback connection and against the barest relay Node can be, in one run:
 * `node test/bench/relay.mjs [--rounds N]`. Client, relay and server are three processes; contenders take turns in each
 * round and medians are compared. Compare ratios, not figures.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const self = fileURLToPath(import.meta.url);
const REQUEST = 'GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n';
const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
const BULK_REQUEST = 'GET /bulk HTTP/1.0\r\nHost: allowed.test\r\n\r\n';
const BULK = Buffer.alloc(1024 * 1024, 1);
const BULK_MIB = 512;

/** Answers every request; `/bulk` with half a GiB and the end of the connection. */
function serveAnswers(socket) {
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (data) => {
    if (!data.includes('/bulk')) socket.write(ANSWER);
    else {
      let left = BULK_MIB;
      const more = () => {
        while (left-- > 0) if (!socket.write(BULK)) return;
        socket.end();
      };
      socket.on('drain', more);
      more();
    }
  });
}

/** Dials the one server for every allowed name; decides nothing. The gate's own cost is its own benchmark. */
const loopbackGate = (port) => ({
  judge: (destination) => ({
    kind: 'allowed',
    destination,
    rule: { pattern: 'allowed.test', access: 'allow' },
  }),
  connect: (destination) =>
    new Promise((resolve) => {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.once('connect', () => {
        resolve({ kind: 'connected', socket, destination, address: '127.0.0.1', rule: {}, via: 'direct' });
      });
    }),
});

const ROLES = {
  server: async () => net.createServer({ allowHalfOpen: false }, serveAnswers),
  bare: async (port) =>
    net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      const server = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      for (const [from, to] of [
        [client, server],
        [server, client],
      ]) {
        from.pipe(to);
        from.on('error', () => to.destroy());
      }
    }),
  relay: async (port, bundle) => {
    const { Relay } = await import(bundle);
    const events = { refused: () => 'none', closed() {} };
    const relay = new Relay({ gate: loopbackGate(port), events });
    const named = { host: 'allowed.test', port: 80 };
    return net.createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      relay.serve(client, named, undefined),
    );
  },
};

async function start(role, port, bundle) {
  const child = fork(self, ['--role', role, String(port), bundle ?? '']);
  const [said] = await once(child, 'message');
  return { name: role, port: said.port, child };
}

async function ask({ child }) {
  child.send('state');
  return (await once(child, 'message'))[0];
}

function exchange(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(REQUEST));
    socket.once('error', reject);
    socket.once('data', () => {
      socket.destroy();
      resolve();
    });
  });
}

/** `count` exchanges, `wide` at a time, each on a connection of its own; per second. */
async function newConnections(port, count, wide) {
  let left = count;
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: wide }, async () => {
      while (left-- > 0) await exchange(port);
    }),
  );
  return count / ((performance.now() - begun) / 1000);
}

async function keepAlive(port, count) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const times = [];
  for (let at = 0; at < count; at++) {
    const begun = performance.now();
    socket.write(REQUEST);
    await once(socket, 'data');
    times.push(performance.now() - begun);
  }
  socket.destroy();
  times.sort((a, b) => a - b);
  return times[Math.floor(count / 2)];
}

async function bulk(port) {
  const socket = net.connect({ port, host: '127.0.0.1' });
  const begun = performance.now();
  let bytes = 0;
  socket.on('data', (data) => {
    bytes += data.length;
  });
  socket.write(BULK_REQUEST);
  await once(socket, 'close');
  if (bytes !== BULK_MIB * BULK.length) throw new Error(`only ${bytes} bytes came`);
  return bytes / 1e6 / ((performance.now() - begun) / 1000);
}

const MEASURES = {
  'new connections/s': ({ port }) => newConnections(port, 1500, 8),
  'keep-alive, median ms': ({ port }) => keepAlive(port, 1500),
  'bulk, MB/s': ({ port }) => bulk(port),
};

async function main() {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
  const work = mkdtempSync(join(tmpdir(), 'pinfold-relay-'));
  const bundle = join(work, 'relay.mjs');
  const entryPoints = [fileURLToPath(new URL('../../src/network/relay.ts', import.meta.url))];
  await build({
    entryPoints,
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: bundle,
    logLevel: 'error',
  });
  const server = await start('server', 0);
  const contenders = [
    { ...server, name: 'direct' },
    await start('bare', server.port),
    await start('relay', server.port, bundle),
  ];
  const samples = Object.fromEntries(Object.keys(MEASURES).map((name) => [name, contenders.map(() => [])]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, measure] of Object.entries(MEASURES)) {
      for (let turn = 0; turn < contenders.length; turn++) {
        const index = (turn + round) % contenders.length;
        samples[name][index].push(await measure(contenders[index]));
      }
    }
  }
  const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
  for (const [name, lists] of Object.entries(samples)) {
    console.log(name);
    for (const [index, list] of lists.entries()) {
      const spread = `${Math.min(...list).toFixed(3)} to ${Math.max(...list).toFixed(3)}`;
      console.log(
        `  ${contenders[index].name.padEnd(8)}${median(list).toFixed(3).padStart(12)}   (${spread})`,
      );
    }
  }
  await endurance(contenders[2]);
  for (const { child } of contenders) child.disconnect();
  rmSync(work, { recursive: true });
}

async function endurance(relay) {
  const show = ({ rss, descriptors }) => `${(rss / 2 ** 20).toFixed(0)} MiB, ${descriptors} descriptors`;
  console.log(`relay before: ${show(await ask(relay))}`);
  const open = await Promise.all(
    Array.from({ length: 500 }, async () => {
      const socket = net.connect({ port: relay.port, host: '127.0.0.1' });
      socket.write(REQUEST);
      await once(socket, 'data');
      return socket;
    }),
  );
  console.log(`with 500 open: ${show(await ask(relay))}`);
  for (const socket of open) socket.destroy();
  await newConnections(relay.port, 10_000, 16);
  await new Promise((resolve) => setTimeout(resolve, 500));
  console.log(`after 10,000 more: ${show(await ask(relay))}`);
}

if (process.argv[2] === '--role') {
  const [role, port, bundle] = process.argv.slice(3);
  const server = await ROLES[role](Number(port), bundle);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, () =>
    process.send({ port: server.address().port }),
  );
  process.on('message', () => {
    process.send({ rss: process.memoryUsage().rss, descriptors: readdirSync('/proc/self/fd').length });
  });
  process.on('disconnect', () => process.exit());
} else {
  await main();
}

/**
 * The network of a sandbox from inside, in one run beside a direct connection and what else is installed (pasta, slirp4netns,
 * @anthropic-ai/sandbox-runtime): `node test/bench/network.mjs [--rounds N] [--srt DIR]`. Contenders take turns; compare ratios, not figures.
 * The name is this machine's own, listed with its address, so that nothing leaves the machine.
 */
import { execFileSync, spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
const BULK = Buffer.alloc(1024 * 1024, 1);
const BULK_MIB = 256;
/** What the machine calls itself, as its /etc/hosts or name service resolves it. */
const NAME = hostname();
const MEASURES = {
  connections: 'new conn/s',
  keepAlive: 'keep-alive ms',
  first: 'first byte ms',
  bulk: 'bulk MB/s',
  wide: '500 at once s',
};
/** [what it is of, the least or most that it may be, how it is computed of medians]. */
const BARS = [
  [
    'new connections, of sandbox-runtime',
    '>= 5',
    (of, who, srt) => of(who, 'connections') / of(srt, 'connections'),
  ],
  ['bulk, of sandbox-runtime', '>= 2.5', (of, who, srt) => of(who, 'bulk') / of(srt, 'bulk')],
  ['added latency, ms', '<= 0.4', (of, who) => of(who, 'keepAlive') - of('direct', 'keepAlive')],
];

function serve(socket) {
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (data) => {
    if (!data.includes('/bulk')) return socket.write(ANSWER);
    let left = BULK_MIB;
    const more = () => {
      while (left-- > 0) if (!socket.write(BULK)) return;
      socket.end();
    };
    socket.on('drain', more);
    more();
  });
}

/** Starts the client under `words`; the client measures what it is asked for. */
function contender(name, words, host, port, options = {}) {
  const argv = [...words, process.execPath, options.client, host, String(port), options.via ?? ''];
  const child = spawn(argv[0], argv.slice(1), { stdio: ['pipe', 'pipe', 'inherit'], ...options.spawn });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name,
    child,
    async measure(what) {
      child.stdin.write(`${what}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} ended`);
      return Number(value);
    },
    async end() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

function has(program) {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

/** Descriptors and resident memory of Pinfold's own process. */
function stateOf(pid) {
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, rss: Math.round(Number(rss[1]) / 1024) };
}

/** Medians side by side, then each bar with what was reached. */
function printTable(all, samples) {
  const of = (name, what) => median(samples.get(`${what} ${name}`) ?? [Number.NaN]);
  console.log(['', ...Object.values(MEASURES)].map((word) => word.padStart(16)).join(''));
  for (const { name } of all) {
    const figures = Object.keys(MEASURES).map((what) => of(name, what).toPrecision(3).padStart(16));
    console.log(name.padEnd(20).slice(0, 20) + figures.join('').slice(4));
  }
  for (const { name } of all.filter((each) => each.name.startsWith('pinfold')))
    for (const [what, bar, reached] of BARS) {
      const figure = reached(of, name, 'sandbox-runtime');
      const [sign, limit] = bar.split(' ');
      const holds = sign === '>=' ? figure >= Number(limit) : figure <= Number(limit);
      const word = Number.isNaN(figure) ? 'not measured' : holds ? 'holds' : 'MISSED';
      console.log(`${name}: ${what} ${bar}: ${figure.toFixed(2)} ${word}`);
    }
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

async function main() {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '3' }, srt: { type: 'string' } },
  });
  const project = mkdtempSync(join(realpathSync(homedir()), 'pinfold-bench-'));
  const client = join(project, 'client.mjs');
  copyFileSync(fileURLToPath(new URL('network-client.mjs', import.meta.url)), client);
  const server = net.createServer(serve);
  server.listen({ port: 0, host: '0.0.0.0', backlog: 2048 });
  await once(server, 'listening');
  const { port } = server.address();
  const { address } = await lookup(NAME, 4);
  const spawned = { client, spawn: { cwd: project } };
  const node = join(realpathSync(process.execPath), '../..');
  const pinfold = (...flags) => [
    ...[
      process.execPath,
      join(ROOT, 'dist/pinfold.cjs'),
      'run',
      '--quiet',
      '--mode',
      'strict',
      '--project',
      project,
    ],
    ...(node === '/usr' ? [] : ['--allow', `${node}:ro`]),
    ...flags,
    '--',
  ];
  const listed = [
    '--net',
    'filtered',
    '--allow-domain',
    `${NAME}:${port}`,
    '--allow-domain',
    `${address}:${port}`,
  ];
  const all = [
    contender('direct', [], '127.0.0.1', port, spawned),
    contender('pinfold local', pinfold('--net', 'local'), '127.0.0.1', port, spawned),
    contender('pinfold by name', pinfold(...listed), NAME, port, spawned),
    contender('pinfold, looked up', pinfold(...listed), NAME, port, { ...spawned, via: 'once' }),
  ];
  if (has('pasta'))
    all.push(
      contender(
        'pasta',
        ['pasta', '--quiet', '--runas', '0', '--config-net', '-T', String(port), '--'],
        '127.0.0.1',
        port,
        spawned,
      ),
    );
  if (values.srt) all.push(sandboxRuntime(values.srt, port, client));
  const samples = new Map();
  for (let round = 0; round < Number(values.rounds); round++)
    for (const what of Object.keys(MEASURES))
      for (const each of [...all.slice(round % all.length), ...all.slice(0, round % all.length)]) {
        const key = `${what} ${each.name}`;
        try {
          samples.set(key, [...(samples.get(key) ?? []), await each.measure(what)]);
        } catch (error) {
          console.log(`${key}: ${error.message}`);
          all.splice(all.indexOf(each), 1);
        }
      }
  printTable(all, samples);
  for (const each of all.filter(({ name }) => name.startsWith('pinfold'))) {
    const states = [stateOf(each.child.pid)];
    for (const what of ['hold', 'release', 'endure']) {
      await each.measure(what);
      states.push(stateOf(each.child.pid));
    }
    const told = states.map(({ descriptors, rss }) => `${descriptors} descriptors, ${rss} MiB`);
    console.log(
      `${each.name}: ${told[0]}; with 500 open ${told[1]}; closed ${told[2]}; after 10,000 connections ${told[3]}`,
    );
  }
  for (const each of all) await each.end();
  server.close();
  rmSync(project, { recursive: true });
}

/** Its proxy is asked by CONNECT. In a directory of its own, which it fills with placeholder files. `home` holds its node_modules. */
function sandboxRuntime(home, port, from) {
  const directory = mkdtempSync(join(realpathSync(homedir()), 'srt-bench-'));
  const client = join(directory, 'client.mjs');
  copyFileSync(from, client);
  const settings = join(directory, 'srt.json');
  const network = { allowedDomains: ['localhost'], deniedDomains: [] };
  const filesystem = { denyRead: [], allowWrite: [directory], denyWrite: [] };
  writeFileSync(settings, JSON.stringify({ network, filesystem }));
  const cli = join(home, 'node_modules/@anthropic-ai/sandbox-runtime/dist/cli.js');
  const words = [process.execPath, cli, '--settings', settings];
  const made = contender('sandbox-runtime', words, 'localhost', port, {
    client,
    spawn: { cwd: directory },
    via: 'proxy',
  });
  made.child.once('exit', () => rmSync(directory, { recursive: true }));
  return made;
}

await main();

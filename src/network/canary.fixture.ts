/** A world for the gate: servers on every loopback address that say which of them was reached, and names that lead there. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { normaliseHost, parsePort, splitPort } from '../policy/host-pattern.ts';
import { EgressRules } from './egress-rules.ts';
import { EgressGate, type GateOptions } from './gate.ts';
import { HostLookup } from './host-lookup.ts';
import { rulesOf } from './rules.fixture.ts';
import type { Connected, Refusal } from './types.ts';

/** Loopback addresses that stand for public ones: the tests list them in their rules, as a person would a private host. */
export const PUBLIC = { allowed: '127.0.0.10', denied: '127.0.0.11', wild: '127.0.0.12' } as const;

/** What each name leads to; a function is asked anew each time. */
export type Names = Readonly<Record<string, readonly string[] | (() => readonly string[])>>;

const NAMES: Names = {
  'allowed.test': [PUBLIC.allowed],
  'denied.test': [PUBLIC.denied],
  'a.wild.test': [PUBLIC.wild],
  'lo.wild.test': ['127.0.0.1'],
  'lo6.wild.test': ['::1'],
  'map.wild.test': ['::ffff:127.0.0.1'],
  'meta.wild.test': ['169.254.169.254'],
  'meta6.wild.test': ['fd00:ec2::254'],
  'nat64.wild.test': ['64:ff9b::7f00:1'],
  'zero.wild.test': ['0.0.0.0'],
  'priv.wild.test': ['10.99.0.9'],
  'mixed.wild.test': ['127.0.0.1', PUBLIC.wild],
};

export interface World extends AsyncDisposable {
  readonly port: number;
  /** Addresses that were connected to, in order. */
  readonly hits: string[];
  readonly refusals: Refusal[];
  readonly withdrawn: Refusal[];
  /** Names that were resolved on the host. */
  readonly resolved: string[];
  gate(rules: string, options?: Partial<GateOptions> & { readonly names?: Names }): EgressGate;
}

/** Accepts on all addresses of the host; the first thing a client gets is the address it reached. */
async function listenEverywhere(hits: string[], sockets: Set<Socket>): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const address = socket.localAddress!.replace('::ffff:', '');
    hits.push(address);
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.write(`CANARY ${address}\n`);
  });
  server.listen(0);
  await once(server, 'listening');
  return server;
}

export async function makeWorld(): Promise<World> {
  const [hits, refusals, withdrawn, resolved]: [string[], Refusal[], Refusal[], string[]] = [[], [], [], []];
  const sockets = new Set<Socket>();
  const server = await listenEverywhere(hits, sockets);
  const gates: EgressGate[] = [];
  return {
    port: (server.address() as AddressInfo).port,
    hits,
    refusals,
    withdrawn,
    resolved,
    gate(rules, { names = NAMES, ...options } = {}) {
      const lookup = new HostLookup({
        keepMs: 0,
        async resolve(name) {
          resolved.push(name);
          const entry = Object.hasOwn(names, name) ? names[name]! : undefined;
          if (entry === undefined) throw Object.assign(new Error(name), { code: 'ENOTFOUND' });
          return typeof entry === 'function' ? entry() : entry;
        },
      });
      const gate = new EgressGate({
        rules: new EgressRules(rulesOf(rules)),
        lookup,
        onRefused: (refusal) => refusals.push(refusal),
        onWithdrawn: (_, refusal) => withdrawn.push(refusal),
        ...options,
      });
      gates.push(gate);
      return gate;
    },
    async [Symbol.asyncDispose]() {
      for (const gate of gates) gate.close();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Reads the canary's word and closes; a refusal gives its reason. */
export async function outcomeOf(result: Connected | Refusal): Promise<string> {
  if (result.kind === 'refused') return result.reason;
  const [chunk] = (await once(result.socket, 'data')) as [Buffer];
  result.socket.destroy();
  return chunk.toString().trim();
}

/** Asks for what a client wrote as `host:port`, with the one reading of hosts that everything here shares. */
export async function ask(gate: EgressGate, written: string): Promise<string> {
  const { host, port } = splitPort(written);
  const destination = { host: normaliseHost(host) ?? host, port: parsePort(port ?? '') ?? 0 };
  return outcomeOf(await gate.connect(destination));
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HostLook } from './host-look.ts';
import type { TripwireLayout } from './nodes.ts';
import { decodeRequest, ERRNO, OPCODE } from './protocol.ts';
import { type Asked, nameBytes, readBody, requestBytes, u32s, u64s } from './requests.fixture.ts';
import { TripwireServer } from './server.ts';
import type { TripwireSighting } from './sightings.ts';

const LAYOUT: TripwireLayout = {
  attached: [
    { path: '/home', kind: 'directory' },
    { path: '/srv', kind: 'closed-directory' },
    { path: '/home/ada/code/app/.env', kind: 'closed-file' },
  ],
  beneath: [
    { path: '/home/ada/code/app', kind: 'directory' },
    { path: '/home/ada/data', kind: 'link', to: '/mnt/data' },
    { path: '/home/ada/.gitconfig', kind: 'file' },
  ],
};

const HOST: Readonly<Record<string, 'directory' | 'other'>> = {
  '/home/bob': 'directory',
  '/home/ada/.ssh': 'directory',
  '/home/ada/.ssh/id_rsa': 'other',
  '/home/ada/notes': 'other',
  '/srv/www': 'directory',
};

const SUPERVISOR = 99;

class Kernel {
  readonly sightings: string[] = [];
  readonly #replies: Buffer[] = [];
  readonly server: TripwireServer;

  constructor(look: HostLook = async (path) => HOST[path.toString('latin1')] ?? 'absent') {
    this.server = new TripwireServer({
      layout: LAYOUT,
      owner: { uid: 1000, gid: 1000 },
      send: (reply) => this.#replies.push(reply),
      onSighting: ({ act, path, pid }: TripwireSighting) => {
        this.sightings.push(`${act} ${Buffer.from(path).toString('latin1')} by ${pid}`);
        return undefined;
      },
      isOwn: (pid) => pid === SUPERVISOR,
      look,
    });
  }

  async ask(asked: Asked): Promise<Buffer> {
    await this.server.answer(decodeRequest(requestBytes(asked)));
    const reply = this.#replies.pop();
    if (reply === undefined || this.#replies.length > 0) throw new Error('not exactly one answer');
    return reply;
  }

  async errno(asked: Asked): Promise<number> {
    return Math.abs((await this.ask(asked)).readInt32LE(4));
  }

  /** Walks like the kernel: the node found, or the errno's name. */
  async walk(names: readonly string[], pid?: number): Promise<bigint | string> {
    let node = 1n;
    for (const name of names) {
      const reply = await this.ask({
        opcode: OPCODE.lookup,
        node,
        body: nameBytes(name),
        ...(pid !== undefined && { pid }),
      });
      const errno = -reply.readInt32LE(4);
      if (errno !== 0) return Object.entries(ERRNO).find(([, value]) => value === errno)![0];
      node = reply.readBigUInt64LE(16);
      if (node === 0n) return 'ENOENT';
    }
    return node;
  }

  /** Of what `walk` finds. */
  async node(...names: string[]): Promise<bigint> {
    const found = await this.walk(names);
    if (typeof found === 'string') throw new Error(found);
    return found;
  }

  async list(node: bigint, opcode: number = OPCODE.readdir): Promise<string[]> {
    const names: string[] = [];
    for (;;) {
      const reply = await this.ask({ opcode, node, body: readBody(BigInt(names.length), 4096) });
      if (reply.length === 16) return names;
      const before = opcode === OPCODE.readdir ? 0 : 128;
      for (let at = 16; at < reply.length; ) {
        const length = reply.readUInt32LE(at + before + 16);
        names.push(reply.toString('latin1', at + before + 24, at + before + 24 + length));
        at += before + ((24 + length + 7) & ~7);
      }
    }
  }
}

describe('a look-up', () => {
  test.each<[string, string[], string | undefined, string[]]>([
    ['of what leads to something shown succeeds', ['0', 'ada', 'code', 'app'], undefined, []],
    [
      'of a hidden file is refused and seen',
      ['0', 'ada', 'notes'],
      'EACCES',
      ['look-up /home/ada/notes by 4711'],
    ],
    ['of an absent name is no sighting', ['0', 'ada', 'nothing'], 'ENOENT', []],
    [
      'goes through a hidden directory, so that the whole path is seen',
      ['0', 'ada', '.ssh', 'id_rsa'],
      'EACCES',
      ['look-up /home/ada/.ssh/id_rsa by 4711'],
    ],
    ['of an absent name in a hidden directory is no sighting', ['0', 'ada', '.ssh', 'nothing'], 'ENOENT', []],
    ['beneath a closed directory is judged alike', ['1', 'www', 'nothing'], 'ENOENT', []],
    ['in the root finds nothing but what is attached', ['ada'], 'ENOENT', []],
    ['beneath a file is refused', ['0', 'ada', '.gitconfig', 'x'], 'ENOTDIR', []],
    ['of a parent by name is refused', ['0', 'ada', '..'], 'EINVAL', []],
  ])('%s', async (_title, names, errno, sightings) => {
    const kernel = new Kernel();
    const found = await kernel.walk(names);
    expect(typeof found === 'string' ? found : undefined).toBe(errno);
    expect(kernel.sightings).toEqual(sightings);
  });

  test('keeps every byte of a name', async () => {
    const seen: Buffer[] = [];
    const kernel = new Kernel(async (path) => {
      seen.push(path);
      return 'other';
    });
    const name = Buffer.from([0xff, 0x1b, 0x5d, 0x0a, 0xc3]);
    const node = await kernel.node('0', 'ada');
    expect(await kernel.errno({ opcode: OPCODE.lookup, node, body: nameBytes(name) })).toBe(ERRNO.EACCES);
    expect(seen).toEqual([Buffer.concat([Buffer.from('/home/ada/'), name])]);
  });

  test('by the supervisor is answered and not told', async () => {
    const kernel = new Kernel();
    expect(await kernel.walk(['0', 'ada', 'notes'], SUPERVISOR)).toBe('EACCES');
    expect(kernel.sightings).toEqual([]);
  });
});

describe('what a program does with a node', () => {
  test.each<[string, string[], Asked, number, string[]]>([
    [
      'stat of a hidden directory',
      ['0', 'ada', '.ssh'],
      { opcode: OPCODE.getattr },
      ERRNO.EACCES,
      ['look-up /home/ada/.ssh by 4711'],
    ],
    [
      'listing a hidden directory',
      ['0', 'bob'],
      { opcode: OPCODE.opendir },
      ERRNO.EACCES,
      ['list /home/bob by 4711'],
    ],
    [
      'access to a hidden directory',
      ['0', 'bob'],
      { opcode: OPCODE.access, body: u32s(0, 0) },
      ERRNO.EACCES,
      ['look-up /home/bob by 4711'],
    ],
    ['stat of a closed file', ['2'], { opcode: OPCODE.getattr }, 0, []],
    ['access F_OK to a closed file', ['2'], { opcode: OPCODE.access, body: u32s(0, 0) }, 0, []],
    [
      'access R_OK to a closed file',
      ['2'],
      { opcode: OPCODE.access, body: u32s(4, 0) },
      ERRNO.EACCES,
      ['look-up /home/ada/code/app/.env by 4711'],
    ],
    [
      'opening a closed file',
      ['2'],
      { opcode: OPCODE.open },
      ERRNO.EACCES,
      ['read /home/ada/code/app/.env by 4711'],
    ],
    ['listing a closed directory', ['1'], { opcode: OPCODE.opendir }, ERRNO.EACCES, ['list /srv by 4711']],
    ['stat of a way', ['0', 'ada'], { opcode: OPCODE.getattr }, 0, []],
    ['listing a way', ['0', 'ada'], { opcode: OPCODE.opendir }, 0, []],
    ['entering a way', ['0', 'ada'], { opcode: OPCODE.access, body: u32s(1, 0) }, 0, []],
    ['making a directory', ['0'], { opcode: 9 }, ERRNO.EROFS, []],
  ])('%s', async (_title, names, asked, errno, sightings) => {
    const kernel = new Kernel();
    const node = await kernel.node(...names);
    expect(await kernel.errno({ ...asked, node })).toBe(errno);
    expect(kernel.sightings).toEqual(sightings);
  });

  test('a way lists what is shown and nothing that was walked through', async () => {
    const kernel = new Kernel();
    const node = await kernel.node('0', 'ada');
    await kernel.walk(['0', 'ada', '.ssh']);
    expect(await kernel.list(node)).toEqual(['code', 'data', '.gitconfig']);
    expect(await kernel.list(node, OPCODE.readdirplus)).toEqual(['code', 'data', '.gitconfig']);
  });

  test('the root lists every part of it', async () => {
    const kernel = new Kernel();
    expect(await kernel.list(1n, OPCODE.readdirplus)).toEqual(['0', '1', '2']);
  });

  test('a link says where it leads', async () => {
    const kernel = new Kernel();
    const node = await kernel.node('0', 'ada', 'data');
    expect((await kernel.ask({ opcode: OPCODE.readlink, node })).toString('utf8', 16)).toBe('/mnt/data');
  });
});

describe('the table', () => {
  test('forgets a hidden directory when the kernel lets go of it, and never the skeleton', async () => {
    const kernel = new Kernel();
    const forget = (node: bigint, times: bigint) =>
      kernel.server.answer(decodeRequest(requestBytes({ opcode: OPCODE.forget, node, body: u64s(times) })));
    const hidden = await kernel.node('0', 'ada', '.ssh');
    expect(await kernel.node('0', 'ada', '.ssh')).toBe(hidden);
    await forget(hidden, 1n);
    expect(await kernel.errno({ opcode: OPCODE.getattr, node: hidden })).toBe(ERRNO.EACCES);
    await forget(hidden, 1n);
    expect(await kernel.errno({ opcode: OPCODE.getattr, node: hidden })).toBe(ERRNO.ESTALE);
    const way = await kernel.node('0', 'ada');
    await forget(way, 1000n);
    expect(await kernel.errno({ opcode: OPCODE.getattr, node: way })).toBe(0);
  });

  test('no sequence of requests gets anything but an answer, and no answer opens a file', async () => {
    const asked = fc.record({
      opcode: fc.oneof(fc.constantFrom(...Object.values(OPCODE)), fc.integer({ min: 0, max: 60 })),
      node: fc.bigInt({ min: 0n, max: 16n }),
      body: fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(...['ada', '.ssh', 'x', '..', ''].map(nameBytes)),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { maxLength: 30 }), async (all) => {
        const replies: Buffer[] = [];
        const server = new TripwireServer({
          layout: LAYOUT,
          owner: { uid: 0, gid: 0 },
          send: (reply) => replies.push(reply),
          onSighting: () => undefined,
          isOwn: () => false,
          look: async (path) => (path.length % 2 === 0 ? 'directory' : 'other'),
        });
        for (const one of all) {
          replies.length = 0;
          await server.answer(decodeRequest(requestBytes(one)));
          const silent = one.opcode === OPCODE.forget || one.opcode === OPCODE.batchForget;
          expect(replies.length).toBe(silent ? 0 : 1);
          for (const reply of replies) expect(reply.readUInt32LE(0)).toBe(reply.length);
          if (one.opcode === OPCODE.open) expect(replies[0]!.readInt32LE(4)).toBeLessThan(0);
        }
      }),
    );
  });
});

describe('a patient server', () => {
  /** Its judgement is what `judge` says, by path. */
  class Patient {
    readonly looks: string[] = [];
    readonly #replies: Buffer[] = [];
    readonly #server: TripwireServer;

    constructor(judge: (path: string) => 'refused' | 'shown') {
      const host: Readonly<Record<string, 'directory' | 'file' | 'other'>> = {
        '/home/ada/data': 'directory',
        '/home/ada/data/file': 'file',
        '/home/ada/data/pipe': 'other',
      };
      this.#server = new TripwireServer({
        layout: {
          attached: [{ path: '/home', kind: 'directory' }],
          beneath: [{ path: '/home/ada/x', kind: 'directory' }],
        },
        owner: { uid: 1000, gid: 1000 },
        send: (reply) => this.#replies.push(reply),
        onSighting: async ({ act, path, brief }) => {
          const text = Buffer.from(path).toString('latin1');
          this.looks.push(`${act} ${text}${brief ? ' briefly' : ''}`);
          return brief ? 'refused' : judge(text);
        },
        isOwn: (pid) => pid === SUPERVISOR,
        look: async (path) => host[path.toString('latin1')] ?? 'absent',
        patient: true,
      });
    }

    async ask(asked: Asked): Promise<Buffer> {
      await this.#server.answer(decodeRequest(requestBytes(asked)));
      return this.#replies.pop()!;
    }

    async errno(asked: Asked): Promise<number> {
      return Math.abs((await this.ask(asked)).readInt32LE(4));
    }

    async lookup(node: bigint, name: string): Promise<Buffer> {
      return await this.ask({ opcode: OPCODE.lookup, node, body: nameBytes(name) });
    }

    async walk(...names: string[]): Promise<bigint> {
      let node = 1n;
      for (const name of names) node = (await this.lookup(node, name)).readBigUInt64LE(16);
      return node;
    }
  }

  test('judges the use of a hidden file, and never the look-up, for which a directory is locked', async () => {
    const kernel = new Patient(() => 'refused');
    const file = await kernel.walk('0', 'ada', 'data', 'file');
    expect(kernel.looks).toEqual([]);
    expect(await kernel.errno({ opcode: OPCODE.open, node: file })).toBe(ERRNO.EACCES);
    expect(await kernel.errno({ opcode: OPCODE.getattr, node: file })).toBe(ERRNO.EACCES);
    expect(kernel.looks).toEqual(['read /home/ada/data/file', 'look-up /home/ada/data/file']);
  });

  test('says of what is shown now that it is to be walked to anew', async () => {
    const kernel = new Patient((path) => (path.endsWith('/file') ? 'shown' : 'refused'));
    const file = await kernel.walk('0', 'ada', 'data', 'file');
    expect(await kernel.errno({ opcode: OPCODE.open, node: file })).toBe(ERRNO.ESTALE);
    const directory = await kernel.walk('0', 'ada', 'data');
    expect(await kernel.errno({ opcode: OPCODE.opendir, node: directory })).toBe(ERRNO.EACCES);
  });

  test('refuses what is neither file nor directory at once, and the supervisor is asked about nothing', async () => {
    const kernel = new Patient(() => 'shown');
    const data = await kernel.walk('0', 'ada', 'data');
    expect(Math.abs((await kernel.lookup(data, 'pipe')).readInt32LE(4))).toBe(ERRNO.EACCES);
    expect(kernel.looks).toEqual(['look-up /home/ada/data/pipe briefly']);
    const file = await kernel.walk('0', 'ada', 'data', 'file');
    expect(await kernel.errno({ opcode: OPCODE.getattr, node: file, pid: SUPERVISOR })).toBe(ERRNO.EACCES);
    expect(kernel.looks.length).toBe(1);
  });
});

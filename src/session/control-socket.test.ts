import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { connectSession, request } from './control-client.ts';
import type { ControlledSession } from './control-server.ts';
import { ControlSocket } from './control-socket.ts';
import type { ListedSession } from './store.ts';

/** What a connection that waits for the end of a command hears when the session ends first. */
describe('the end of a session', () => {
  const places: string[] = [];
  afterEach(() => {
    for (const place of places.splice(0)) rmSync(place, { recursive: true });
  });

  /** Joins one connection to a command, of which `joined` gets the session's end. */
  async function joinOne(joined: (socket: Socket) => void) {
    const directory = mkdtempSync(join(tmpdir(), 'pinfold-control-'));
    places.push(directory);
    const control = new ControlSocket(directory, {
      policy: {},
      abilities: async () => ({ command: () => joined, close: () => {} }),
    } as unknown as ControlledSession);
    const session = { directory, id: 'x', state: 'live', pinfold: { pid: 1 } } as unknown as ListedSession;
    const socket = await connectSession(session);
    await request(session, socket, 'exec', { argv: ['true'] });
    socket.setEncoding('utf8').resume();
    socket.on('end', () => socket.destroy());
    return { control, socket };
  }

  test('is told to whoever is joined to a command, though the word comes late', async () => {
    let peer: Socket | undefined;
    const { control, socket } = await joinOne((joined) => {
      peer = joined;
    });
    const heard = once(socket, 'data');
    const gone = once(socket, 'close');
    const closed = control.close();
    // As when the pipes of the command close a turn of the event loop after the session did.
    setTimeout(() => peer!.end('it was killed'), 100);
    expect(await heard).toEqual(['it was killed']);
    await Promise.all([closed, gone]);
  });

  test('is not held up by a command that tells nothing', async () => {
    const { control, socket } = await joinOne(() => {});
    const gone = once(socket, 'close');
    await control.close();
    await gone;
    expect(socket.bytesRead).toBe('{"version":1,"ok":true,"result":{}}\n'.length);
  });
});

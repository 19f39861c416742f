/** Owns how a socket is closed without ceremony: with a reset where the other side can be sent one. */
import type { Socket } from 'node:net';

/**
 * A reset tells the other side at once that nothing more comes, as a plain close would not while it has half of the
 * connection open. Unix sockets know none. While a shutdown is under way libuv refuses to reset (uv_tcp_close_reset,
 * UV_EINVAL), and Node would then never close the descriptor.
 */
export function breakOff(socket: Socket): void {
  if (socket.destroyed) return;
  const shuttingDown = socket.writableEnded && !socket.writableFinished;
  if (shuttingDown || socket.connecting || socket.remoteFamily === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

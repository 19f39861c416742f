/** Joins stdin and stdout to a host and a port through the proxy of the session: what ssh is given as its ProxyCommand. */

/**
 * For `node -e`, then `--`, a host and a port. It finds the proxy in ALL_PROXY, speaks SOCKS5 with a password (RFC 1928,
 * RFC 1929), and is one line without quotes of its own, since it goes through a shell and ssh_config(5).
 */
const SCRIPT = [
  'const [host, port] = process.argv.slice(1);',
  'const proxy = new URL(process.env.ALL_PROXY);',
  'const text = (value) => [Buffer.byteLength(value), ...Buffer.from(value)];',
  'const fail = (why) => { console.error([`pinfold:`, [host, port].join(`:`), why].join(` `)); process.exit(1); };',
  'const socket = require(`node:net`).connect({ port: Number(proxy.port), host: proxy.hostname, allowHalfOpen: true });',
  'socket.on(`error`, (error) => fail(error.message));',
  'let held = Buffer.alloc(0);',
  'const steps = [',
  '[2, (said) => said[1] === 2 && [1, ...text(proxy.username), ...text(proxy.password)]],',
  '[2, (said) => said[1] === 0 && [5, 1, 0, 3, ...text(host), port >> 8, port & 255]],',
  '[10, (said) => said[1] === 0 && []],',
  '];',
  'const read = (chunk) => {',
  'held = Buffer.concat([held, chunk]);',
  'while (steps.length > 0 && held.length >= steps[0][0]) {',
  'const [size, next] = steps.shift();',
  'const reply = next(held.subarray(0, size));',
  'if (reply === false) fail(`is refused by the gate`);',
  'socket.write(Buffer.from(reply));',
  'held = held.subarray(size);',
  '}',
  'if (steps.length > 0) return;',
  'socket.off(`data`, read);',
  'process.stdout.write(held);',
  'process.stdin.pipe(socket);',
  'socket.pipe(process.stdout);',
  '};',
  'socket.on(`data`, read);',
  'socket.on(`end`, () => { if (steps.length > 0) fail(`the gate broke off`); process.exit(0); });',
  'socket.write(Buffer.from([5, 1, 2]));',
].join(' ');

/** `node`: absolute path of an executable that is shown inside. */
export function connectCommand(node: string): string[] {
  return [node, '-e', SCRIPT, '--'];
}

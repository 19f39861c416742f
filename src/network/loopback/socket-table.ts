/** Reads /proc/PID/net/tcp, tcp6, udp and udp6: who listens, and whose a port is (proc_pid_net(5)). */
import { formatAddress, parseAddress } from '../../policy/ip-address.ts';
import type { SocketAddress } from '../sandbox-sockets.ts';

/** TCP_LISTEN of include/net/tcp_states.h, as the table spells it. */
const LISTEN = '0A';

/** Words of four bytes, each in the byte order of the machine; ours are little-endian. */
function inNetworkOrder(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  return words.map((word) => (word.match(/../g) ?? []).reverse().join('')).join('');
}

function spell(hex: string): string | undefined {
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/.test(hex)) return undefined;
  const value = BigInt(`0x${inNetworkOrder(hex)}`);
  // ::ffff:127.0.0.1 is how an IPv6 socket listens for IPv4: the parser makes IPv4 of it.
  const address = formatAddress({ family: hex.length === 8 ? 4 : 6, value });
  return formatAddress(parseAddress(address)!);
}

/** Listening sockets of a table. */
export function listeningSockets(table: string): SocketAddress[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [hex = '', port = ''] = local.split(':');
    const address = state === LISTEN ? spell(hex) : undefined;
    return address === undefined ? [] : [{ address, port: Number.parseInt(port, 16) }];
  });
}

/** Of a socket that was closed while something of it is still under way. */
const NO_INODE = '0';

/** Inodes of the sockets of a table that send from this place: bound to it, or to its port on every address. */
export function socketInodes(table: string, { address, port }: SocketAddress): string[] {
  return table.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const [hex = '', hexPort = ''] = (words[1] ?? '').split(':');
    const inode = words[9] ?? NO_INODE;
    if (Number.parseInt(hexPort, 16) !== port || inode === NO_INODE) return [];
    const local = spell(hex);
    return local === address || local === '0.0.0.0' || local === '::' ? [inode] : [];
  });
}

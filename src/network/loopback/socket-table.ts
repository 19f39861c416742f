/** Reads /proc/PID/net/tcp and tcp6: who listens (proc_pid_net(5)). */
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

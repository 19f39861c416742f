/** What the kernel of a Mac reported, in the words of a denial. */
import type { SandboxReport } from '../platform/macos/log-records.ts';
import { decide } from '../policy/decide.ts';
import type { Policy } from '../policy/types.ts';
import type { Act, Denial } from '../violations/types.ts';

const ACTS: readonly (readonly [RegExp, Act])[] = [
  [/^file-(read-metadata|test-existence)/, 'look-up'],
  [/^file-(read|map-executable)/, 'read'],
  [/^file-write-create/, 'create'],
  [/^file-write-unlink/, 'remove'],
  [/^file-write-(mode|owner|flags|times|xattr|setugid|acl)/, 'metadata'],
  [/^file-write/, 'write'],
  [/^file-(link|clone)/, 'link'],
  [/^process-exec/, 'execute'],
  [/^network-outbound/, 'connect'],
  [/^network-(bind|inbound)/, 'bind'],
];

/** EPERM of errno(3), which is what sandbox refusals answer. */
const EPERM = 1;

const LOOPBACK = /^(localhost|127\.[\d.]+|\[?::1\]?)$/;
const PAST_THE_GATE =
  'it went past the gate; hosts are reached by programs that use the proxy of the session';

/** In the words of a denial; nothing for what they have no word for (services, facts of the kernel). */
export function denialsOf({ operation, target, program, pid }: SandboxReport, policy: Policy): Denial[] {
  const act = ACTS.find(([pattern]) => pattern.test(operation))?.[1];
  if (act === undefined || target === undefined) return [];
  const common = { act, observer: 'log', outcome: 'refused', errno: EPERM, actor: { pid, program } } as const;
  if (operation.startsWith('network-')) {
    if (target.startsWith('/')) return [{ ...common, subject: { kind: 'socket', path: target } }];
    const [, host, port] = /^(?:remote:|local:)?(.*?)(?::(\d{1,5}))?$/s.exec(target)!;
    const subject = { kind: 'host', host: host!, ...(port && { port: Number(port) }) } as const;
    if (LOOPBACK.test(host!) || act !== 'connect') return [{ ...common, subject }];
    // The kernel names no host, and opening one would not open this way to it.
    return [{ ...common, subject, detail: PAST_THE_GATE, remedy: { kind: 'none' } }];
  }
  if (!target.startsWith('/')) return [];
  const { rule } = decide(
    policy,
    target,
    act === 'read' || act === 'look-up' || act === 'execute' ? 'read' : 'write',
  );
  return [{ ...common, subject: { kind: 'path', path: target }, ...(rule && { rule }) }];
}

/** What the tools of a session must be told to use the proxy: pure, from the proxy's place to environment entries. */
import type { Credentials } from './credentials.ts';

export interface ProxyPlace {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly credentials: Credentials;
  /**
   * The command that joins its stdin and stdout to a host and a port through the proxy, given as its last two arguments;
   * it finds the proxy in `ALL_PROXY`. Absent: git over ssh is not wired.
   */
  readonly connectCommand?: readonly string[];
}

/** For a POSIX shell, which is what ssh gives its ProxyCommand to. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** For ssh_config(5), which expands `%h` and its kin before the shell sees the words. */
function sshProxyCommand(command: readonly string[]): string {
  const words = command.map((word) => quoted(word.replaceAll('%', '%%')));
  return [...words, '%h', '%p'].join(' ');
}

/**
 * SOCKS and not HTTP: an HTTP proxy is given a password by code only. To SOCKS java.net sends its user's name and no password, which
 * is enough where the gate finds by itself who connects. The JVM splits this at blanks; ours hold none.
 */
function javaOptions({ port }: ProxyPlace): string {
  return `-DsocksProxyHost=127.0.0.1 -DsocksProxyPort=${port}`;
}

/**
 * Entries of the session's environment. curl, wget, git, pip, cargo and go read the common names; npm has its own; Node
 * (from 22.21 and 24.5 on) reads them only when NODE_USE_ENV_PROXY says so. Loopback goes past the proxy.
 */
export function proxyEnvironment(place: ProxyPlace): Readonly<Record<string, string>> {
  const { user, password } = place.credentials;
  const authority = `${user}:${password}@127.0.0.1:${place.port}`;
  const http = `http://${authority}`;
  const past = 'localhost,127.0.0.1,::1';
  return {
    // curl reads http_proxy in lower case only; many programs read upper case only.
    http_proxy: http,
    https_proxy: http,
    HTTP_PROXY: http,
    HTTPS_PROXY: http,
    ALL_PROXY: `socks5h://${authority}`,
    all_proxy: `socks5h://${authority}`,
    no_proxy: past,
    NO_PROXY: past,
    npm_config_proxy: http,
    npm_config_https_proxy: http,
    npm_config_noproxy: past,
    PIP_PROXY: http,
    CARGO_HTTP_PROXY: http,
    NODE_USE_ENV_PROXY: '1',
    JAVA_TOOL_OPTIONS: javaOptions(place),
    ...(place.connectCommand && {
      GIT_SSH_COMMAND: `ssh -o ${quoted(`ProxyCommand=${sshProxyCommand(place.connectCommand)}`)}`,
    }),
  };
}

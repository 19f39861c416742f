/** Which variables lead to a Unix socket of the host, and to which: kept inside only where that socket is opened. */

type Environment = Readonly<Record<string, string | undefined>>;

/** The path in `unix:path=/run/bus,guid=…` (D-Bus), `unix:///run/docker.sock` (Docker) and `unix:/run/pulse` (PulseAudio). */
function ofAddress(value: string): string | undefined {
  return /^unix:(?:path=|\/\/)?(\/[^,;]*)/.exec(value)?.[1];
}

function inRuntimeDirectory(name: string, { XDG_RUNTIME_DIR: directory }: Environment): string | undefined {
  if (name.startsWith('/')) return name;
  return directory?.startsWith('/') && /^[^/]+$/.test(name) ? `${directory}/${name}` : undefined;
}

const SOCKET_OF: Readonly<Record<string, (value: string, environment: Environment) => string | undefined>> = {
  SSH_AUTH_SOCK: (value) => value,
  // `PATH:PID:VERSION`, of GnuPG before 2.1.
  GPG_AGENT_INFO: (value) => /^(\/[^:]*):/.exec(value)?.[1],
  DBUS_SESSION_BUS_ADDRESS: ofAddress,
  DBUS_SYSTEM_BUS_ADDRESS: ofAddress,
  DOCKER_HOST: ofAddress,
  CONTAINER_HOST: ofAddress,
  PULSE_SERVER: ofAddress,
  WAYLAND_DISPLAY: inRuntimeDirectory,
  DISPLAY: (value) => {
    const number = /^(?:unix)?:(\d+)(?:\.\d+)?$/.exec(value)?.[1];
    return number === undefined ? undefined : `/tmp/.X11-unix/X${number}`;
  },
  NVIM: (value) => value,
  GNOME_KEYRING_CONTROL: (value) => `${value}/control`,
  WEZTERM_UNIX_SOCKET: (value) => value,
  KITTY_LISTEN_ON: ofAddress,
};

/**
 * Whether a variable that leads to a service of the host may be kept: its socket is opened, or it is the directory of one that
 * is. `isOpened`: whether the socket of this path is relayed.
 */
export function leadsToOpened(
  name: string,
  environment: Environment,
  { isOpened, opened }: { isOpened: (path: string) => boolean; opened: readonly string[] },
): boolean {
  const value = environment[name] ?? '';
  if (name === 'XDG_RUNTIME_DIR')
    return value.startsWith('/') && opened.some((path) => path.startsWith(`${value}/`));
  const path = Object.hasOwn(SOCKET_OF, name) ? SOCKET_OF[name]!(value, environment) : undefined;
  return path?.startsWith('/') === true && isOpened(path);
}

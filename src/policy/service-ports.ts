/** Ports of the host's loopback through which whoever reaches them is out of the sandbox. */

/**
 * By port; the clause says what answers there and what it would give away. 22 is not among them: ssh asks for a key or a
 * password, and the sandbox has neither.
 */
export const SERVICE_PORTS: ReadonlyMap<number, string> = new Map([
  [25, 'mail: sends anything to anyone'],
  [53, 'name server: carries data to any name server in the world'],
  [1080, 'SOCKS proxy: reaches any host'],
  [2375, 'Docker: starts containers with any directory of the host'],
  [2376, 'Docker over TLS: starts containers with any directory of the host'],
  [2377, 'Docker Swarm: joins and commands nodes'],
  [3128, 'HTTP proxy: reaches any host'],
  [3389, 'remote desktop: the person’s own session'],
  [4444, 'WebDriver: starts browsers with any profile'],
  [5005, 'Java debugger: runs code in the process it is attached to'],
  [5037, 'adb: runs commands on attached devices'],
  [5555, 'adb over TCP: runs commands on the device'],
  [5678, 'debugpy: runs code in the Python process'],
  [5900, 'VNC: the person’s own screen and keyboard'],
  [6000, 'X11: sees and types into every window'],
  [6443, 'Kubernetes: starts containers'],
  [8001, 'kubectl proxy: commands the cluster as the person'],
  [8118, 'HTTP proxy: reaches any host'],
  [8888, 'Jupyter: runs code in its kernels'],
  [9000, 'PHP-FPM and Portainer: run scripts and containers'],
  [9050, 'Tor: reaches any host'],
  [9150, 'Tor: reaches any host'],
  [9222, 'browser debugger: reads every page and cookie'],
  [9229, 'Node debugger: runs code in the process'],
  [9230, 'Node debugger: runs code in the process'],
  [10250, 'kubelet: runs commands in containers'],
  [10255, 'kubelet: lists what runs'],
]);

/**
 * Why the host's port may not be used; undefined when it may. `listed`: the only ports that may be, and then all of them;
 * undefined: all but the service ports.
 */
export function portRefusal(port: number, listed: readonly number[] | undefined): string | undefined {
  if (listed === undefined) return SERVICE_PORTS.get(port);
  return listed.includes(port) ? undefined : 'only the ports in localPorts may be used';
}

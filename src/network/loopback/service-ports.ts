/** Ports whose services run code for whoever asks, so that reaching one is leaving the sandbox. */

/** By port; the clause says what answers there and what it would give away. */
export const SERVICE_PORTS: ReadonlyMap<number, string> = new Map([
  [2375, 'Docker: starts containers with any directory of the host'],
  [2376, 'Docker over TLS: starts containers with any directory of the host'],
  [2377, 'Docker Swarm: joins and commands nodes'],
  [3389, 'remote desktop: the person’s own session'],
  [5005, 'Java debugger: runs code in the process it is attached to'],
  [5037, 'adb: runs commands on attached devices'],
  [5555, 'adb over TCP: runs commands on the device'],
  [5678, 'debugpy: runs code in the Python process'],
  [5900, 'VNC: the person’s own screen and keyboard'],
  [6000, 'X11: sees and types into every window'],
  [6443, 'Kubernetes: starts containers'],
  [8001, 'kubectl proxy: commands the cluster as the person'],
  [8888, 'Jupyter: runs code in its kernels'],
  [9000, 'PHP-FPM and Portainer: run scripts and containers'],
  [9222, 'browser debugger: reads every page and cookie'],
  [9229, 'Node debugger: runs code in the process'],
  [9230, 'Node debugger: runs code in the process'],
  [10250, 'kubelet: runs commands in containers'],
  [10255, 'kubelet: lists what runs'],
]);

/** 22 is not among them: ssh asks for a key or a password, and the sandbox has neither. */
export interface PortPolicy {
  /** The only host ports that may be used, `undefined`: all but the service ports. */
  readonly listed: ReadonlySet<number> | undefined;
}

/** Why the host's port may not be used; undefined when it may. */
export function portRefusal(port: number, { listed }: PortPolicy): string | undefined {
  if (listed !== undefined) return listed.has(port) ? undefined : 'only the ports in localPorts may be used';
  return SERVICE_PORTS.get(port);
}

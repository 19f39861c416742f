/** What is dangerous about a place whoever grants it: credentials, code that the host runs, services of the host. */
import { credentialRules, homeHostRunRules, protectedRules } from './builtin.ts';
import { Decider } from './decide.ts';
import { isWithin } from './paths.ts';
import type { PathRule, Policy } from './types.ts';

/** Sockets of services that act for whoever asks, by the end of their path; the clause follows "its service". */
export const SERVICE_SOCKETS: readonly (readonly [path: RegExp, why: string])[] = [
  [
    /\/(docker|podman|containerd|crio|buildkitd|cri-dockerd)[^/]*\.sock$/,
    'starts containers with any directory of the host: who may ask it is root on this host',
  ],
  [/\/(lxd|incus)\/unix\.socket(\.user)?$/, 'starts containers with any directory of the host'],
  [/\/libvirt\/[^/]*-sock(-ro)?$/, 'starts machines with any file of the host'],
  [
    /\/(bus|system_bus_socket|session_bus_socket)$|^@?\/tmp\/dbus-/,
    'asks services of the host to run programs (D-Bus)',
  ],
  [/\/systemd\/(private|notify|io\.systemd\.[^/]+)$/, 'asks systemd to run programs'],
  [/\/S\.gpg-agent[^/]*$/, 'signs and decrypts with your PGP keys'],
  [/\/keyring\/[^/]+$/, 'gives out the passwords of your keyring and signs with your keys'],
  [
    /\/(agent\.\d+|ssh-agent[^/]*|ssh-[^/]+\/agent[^/]*|\.ssh\/agent\/[^/]+|ssh_auth_sock|agent\.sock)$/,
    'signs with your keys, for every host that trusts them',
  ],
  [/\.X11-unix\/|^@\/tmp\/\.X11-unix\/|\/wayland-\d+$/, 'sees and types on your screen'],
  [/\/(pulse\/native|pipewire-\d+)$/, 'hears your microphone'],
  [/\/(tmux-\d+\/|nvim\.|vscode-|zellij)/, 'types into your terminal or editor'],
];

/** What the service of a socket does for whoever asks; undefined where it is not one that is known. */
export function serviceOf(path: string): string | undefined {
  return SERVICE_SOCKETS.find(([pattern]) => pattern.test(path))?.[1];
}

/** Hosts where anyone may keep what is sent to them, or put what is fetched from them. */
export const SHARED_HOSTS =
  /(^|\.)(pastebin\.com|transfer\.sh|0x0\.st|ngrok\.(io|app)|requestbin\.com|webhook\.site|discord(app)?\.com|telegram\.org|slack\.com|github\.com|githubusercontent\.com|github\.io|gitlab\.com|bitbucket\.org|amazonaws\.com|core\.windows\.net|googleapis\.com|pages\.dev|workers\.dev|vercel\.app|netlify\.app)$/;

/** Cloud metadata services (IMDS) hand out credentials of the machine to whoever asks; `network/addresses` says whose each is. */
const METADATA = new Set([
  ...[
    '169.254.169.254',
    '169.254.170.2',
    '169.254.170.23',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
  ],
  ...['fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254'],
  ...['metadata', 'metadata.google.internal', 'metadata.goog', 'instance-data.ec2.internal'],
]);

/** `host`: in its one spelling. */
export function isMetadataService(host: string): boolean {
  return METADATA.has(host);
}

/** What `*.host` covers of them. */
export function metadataBeneath(host: string): string | undefined {
  return [...METADATA].find((each) => each.endsWith(`.${host}`) && !/^[\d.]+$/.test(each));
}

/** Names that hold secrets wherever they lie. */
const SECRET_NAMES =
  /(^|\/)(\.env(\.[^/]*)?|\.npmrc|\.netrc|\.pypirc|id_(rsa|dsa|ecdsa|ed25519)|[^/]*\.(pem|key|p12|pfx|kdbx|keystore|jks)|[^/]*(secret|credential|token)[^/]*)$/i;

/** Beneath these the host's programs, settings and their state lie. */
const SYSTEM = [
  ...['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/etc', '/boot', '/opt', '/proc', '/sys', '/dev'],
  ...['/var/lib', '/var/spool', '/var/log', '/var/cache'],
];

/** What is protected is judged as if its surroundings could be written: that is what a grant would make of them. */
const OPEN: PathRule = {
  pattern: '/',
  glob: false,
  access: 'write',
  category: 'setting',
  why: '',
  origin: { scope: 'flag', text: '' },
};

export interface Hazard {
  readonly kind: 'credential' | 'secret' | 'host-run' | 'system';
  readonly why: string;
}

/** Answers for one policy; asking compiles some patterns, so keep it. */
export class Hazards {
  readonly #policy: Pick<Policy, 'homeDir' | 'projectDir'>;
  readonly #stores: readonly PathRule[];
  readonly #credentials: Decider;
  readonly #hostRun: Decider;

  constructor(policy: Pick<Policy, 'homeDir' | 'projectDir' | 'rules'>) {
    this.#policy = policy;
    const listed = policy.rules.filter(({ category, glob }) => category === 'credential' && !glob);
    this.#stores = [...credentialRules(policy), ...listed];
    this.#credentials = new Decider({ rules: this.#stores });
    this.#hostRun = new Decider({
      rules: [OPEN, ...homeHostRunRules(policy), ...protectedRules('/')],
    });
  }

  /** What is wrong with reading it. */
  ofReading(path: string): Hazard | undefined {
    const store = this.#credentials.candidates(path)[0]?.rule;
    if (store) return { kind: 'credential', why: store.why };
    const beneath = this.#stores.find((rule) => isWithin(rule.pattern, path));
    if (beneath)
      return {
        kind: 'credential',
        why: `${beneath.pattern.slice(path === '/' ? 1 : path.length + 1)} in it: ${beneath.why}`,
      };
    if (SECRET_NAMES.test(path)) return { kind: 'secret', why: 'its name says that it holds a secret' };
    return undefined;
  }

  /** What is wrong with writing it. */
  ofWriting(path: string): Hazard | undefined {
    const hostRun = this.#hostRun.candidates(path)[0]?.rule;
    if (hostRun !== OPEN && hostRun !== undefined)
      return { kind: 'host-run', why: `${hostRun.why}, outside the boundary` };
    if (/\/s?bin(\/|$)/.test(path))
      return { kind: 'host-run', why: 'programs there are run by name, outside the boundary' };
    const { homeDir, projectDir } = this.#policy;
    const own = isWithin(path, homeDir) || isWithin(path, projectDir);
    if (!own && SYSTEM.some((place) => isWithin(path, place)))
      return { kind: 'system', why: 'it is part of the system' };
    return undefined;
  }
}

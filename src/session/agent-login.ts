/** Keeps the copies of an agent's login files in a private home in step with the host's: out at the start, renewals back at the end. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { judgeLogin, loginInside } from '../agents/login.ts';
import type { LoginFile } from '../agents/preset.ts';
import { writeFileAtomically } from '../config/atomic-write.ts';
import { readHomeFile, readPlaced, replaceable, writePlaced } from '../host/placed-files.ts';
import { sha256 } from '../policy/sha256.ts';

/** What became of a login file at the end of a session. */
export type LoginEvent =
  | { readonly kind: 'login-renewed'; readonly path: string }
  | { readonly kind: 'login-not-renewed'; readonly path: string; readonly why: string };

export interface PlacedLogin {
  readonly file: LoginFile;
  /** As the person names it. */
  readonly named: string;
  /** Real path on the host. */
  readonly host: string;
  /** Relative to the private home. */
  readonly inside: string;
}

/**
 * Which content of the host's file the copy was made from, by path, as SHA-256. A session that was killed leaves its renewed
 * login inside; by this the next start knows that it is newer than the host's, and not merely different.
 */
type Bases = Record<string, string>;

export class LoginCopies {
  readonly #record: string;
  readonly #privateHome: string;
  readonly #logins: readonly PlacedLogin[];

  /** `dataDir` is Pinfold's own: nothing inside can write the record. */
  constructor(
    places: { dataDir: string; privateHome: string; agent: string },
    logins: readonly PlacedLogin[],
  ) {
    const { dataDir, privateHome, agent } = places;
    this.#record = join(dataDir, 'agents', basename(privateHome), `${agent}.json`);
    this.#privateHome = privateHome;
    this.#logins = logins;
  }

  /** Before the agent starts. First what an earlier session could not bring back; then the host's files go in. */
  async place(): Promise<readonly LoginEvent[]> {
    const events = await this.settle();
    const bases = this.#read();
    for (const { file, host, inside } of this.#logins) {
      const text = readHomeFile(host);
      if (text === undefined) continue;
      const digest = sha256(text);
      const before = readPlaced(this.#privateHome, inside);
      const isCurrent = bases[file.path] === digest && file.members === undefined && before !== undefined;
      if (isCurrent && judgeLogin(text, before, file.rotates).kind === 'same') continue;
      const copy = loginInside(text, before, file.members);
      if (copy === undefined) continue;
      writePlaced(this.#privateHome, inside, copy);
      bases[file.path] = digest;
    }
    this.#write(bases);
    return events;
  }

  /** After the agent has ended: what the service renewed is put into the host's file, and nothing else ever is. */
  async settle(): Promise<readonly LoginEvent[]> {
    const bases = this.#read();
    const events: LoginEvent[] = [];
    for (const login of this.#logins) {
      const event = await this.#settleOne(login, bases);
      if (event !== undefined) events.push(event);
    }
    if (events.length > 0) this.#write(bases);
    return events;
  }

  async #settleOne(
    { file, named, host, inside }: PlacedLogin,
    bases: Bases,
  ): Promise<LoginEvent | undefined> {
    if (file.members !== undefined || file.rotates.length === 0) return undefined;
    const text = readHomeFile(host);
    const after = readPlaced(this.#privateHome, inside);
    // The host's file is newer than the copy: it stays, and goes inside with the next start.
    if (text === undefined || after === undefined || bases[file.path] !== sha256(text)) return undefined;
    const landing = judgeLogin(text, after, file.rotates);
    if (landing.kind === 'same') return undefined;
    if (landing.kind === 'refused') return { kind: 'login-not-renewed', path: named, why: landing.why };
    const state = replaceable(host);
    if (typeof state === 'string') return { kind: 'login-not-renewed', path: named, why: state };
    await writeFileAtomically(host, landing.text, { mode: state.mode, owner: state });
    bases[file.path] = sha256(landing.text);
    return { kind: 'login-renewed', path: named };
  }

  #read(): Bases {
    try {
      const bases: unknown = JSON.parse(readFileSync(this.#record, 'utf8'));
      return typeof bases === 'object' && bases !== null ? { ...(bases as Bases) } : {};
    } catch {
      // Without a record every copy is taken for old, and the host's file replaces it.
      return {};
    }
  }

  #write(bases: Bases): void {
    mkdirSync(dirname(this.#record), { recursive: true, mode: 0o700 });
    const draft = `${this.#record}.${process.pid}.new`;
    writeFileSync(draft, `${JSON.stringify(bases)}\n`, { mode: 0o600 });
    renameSync(draft, this.#record);
  }
}

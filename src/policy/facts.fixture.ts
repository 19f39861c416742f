/** A host made up for tests of the policy core. */
import type { HostFacts } from './host-facts.ts';

export const HOME = '/home/ann';
export const PROJECT = '/home/ann/projects/app';
export const PRIVATE_HOME = '/home/ann/.local/share/pinfold/homes/app';

export function makeFacts(more: Partial<HostFacts> = {}): HostFacts {
  return {
    homeDir: HOME,
    projectDir: PROJECT,
    privateHome: PRIVATE_HOME,
    runtime: [
      { path: '/usr', why: 'programs and libraries' },
      { path: '/etc/passwd', why: 'names of users' },
    ],
    toolchains: [
      {
        name: 'cargo',
        paths: [`${HOME}/.cargo/bin`],
        credentials: [`${HOME}/.cargo/credentials.toml`],
        environment: { RUSTUP_HOME: `${HOME}/.rustup` },
      },
    ],
    gitConfig: [`${HOME}/.gitconfig`],
    homeFiles: [{ source: `${HOME}/.gitconfig`, target: `${PRIVATE_HOME}/.gitconfig` }],
    pinfold: {
      configDir: `${HOME}/.config/pinfold`,
      stateDir: `${HOME}/.local/state/pinfold`,
      dataDir: `${HOME}/.local/share/pinfold`,
      installDir: '/usr/lib/node_modules/pinfold',
    },
    ...more,
  };
}

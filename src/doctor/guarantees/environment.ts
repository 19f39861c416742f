/** The guarantee about the environment: secrets and ways to the host's services stay outside. */
import type { Attempt, Guarantee } from '../guarantee.ts';

/** Variables that doctor sets for both sides; the token makes each value its own. */
export function decoys(token: string): Readonly<Record<string, string>> {
  return {
    GITHUB_TOKEN: token,
    DATABASE_PASSWORD: token,
    // By the shape of its value alone.
    HARMLESS_NAME: `ghp_${token}`,
    SSH_AUTH_SOCK: `/tmp/${token}`,
    NODE_OPTIONS: `--title=${token}`,
  };
}

/** `attempt`: looks for a variable of this name, in the words of one probe. */
export function environmentGuarantees<C>(attempt: (act: string, name: string) => Attempt<C>): Guarantee<C>[] {
  return [
    {
      id: 'environment',
      group: 'environment',
      claim: "Secrets in the environment, loader variables and addresses of the host's services stay outside",
      short: 'secrets scrubbed',
      attempts: [
        attempt('find a secret by its name', 'GITHUB_TOKEN'),
        attempt('find a password by its name', 'DATABASE_PASSWORD'),
        attempt('find a token by the shape of its value', 'HARMLESS_NAME'),
        attempt("find the ssh agent's address", 'SSH_AUTH_SOCK'),
        attempt('find a variable that makes an interpreter run code', 'NODE_OPTIONS'),
      ],
    },
  ];
}

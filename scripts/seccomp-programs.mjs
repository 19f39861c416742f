/** Compiles the seccomp filters at build time, so that a start of Pinfold only reads the one it needs. */
import { resolve } from 'node:path';

const ARCHES = ['x64', 'arm64'];
const NOTIFY = ['nothing', 'guarded', 'refused', 'all'];
const TIERS = ['namespaces', 'landlock', 'landlock-network'];

/** Beside the bundles: as text in each of them the programs would be a quarter of what every start loads. */
export const PROGRAMS_FILE = 'seccomp.bin';

async function compiler(root, bundler) {
  const { outputFiles } = await bundler.build({
    entryPoints: [resolve(root, 'src/platform/linux/seccomp/compile.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    logLevel: 'warning',
  });
  const source = Buffer.from(outputFiles[0].contents).toString('base64');
  return (await import(`data:text/javascript;base64,${source}`)).compileSeccomp;
}

/**
 * All programs, one after the other, and the text of a module with the same export as `compile.ts` that knows where each
 * is, in the file that `file` (an expression) gives the path of.
 */
export async function finishedPrograms(root, bundler, file) {
  const compileSeccomp = await compiler(root, bundler);
  const parts = [];
  let length = 0;
  const cases = ARCHES.flatMap((arch) =>
    NOTIFY.flatMap((notify) => TIERS.map((tier) => ({ arch, notify, tier }))),
  );
  const entries = cases.map((options) => {
    const { program, ...rest } = compileSeccomp(options);
    const at = length;
    parts.push(program);
    length += program.length;
    return [`${options.arch} ${options.notify} ${options.tier}`, { ...rest, at, bytes: program.length }];
  });
  const text = `import { closeSync, openSync, readSync } from 'node:fs';
const finished = ${JSON.stringify(Object.fromEntries(entries))};
export function compileSeccomp({ arch, notify, tier = 'namespaces' }) {
  const { at, bytes, ...rest } = finished[arch + ' ' + notify + ' ' + tier];
  const file = ${file};
  const program = new Uint8Array(bytes);
  const descriptor = openSync(file, 'r');
  try {
    if (readSync(descriptor, program, 0, bytes, at) !== bytes) throw new Error(file + ' is cut short');
  } finally {
    closeSync(descriptor);
  }
  return { ...rest, program };
}
`;
  return { text, programs: Buffer.concat(parts) };
}

export function seccompPrograms(root, bundler) {
  return {
    name: 'seccomp-programs',
    setup(build) {
      build.onLoad({ filter: /[/\\]src[/\\]platform[/\\]linux[/\\]seccomp[/\\]compile\.ts$/ }, async () => {
        const file = `import.meta.dirname + '/${PROGRAMS_FILE}'`;
        return { contents: (await finishedPrograms(root, bundler, file)).text, loader: 'js' };
      });
    },
  };
}

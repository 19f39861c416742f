/** Compiles the seccomp filters at build time, so that a start of Pinfold only decodes them. */
import { resolve } from 'node:path';

const ARCHES = ['x64', 'arm64'];
const NOTIFY = ['nothing', 'guarded', 'all'];
const TIERS = ['namespaces', 'landlock'];

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

/** The text of a module with the same export as `compile.ts`, holding every answer that one can give. */
export async function finishedPrograms(root, bundler) {
  const compileSeccomp = await compiler(root, bundler);
  const cases = ARCHES.flatMap((arch) =>
    NOTIFY.flatMap((notify) => TIERS.map((tier) => ({ arch, notify, tier }))),
  );
  const entries = cases.map((options) => {
    const { program, ...rest } = compileSeccomp(options);
    const key = `${options.arch} ${options.notify} ${options.tier}`;
    return [key, { ...rest, base64: Buffer.from(program).toString('base64') }];
  });
  return `const finished = ${JSON.stringify(Object.fromEntries(entries))};
export function compileSeccomp({ arch, notify, tier = 'namespaces' }) {
  const { base64, ...rest } = finished[arch + ' ' + notify + ' ' + tier];
  return { ...rest, program: new Uint8Array(Buffer.from(base64, 'base64')) };
}
`;
}

export function seccompPrograms(root, bundler) {
  return {
    name: 'seccomp-programs',
    setup(build) {
      build.onLoad({ filter: /[/\\]src[/\\]platform[/\\]linux[/\\]seccomp[/\\]compile\.ts$/ }, async () => ({
        contents: await finishedPrograms(root, bundler),
        loader: 'js',
      }));
    },
  };
}

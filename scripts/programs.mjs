/** Compiles the C programs of `native/` into static ones in `dist/`, each unless it is up to date. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

const WARNINGS = ['-Wall', '-Wextra', '-Wconversion'];
const HARDENING = ['-fstack-protector-strong', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'];
const BASE = ['-std=gnu11', '-O2', ...WARNINGS, ...HARDENING];
const LINK = ['-Wl,-z,relro,-z,now', '-Wl,-z,noexecstack', '-s'];

const INSTALL_COMPILER = `install a C compiler and the C library's headers:
  Debian, Ubuntu:  apt install gcc libc6-dev
  Fedora, RHEL:    dnf install gcc glibc-devel glibc-static
  Alpine:          apk add gcc musl-dev linux-headers
  Arch:            pacman -S gcc
(or set CC to the compiler to use)`;

const INSTALL_STATIC_LIBRARY = `the C library for static linking (libc.a) is missing:
  Fedora, RHEL:    dnf install glibc-static
  Debian, Ubuntu:  apt install libc6-dev
  Alpine:          apk add musl-dev`;

function words(text) {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}

/** What the output depends on: the sources, the compiler's name and every flag. */
function fingerprint(directory, files, command) {
  const hash = createHash('sha256').update(JSON.stringify([process.arch, command]));
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(`${directory}/${file}`));
  return hash.digest('hex');
}

function compile(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 << 20 });
  if (result.error !== undefined) {
    if (result.error.code === 'ENOENT') throw new Error(`there is no "${command}"; ${INSTALL_COMPILER}`);
    throw result.error;
  }
  return { ok: result.status === 0, output: `${result.stdout}${result.stderr}` };
}

/** `-static-pie` needs rcrt1.o, which old C libraries lack; address randomisation is welcome but nothing rests on it. */
function supportsStaticPie(command, output) {
  const result = spawnSync(command, ['-static-pie', '-fPIE', '-x', 'c', '-o', output, '-'], {
    input: 'int main(void) { return 0; }\n',
  });
  rmSync(output, { force: true });
  return result.status === 0;
}

/**
 * `native/NAME/*.c` become `DIRECTORY/pinfold-NAME` (default: `dist/`), by `compiler` (default: CC, else `cc`). Honours CFLAGS
 * (`CFLAGS=-Werror` in `.ci/run`) and LDFLAGS.
 */
export function buildProgram(root, name, { force, directory = `${root}/dist`, compiler = process.env.CC }) {
  const source = `${root}/native/${name}`;
  const files = existsSync(source)
    ? readdirSync(source)
        .filter((name) => /\.[ch]$/.test(name))
        .sort()
    : [];
  const units = files.filter((name) => name.endsWith('.c')).map((name) => `${source}/${name}`);
  if (units.length === 0) return;

  const [command = 'cc', ...commandFlags] = words(compiler);
  const flags = [...commandFlags, ...BASE, ...words(process.env.CFLAGS)];
  const output = `${directory}/pinfold-${name}`;
  const stamp = `${directory}/.${name}-stamp`;
  const wanted = fingerprint(source, files, [command, flags, LINK, words(process.env.LDFLAGS)]);
  if (!force && existsSync(output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;

  // Built aside and renamed: a program that is running must not be written to, and two builds may meet.
  const aside = `${output}.${process.pid}`;
  const pie = supportsStaticPie(command, aside) ? ['-static-pie', '-fPIE'] : ['-static'];
  const { ok, output: said } = compile(command, [
    ...flags,
    ...pie,
    ...units,
    ...LINK,
    ...words(process.env.LDFLAGS),
    '-o',
    aside,
  ]);
  if (!ok) {
    rmSync(aside, { force: true });
    const hint = /cannot find -lc\b|library not found for -lc\b/.test(said)
      ? `${INSTALL_STATIC_LIBRARY}\n`
      : missingHeaders(said);
    throw new Error(`pinfold-${name} does not compile\n${said}${hint}`);
  }
  if (said !== '') process.stderr.write(said);
  renameSync(aside, output);
  writeFileSync(stamp, wanted);
}

function missingHeaders(said) {
  return /fatal error: .*\.h: No such file/.test(said) ? `${INSTALL_COMPILER}\n` : '';
}

/**
 * Checks on a real Mac what elsewhere is only computed: `npm run test:macos`.
 *
 * Makes a throwaway project and home, prints the profile of each mode with `pinfold export sbpl`, applies it with
 * sandbox-exec and attempts each forbidden act beside a control of the same kind. Nothing outside the throwaway directory
 * is written. A row passes when the attack is refused and its control succeeds. Exit code 1 when a row fails, 2 when
 * nothing could be checked.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, release } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const pinfold = join(repository, 'dist/pinfold.cjs');
const MODES = ['strict', 'standard', 'permissive'];

function stop(why) {
  process.stderr.write(`Cannot check: ${why}\n`);
  process.exit(2);
}

if (process.platform !== 'darwin') stop('this is no Mac');
if (!existsSync(pinfold)) stop('dist/ is missing; run npm ci first');

// Beneath the home: /private/var/folders holds the session's own temporary directory, and must not be what is denied.
const root = realpathSync(mkdtempSync(join(homedir(), '.pinfold-check-')));
const home = join(root, 'home');
const project = join(home, 'code/app');
const temp = join(root, 'tmp');

function put(path, text = 'canary\n') {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function makeWorld() {
  for (const path of ['.ssh/id_canary', '.aws/credentials', '.zshrc', '.gitconfig', 'notes/a', 'other/b'])
    put(join(home, path));
  for (const path of [
    'src/a.txt',
    '.git/config',
    '.git/hooks/x',
    '.env',
    'sub/.env',
    'sub/.git/hooks/y',
    '.vscode/s.json',
  ])
    put(join(project, path));
  put(join(project, '.pinfold/settings.json'), '{ "sandbox": { "deniedPaths": ["**/.env"] } }\n');
  mkdirSync(temp);
}

function exported(mode) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [pinfold, 'export', 'sbpl', '--mode', mode],
    {
      cwd: project,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: home },
    },
  );
  if (status !== 0) stop(`pinfold export sbpl --mode ${mode} failed: ${stderr}`);
  return stdout;
}

/** The exported profile names a temporary directory of its own; it is made for the time of the check. */
function tempOf(profile) {
  return /\(subpath "(\/private\/var\/folders\/[^"]*\/pinfold-[0-9a-f]+)"\)/.exec(profile)?.[1] ?? temp;
}

function inside(profile, words, where) {
  return spawnSync('/usr/bin/sandbox-exec', ['-p', profile, ...words], {
    cwd: project,
    encoding: 'utf8',
    timeout: 20_000,
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: home, TMPDIR: where },
  });
}

const sh = (text, ...words) => ['/bin/sh', '-c', text, 'sh', ...words];
const read = (path) => ['/bin/cat', path];
const write = (path) => sh('echo x >> "$1"', path);
const port = (number) => ['/usr/bin/nc', '-z', '-w', '2', '127.0.0.1', String(number)];

/** `attack` must fail, `control` must succeed. Without `modes`: in all. */
function rows(context) {
  const { victim, listening, where } = context;
  const permissive = ['permissive'];
  return [
    {
      does: 'read an ssh key',
      attack: read(join(home, '.ssh/id_canary')),
      control: read(join(project, 'src/a.txt')),
    },
    {
      does: 'read an ssh key in other case',
      attack: read(join(home, '.SSH/ID_CANARY')),
      control: read(join(project, 'src/a.txt')),
    },
    {
      does: 'read through the data volume',
      attack: read(`/System/Volumes/Data${home}/.ssh/id_canary`),
      control: read(join(project, 'src/a.txt')),
    },
    {
      does: 'read without following',
      attack: read(`/.nofollow${home}/.ssh/id_canary`),
      control: read(join(project, 'src/a.txt')),
    },
    {
      does: 'read beside the project',
      attack: read(join(home, 'other/b')),
      control: read(join(project, 'src/a.txt')),
      modes: ['strict', 'standard'],
    },
    {
      does: 'read a denied name',
      attack: read(join(project, 'sub/.env')),
      control: read(join(project, 'src/a.txt')),
    },
    {
      does: 'move a denied name',
      attack: ['/bin/mv', join(project, '.env'), join(project, 'e')],
      control: sh('touch m && mv m m2'),
    },
    {
      does: 'move the directory of a denied name',
      attack: ['/bin/mv', join(project, 'sub'), join(project, 'sub2')],
      control: sh('mkdir d && mv d d2 && rmdir d2'),
    },
    {
      does: 'move credentials',
      attack: ['/bin/mv', join(home, '.ssh'), join(home, 'x')],
      control: sh('mkdir "$1/d" && mv "$1/d" "$1/d2" && rmdir "$1/d2"', home),
      modes: permissive,
    },
    { does: 'write outside', attack: write(join(root, 'outside')), control: write(join(project, 'w')) },
    {
      does: 'write /private/tmp',
      attack: write('/private/tmp/pinfold-check'),
      control: write(join(where, 'w')),
    },
    {
      does: 'write a shell file',
      attack: write(join(home, '.zshrc')),
      control: write(join(home, 'notes/a')),
      modes: permissive,
    },
    {
      does: 'change a hook',
      attack: write(join(project, '.git/hooks/x')),
      control: write(join(project, '.git/index')),
    },
    {
      does: 'make a hook',
      attack: write(join(project, '.git/hooks/new')),
      control: write(join(project, '.git/HEAD')),
    },
    {
      does: 'make a hook in other case',
      attack: write(join(project, '.GIT/HOOKS/new')),
      control: write(join(project, '.git/HEAD')),
    },
    {
      does: 'make an absent protected name',
      attack: write(join(project, '.envrc')),
      control: write(join(project, 'envrc')),
    },
    {
      does: 'move a prepared repository into place',
      attack: sh('mkdir -p prep/hooks && mkdir -p n && mv prep n/.git'),
      control: sh('mkdir -p prep2/hooks && mkdir -p n2 && mv prep2 n2/git'),
    },
    {
      does: 'swap the repository away',
      attack: sh('mv .git git-old'),
      control: sh('mkdir gg && mv gg gg2 && rmdir gg2'),
    },
    {
      does: 'link a protected file',
      attack: sh('ln .git/hooks/x hard && echo x >> hard'),
      control: sh('ln -s src/a.txt soft && cat soft'),
    },
    {
      does: 'clone a denied file',
      attack: sh('cp -c .env clone && cat clone'),
      control: sh('cp src/a.txt copy && cat copy'),
    },
    {
      does: 'set a set-id bit',
      attack: sh('touch s && chmod 4755 s'),
      control: sh('touch s2 && chmod 755 s2'),
    },
    {
      does: 'signal a process outside',
      attack: ['/bin/kill', '-0', String(victim)],
      control: sh('sleep 5 & kill -0 $!'),
    },
    { does: 'run a set-id program', attack: ['/usr/bin/sudo', '-n', 'true'], control: ['/usr/bin/true'] },
    {
      does: 'apply a wider profile',
      attack: [
        '/usr/bin/sandbox-exec',
        '-p',
        '(version 1)(allow default)',
        '/bin/cat',
        join(home, '.ssh/id_canary'),
      ],
      control: ['/usr/bin/true'],
    },
    {
      does: 'reach a host by address',
      attack: ['/usr/bin/nc', '-z', '-w', '2', '192.0.2.1', '80'],
      control: ['/usr/bin/true'],
    },
    {
      does: 'reach the loopback',
      attack: port(listening),
      control: ['/usr/bin/true'],
      modes: ['strict', 'permissive'],
    },
    {
      does: 'reach a port that runs code',
      attack: port(2375),
      control: port(listening),
      modes: ['standard'],
    },
    {
      does: 'resolve a name',
      attack: ['/usr/bin/dscacheutil', '-q', 'host', '-a', 'name', 'pinfold-check.invalid.example'],
      control: ['/usr/bin/true'],
      output: /ip_address/,
    },
    {
      does: 'send an Apple event',
      attack: ['/usr/bin/osascript', '-e', 'tell application "Finder" to get name of home'],
      control: ['/usr/bin/true'],
    },
    {
      does: 'open an application',
      attack: ['/usr/bin/open', '-g', '-a', 'TextEdit'],
      control: ['/usr/bin/true'],
    },
    {
      does: 'submit a job to launchd',
      attack: ['/bin/launchctl', 'submit', '-l', 'pinfold.check', '--', '/usr/bin/true'],
      control: ['/usr/bin/true'],
    },
    { does: 'read the pasteboard', attack: sh('test -n "$(pbpaste)"'), control: ['/usr/bin/true'] },
    {
      does: 'list the keychain',
      attack: ['/usr/bin/security', 'list-keychains'],
      control: ['/usr/bin/true'],
    },
    {
      does: 'find by Spotlight',
      attack: sh('test -n "$(mdfind -name id_canary)"'),
      control: ['/usr/bin/true'],
    },
    { does: 'attach a disk image', attack: ['/usr/bin/hdiutil', 'info'], control: ['/usr/bin/true'] },
    {
      does: 'ask LaunchServices',
      attack: ['/usr/bin/lsappinfo', 'list'],
      control: ['/usr/bin/true'],
      output: /ASN:/,
    },
    {
      does: 'see a process outside',
      attack: ['/usr/bin/pgrep', '-f', root],
      control: ['/usr/bin/true'],
      output: /\d/,
    },
    {
      does: 'read the serial number',
      attack: ['/usr/sbin/ioreg', '-rd1', '-c', 'IOPlatformExpertDevice'],
      control: ['/usr/bin/true'],
      output: /IOPlatformSerialNumber/,
    },
    {
      does: 'change settings of programs',
      attack: ['/usr/bin/defaults', 'write', 'pinfold.check', 'k', 'v'],
      control: ['/usr/bin/true'],
    },
  ];
}

/** What must keep working; a row of its own, since there is nothing forbidden beside it. */
const WORK = [
  ['node starts', [process.execPath, '-e', 'process.exit(0)']],
  ['git status', ['/usr/bin/git', '--version']],
  ['python starts', ['/usr/bin/env', 'python3', '-c', 'import socket; socket.socketpair()']],
  ['a pseudo-terminal is made', ['/usr/bin/script', '-q', '/dev/null', '/usr/bin/true']],
  ['users have names', ['/usr/bin/id', '-un']],
];

function listen() {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nCANARY\n'));
    });
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

/** Pinfold as a person runs it. Not synchronous: the server above has to answer meanwhile. */
function ran(words) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [pinfold, ...words], {
      cwd: project,
      env: { PATH: process.env.PATH, HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (said.stdout += chunk));
    child.stderr.on('data', (chunk) => (said.stderr += chunk));
    child.on('close', (status) => resolve({ status, ...said }));
  });
}

/** What only a whole run shows: each a name, and whether it came about. */
async function wholeRuns(listening) {
  const url = `http://127.0.0.1:${listening}/`;
  // The address is the loopback's, so past every proxy unless curl is told otherwise.
  const fetch = ['--', '/usr/bin/curl', '-sS', '-m', '10', '--noproxy', '', url];
  const plain = await ran(['run', '--', '/bin/sh', '-c', 'echo in > made && cat made; exit 7']);
  const allowed = await ran(['run', '--net', 'none', '--allow-domain', `127.0.0.1:${listening}`, ...fetch]);
  const refused = await ran(['run', '--net', 'none', ...fetch]);
  const reads = await ran(['run', '--', '/bin/cat', join(home, '.ssh/id_canary')]);
  const told = await ran(['violations']);
  const doctor = await ran(['doctor']);
  return [
    ['a run works, and passes its exit code on', plain.status === 7 && plain.stdout === 'in\n', plain],
    ['an allowed host is reached through the gate', allowed.stdout.includes('CANARY'), allowed],
    ['another is refused by it', !refused.stdout.includes('CANARY'), refused],
    ['a hidden file is refused in a run', reads.status !== 0 && !reads.stdout.includes('canary'), reads],
    ['and is told by pinfold violations', told.stdout.includes('id_canary'), told],
    ['pinfold doctor proves everything', doctor.status === 0, doctor],
  ];
}

function judge(profile, row, where) {
  const control = inside(profile, row.control, where);
  const attack = inside(profile, row.attack, where);
  const refused = row.output ? !row.output.test(attack.stdout) : attack.status !== 0;
  if (!refused) return ['FAIL', 'the attack succeeded'];
  if (control.status !== 0)
    return ['FAIL', `the control failed: ${(control.stderr || '').trim().split('\n').at(-1)}`];
  return ['ok', ''];
}

makeWorld();
const server = await listen();
const victim = spawn('/bin/sh', ['-c', 'read line', root]);
let failures = 0;
try {
  process.stdout.write(`Darwin ${release()}, ${process.arch}\n`);
  for (const mode of MODES) {
    const profile = exported(mode);
    const where = tempOf(profile);
    mkdirSync(where, { recursive: true, mode: 0o700 });
    const show = (state, does, why) => {
      if (state !== 'ok') failures += 1;
      process.stdout.write(`${state.padEnd(5)} ${mode.padEnd(11)} ${does}${why ? `: ${why}` : ''}\n`);
    };
    const begun = process.hrtime.bigint();
    const started = inside(profile, ['/usr/bin/true'], where);
    const took = Number(process.hrtime.bigint() - begun) / 1e6;
    show(
      started.status === 0 ? 'ok' : 'FAIL',
      `the profile is taken (${took.toFixed(0)} ms)`,
      (started.stderr || '').trim(),
    );
    if (started.status === 0) {
      for (const [does, words] of WORK) {
        const { status, stderr } = inside(profile, words, where);
        show(
          status === 0 ? 'ok' : 'FAIL',
          does,
          status === 0 ? '' : (stderr || '').trim().split('\n').at(-1),
        );
      }
      const context = { victim: victim.pid, listening: server.address().port, where };
      for (const row of rows(context).filter(({ modes }) => !modes || modes.includes(mode))) {
        const [state, why] = judge(profile, row, where);
        show(state, row.does, why);
      }
    }
    rmSync(where, { recursive: true, force: true });
  }
  for (const [does, holds, { stdout, stderr }] of await wholeRuns(server.address().port)) {
    if (!holds) failures += 1;
    process.stdout.write(`${(holds ? 'ok' : 'FAIL').padEnd(5)} ${does}\n`);
    if (!holds) process.stdout.write(`${stdout}${stderr}`.replace(/^/gm, '      ').concat('\n'));
  }
} finally {
  victim.kill('SIGKILL');
  server.close();
  rmSync(root, { recursive: true, force: true });
}
process.stdout.write(failures === 0 ? 'All held.\n' : `${failures} did not hold.\n`);
process.exitCode = failures === 0 ? 0 : 1;

/**
 * `npm run demo`: a scripted agent works inside Pinfold's strict mode on a real small project, then tries to get out.
 * Everything lives in a throwaway directory, your own home is not touched. Ends with 0 only if the work succeeded, every
 * crossing was refused, and a look from outside finds everything as it was.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as util from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const cli = join(here, '../../dist/pinfold.cjs');
const coloured = process.stdout.isTTY && !process.env.NO_COLOR && typeof util.styleText === 'function';
const style = (format, text) => (coloured ? util.styleText(format, text) : text);
const say = (text = '') => process.stdout.write(`${text}\n`);

/** Why each errno is the refusal it is, where `pinfold explain` has no path to speak of. */
const REASONS = {
  service: 'the sandbox has a network of its own: this loopback is not the host’s, nobody listens there',
  address: 'no rule allows this address, and no route leads out of the sandbox’s own network',
  name: 'the resolver inside answers only for hosts that are allowed',
  signal: 'the sandbox sees only its own processes: for it, that process does not exist',
};
/** What each crossing must have met; anything else is not the refusal that was promised. */
const EXPECTED = {
  key: ['ENOENT', 'EACCES'],
  outside: ['ENOENT', 'EROFS', 'EACCES'],
  hook: ['EROFS', 'EACCES'],
  configuration: ['EROFS', 'EACCES'],
  service: ['ECONNREFUSED', 'ENETUNREACH', 'EACCES'],
  address: ['ENETUNREACH', 'EACCES'],
  name: ['EAI_AGAIN', 'ENOTFOUND'],
  signal: ['ESRCH', 'EPERM'],
};

function hostCommand(program, args, options) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', ...options });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

/**
 * Where the throwaway world is made. Not beneath /tmp if that can be helped: every sandbox has a /tmp of its own, and
 * what lies beside the project there would be hidden for that reason alone.
 */
function placeForWorld() {
  const candidates = [join(here, '../../node_modules/.cache'), join(homedir(), '.cache')];
  for (const directory of candidates.filter((path) => !/^(\/var)?\/tmp\//.test(path))) {
    try {
      mkdirSync(directory, { recursive: true });
      accessSync(directory, constants.W_OK);
      return directory;
    } catch (error) {
      if (!['EACCES', 'EROFS', 'EPERM'].includes(error.code)) throw error; // not ours to write: the next will do
    }
  }
  return tmpdir();
}

/** The throwaway world: a home with a canary key, a project under git, a victim process and a service that counts. */
async function makeWorld() {
  const root = mkdtempSync(join(realpathSync(placeForWorld()), 'pinfold-demo-'));
  const home = join(root, 'home');
  const project = join(root, 'project');
  const outside = join(root, 'other-project');
  mkdirSync(join(home, '.ssh'), { recursive: true });
  mkdirSync(outside);
  writeFileSync(join(home, '.ssh/id_ed25519'), 'canary: not a real key\n', { mode: 0o600 });
  writeFileSync(
    join(home, '.gitconfig'),
    '[user]\n\tname = Demo\n\temail = demo@example.com\n[init]\n\tdefaultBranch = main\n',
  );
  writeFileSync(join(outside, 'notes.txt'), 'canary\n');
  cpSync(join(here, 'project'), project, { recursive: true });
  cpSync(join(here, 'agent.mjs'), join(project, 'agent.mjs'));
  mkdirSync(join(project, '.pinfold'));
  writeFileSync(join(project, '.pinfold/settings.json'), '{\n  "sandbox": { "mode": "strict" }\n}\n');
  const env = { ...process.env, HOME: home };
  for (const name of Object.keys(env)) if (/^(XDG_|GIT_)/.test(name)) delete env[name];
  for (const args of [
    ['init', '--quiet'],
    ['add', '--all'],
    ['commit', '--quiet', '--message', 'Begin'],
  ])
    hostCommand('git', args, { cwd: project, env });
  const victim = spawn('sleep', ['600'], { stdio: 'ignore' });
  const service = { visits: 0, port: 0 };
  const server = createServer((socket) => {
    service.visits += 1;
    socket.destroy();
  });
  await new Promise((accept) => server.listen(0, '127.0.0.1', accept));
  service.port = server.address().port;
  const dispose = () => {
    victim.kill('SIGKILL');
    server.close();
    rmSync(root, { recursive: true, force: true });
  };
  return { root, home, project, outside, env, victim, service, dispose };
}

/** What must be the same afterwards, read from outside. */
function fingerprint(world) {
  const digest = (path) =>
    existsSync(path) ? createHash('sha256').update(readFileSync(path)).digest('hex') : 'absent';
  return {
    'the key in ~/.ssh': digest(join(world.home, '.ssh/id_ed25519')),
    'the other project': digest(join(world.outside, 'notes.txt')),
    '.git/config': digest(join(world.project, '.git/config')),
    '.git/hooks': `${digest(join(world.project, '.git/hooks/pre-commit'))} ${digest(join(world.home, 'planted'))}`,
  };
}

/** A Node under somebody's home is not part of the runtime that every sandbox shows. */
function nodeGrant() {
  const node = realpathSync(process.execPath);
  return node.startsWith('/usr/') ? [] : ['--allow', `${dirname(dirname(node))}:ro`];
}

function printAct({ kind, what, met, detail }) {
  if (kind === 'work') {
    const mark = met === 'ok' ? style('green', '✓') : style('red', '✗');
    say(`  ${mark} ${what}${detail ? style('dim', `  ${detail}`) : ''}${met === 'ok' ? '' : `  ${met}`}`);
  }
}

async function runAgent(world) {
  const targets = {
    key: join(world.home, '.ssh/id_ed25519'),
    outside: join(world.outside, 'notes.txt'),
    port: world.service.port,
    pid: world.victim.pid,
  };
  const flags = ['run', '--mode', 'strict', ...nodeGrant(), '--'];
  const argv = [cli, ...flags, process.execPath, 'agent.mjs', JSON.stringify(targets)];
  const child = spawn(process.execPath, argv, {
    cwd: world.project,
    env: world.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let messages = '';
  child.stderr.on('data', (chunk) => {
    messages += chunk;
  });
  const ended = new Promise((accept) => child.once('close', accept));
  const acts = [];
  for await (const line of createInterface({ input: child.stdout })) {
    try {
      acts.push(JSON.parse(line));
    } catch {
      messages += `${line}\n`; // not one of the agent's lines: shown at the end if something went wrong
      continue;
    }
    printAct(acts.at(-1));
  }
  return { code: await ended, acts, messages };
}

function explain(world, { name }) {
  const paths = {
    key: [join(world.home, '.ssh/id_ed25519')],
    outside: [join(world.outside, 'notes.txt'), '--write'],
    hook: [join(world.project, '.git/hooks'), '--write'],
    configuration: [join(world.project, '.git/config'), '--write'],
  };
  if (!(name in paths)) return REASONS[name];
  const { stdout, stderr } = spawnSync(process.execPath, [cli, 'explain', ...paths[name]], {
    cwd: world.project,
    env: world.env,
    encoding: 'utf8',
  });
  return (stdout || stderr).trim();
}

/** The demo runs in the project, so paths are shown as they are from there. */
function shortened(world, text) {
  return text
    .replaceAll(world.home, '~')
    .replaceAll(`${world.project}/`, '')
    .replaceAll(world.project, '.')
    .replaceAll(`${world.root}/`, '../');
}

function printCrossing(world, act) {
  const refused = EXPECTED[act.name].includes(act.met);
  const mark = refused ? style('green', 'refused') : style('red', 'NOT REFUSED');
  say(`  ${mark}  ${shortened(world, act.what)}  ${style('dim', act.met)}`);
  // Of what explain says, the deciding rule and the smallest grant; `pinfold explain PATH` shows the rest.
  const said = explain(world, act).split('\n');
  const lines = said.filter((line) => /^\s*(rule|to open)\s/.test(line));
  for (const line of lines.length > 0 ? lines : said)
    say(style('dim', `           ${shortened(world, line.trim())}`));
  return refused;
}

function printCheck(what, holds) {
  say(`  ${holds ? style('green', '✓') : style('red', '✗')} ${what}`);
  return holds;
}

function checkFromOutside(world, before) {
  const after = fingerprint(world);
  const results = Object.keys(before).map((what) =>
    printCheck(`${what} is unchanged`, before[what] === after[what]),
  );
  results.push(
    printCheck(
      'the other process still runs',
      world.victim.exitCode === null && world.victim.signalCode === null,
    ),
    printCheck('the service on the host’s loopback had no visitor', world.service.visits === 0),
    printCheck(
      'git status is clean',
      hostCommand('git', ['status', '--porcelain'], { cwd: world.project, env: world.env }) === '',
    ),
    printCheck(
      'the project’s tests pass',
      spawnSync(process.execPath, ['--test'], { cwd: world.project, env: world.env }).status === 0,
    ),
  );
  return results.every(Boolean);
}

async function demonstrate(world) {
  say(style('bold', 'A scripted agent, in a real project, inside Pinfold’s strict mode'));
  say(
    style(
      'dim',
      `  ${world.project} is the project; the home beside it is a throwaway with a canary key in ~/.ssh`,
    ),
  );
  say(`\n  $ pinfold run --mode strict -- node agent.mjs\n`);
  const before = fingerprint(world);
  say(style('bold', 'Its work'));
  const { code, acts, messages } = await runAgent(world);
  const work = acts.filter((act) => act.kind === 'work');
  const crossings = acts.filter((act) => act.kind === 'crossing');
  const worked = code === 0 && work.length === 3 && work.every((act) => act.met === 'ok');
  if (!worked) say(messages.trim().replaceAll(/^/gm, '  '));
  say(`\n${style('bold', 'What it tried next, and which rule stood there')}`);
  const refused = crossings.filter((act) => printCrossing(world, act)).length;
  say(`\n${style('bold', 'Seen from outside')}`);
  const intact = checkFromOutside(world, before);
  const good = worked && intact && refused === Object.keys(EXPECTED).length;
  say(
    `\n${good ? style('green', 'The work is done') : style('red', 'Something is wrong')}: ${refused} of ${Object.keys(EXPECTED).length} crossings refused, ${intact ? 'nothing outside changed' : 'SOMETHING OUTSIDE CHANGED'}.`,
  );
  return good;
}

const world = await makeWorld();
try {
  process.exitCode = (await demonstrate(world)) ? 0 : 1;
} finally {
  world.dispose();
}

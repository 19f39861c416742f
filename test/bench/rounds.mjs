/** Whole programs timed from outside, in turns, and what is said of them. */
import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';

export function run(command, args, settings = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', ...settings });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0)
    throw new Error(`${command} ended with ${result.status}\n${result.stdout}${result.stderr}`);
  return { said: result.stdout, complaints: result.stderr };
}

function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}

function summary(samples) {
  const ms = samples.map((one) => one.ms).sort((a, b) => a - b);
  return {
    median: quantile(ms, 0.5),
    low: quantile(ms, 0.1),
    high: quantile(ms, 0.9),
    mib: Math.max(...samples.map((one) => one.mib)),
  };
}

/** `stopwatch`: the program of stopwatch.c. A contender has `name`, `argv`, and may have `plan`, `fd9`, `cwd`. */
export class Rounds {
  #stopwatch;
  #environment;
  #cwd;

  constructor({ stopwatch, environment, cwd }) {
    this.#stopwatch = stopwatch;
    this.#environment = environment;
    this.#cwd = cwd;
  }

  /** One sample: milliseconds, and MiB of the largest process. Throws where it ends with another code than 0. */
  sample({ argv, plan, fd9, cwd }) {
    const ninth = fd9 === undefined ? 'ignore' : openSync(fd9, 'r');
    const stdio = ['ignore', 'pipe', 'pipe', ...Array(6).fill('ignore'), ninth];
    const words = plan === undefined ? argv : ['-p', plan, ...argv];
    const { said, complaints } = run(this.#stopwatch, words, {
      stdio,
      cwd: cwd ?? this.#cwd,
      env: this.#environment,
    });
    const [nanoseconds, kibibytes, code] = said.split(' ').map(Number);
    if (code !== 0) throw new Error(`${argv.slice(0, 4).join(' ')} … ended with ${code}\n${complaints}`);
    return { ms: nanoseconds / 1e6, mib: kibibytes / 1024 };
  }

  /** Runs the contenders in turns; each round begins with another one. */
  race(contenders, times) {
    for (const contender of contenders) for (let warm = 0; warm < 3; warm++) this.sample(contender);
    const samples = contenders.map(() => []);
    for (let round = 0; round < times; round++) {
      for (let turn = 0; turn < contenders.length; turn++) {
        const index = (turn + round) % contenders.length;
        samples[index].push(this.sample(contenders[index]));
      }
    }
    return contenders.map((contender, index) => ({ name: contender.name, ...summary(samples[index]) }));
  }
}

export function print(title, rows, base) {
  const width = Math.max(...rows.map((row) => row.name.length));
  const reference = rows.find((row) => row.name === base);
  console.log(`\n${title}`);
  const memory = rows.some((row) => row.mib !== undefined);
  console.log(
    `  ${''.padEnd(width)}  median ms   (10 % – 90 %)     ratio${memory ? '   largest process' : ''}`,
  );
  for (const { name, median, low, high, mib } of rows) {
    const spread = `(${low.toFixed(1)} – ${high.toFixed(1)})`.padEnd(16);
    const ratio = `${(median / reference.median).toFixed(2)}×`;
    console.log(
      `  ${name.padEnd(width)}  ${median.toFixed(2).padStart(9)}   ${spread} ${ratio.padStart(6)}${memory ? `   ${mib.toFixed(1)} MiB` : ''}`,
    );
  }
}

export function verdict(text, value, limit, unit) {
  console.log(
    `  ${value <= limit ? 'met' : 'MISSED'}: ${text}: ${value.toFixed(2)}${unit}, goal ≤ ${limit}${unit}`,
  );
}

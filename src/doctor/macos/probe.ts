/** Doctor's probe where system calls have no stable numbers: `node doctor-probe.cjs ACTS`, a report on standard output. */
import { writeSync } from 'node:fs';
import { perform } from './perform.ts';

const STDOUT = 1;

function writeAll(text: string): void {
  let rest: Buffer = Buffer.from(text);
  while (rest.length > 0) rest = rest.subarray(writeSync(STDOUT, rest));
}

const [, , acts = '[]'] = process.argv;
void perform(JSON.parse(acts), process.env).then((said) => writeAll(JSON.stringify(said)));

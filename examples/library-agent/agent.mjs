/**
 * A small agent that embeds Pinfold: a loop over a model's tool calls, all of them inside one sandbox. The model is scripted, so that
 * this runs without a network; it decides by the results of its calls alone, as a real one would. Ends with 0 when the work is done.
 *
 * usage: node examples/library-agent/agent.mjs
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, sandboxTools } from '../../dist/index.js';

const TASK = 'Make the editor format files on save, and check that the project’s tests pass.';
const SETTING = '{ "editor.formatOnSave": true }\n';

/** One turn of the model: the next tool calls, or what it has to say at the end. It sees the task and the results so far. */
function model({ results }) {
  const last = results.at(-1);
  if (last === undefined)
    return { call: 'bash', input: { command: 'cd src && node --test 2>&1 | tail -n 8' } };
  if (last.call === 'bash')
    return { call: 'write', input: { path: '../.vscode/settings.json', content: SETTING } };
  const [refused] = last.result.refused ?? [];
  // The boundary: what it reads there tells it that to try again is useless, and what to do instead.
  if (refused?.retry === 'will_fail' && refused.instead?.startsWith('write the change to a file')) {
    return { call: 'write', input: { path: '../proposals/vscode-settings.json', content: SETTING } };
  }
  if (last.result.error !== undefined) return { say: `I could not do it: ${last.result.error}` };
  return {
    say: 'The tests pass. The setting is in proposals/vscode-settings.json; please move it to .vscode/ yourself.',
  };
}

async function work(projectDir) {
  const sandbox = await createSandbox({ mode: 'strict', projectDir });
  try {
    const tools = sandboxTools(sandbox);
    const results = [];
    for (let turn = 0; turn < 10; turn += 1) {
      const { say, call, input } = model({ task: TASK, tools: tools.anthropic, results });
      if (say !== undefined) return say;
      const result = await tools.call(call, input);
      results.push({ call, result });
      console.log(`${call} ${JSON.stringify(input)}\n  ${JSON.stringify(result)}`);
    }
    return 'I have been at it for too long.';
  } finally {
    await sandbox.close();
  }
}

const projectDir = mkdtempSync(join(homedir(), 'pinfold-agent-'));
try {
  mkdirSync(join(projectDir, 'src'));
  writeFileSync(
    join(projectDir, 'src/sum.test.mjs'),
    "import assert from 'node:assert';\nimport test from 'node:test';\ntest('adds', () => assert.equal(1 + 1, 2));\n",
  );
  console.log(TASK);
  console.log(await work(projectDir));
  const proposed = readFileSync(join(projectDir, 'proposals/vscode-settings.json'), 'utf8');
  const names = readdirSync(projectDir).sort();
  if (proposed !== SETTING || names.includes('.vscode'))
    throw new Error(`the project holds ${names.join(', ')}`);
} finally {
  rmSync(projectDir, { recursive: true, force: true });
}

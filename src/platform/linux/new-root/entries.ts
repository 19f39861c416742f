/** Directories, files and links that the plan makes on its own file systems. */
import { baseOf, parentOf } from '../../../policy/paths.ts';
import type { CallList } from '../call-list.ts';
import { EEXIST, O_CLOEXEC, O_WRONLY_CREAT_EXCL } from '../mount-api.ts';
import type { MountStep } from '../plan.ts';
import type { RootContents } from './contents.ts';
import { PART, POINT } from './descriptors.ts';
import type { Point } from './point.ts';

export function addEntry(
  calls: CallList,
  { point, contents }: { readonly point: Point; readonly contents: RootContents },
  step: Extract<MountStep, { readonly op: 'directory' | 'symlink' | 'file' }>,
): void {
  point.makeDirectories(contents.missing(parentOf(step.path)));
  const name = baseOf(step.path);
  point.open(parentOf(step.path));
  if (!contents.isOwn(step.path)) throw new Error(`${step.path} is not the plan’s to make`);
  if (step.op === 'symlink') {
    calls.add('symlinkat', [step.to, POINT, name]);
  } else if (step.op === 'directory') {
    calls.add('mkdirat', [POINT, name, step.mode], { tolerates: [EEXIST] });
    calls.add('fchmodat', [POINT, name, step.mode]);
  } else {
    const content = typeof step.content === 'string' ? Buffer.from(step.content) : step.content;
    calls.add('openat', [POINT, name, O_WRONLY_CREAT_EXCL | O_CLOEXEC, step.mode], { place: PART });
    calls.add('write', [PART, content, content.length]);
    calls.add('close', [PART]);
  }
}

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyOf, parseGitConfig } from './git-config.ts';
import { harmlessPart, isHarmlessUrl, judgeGitConfig } from './git-config-change.ts';

describe('parseGitConfig', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'git-config-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** What git itself reads: keys and values as it lists them, or nothing where it refuses the file. */
  function byGit(text: string): string[] | undefined {
    const file = join(directory, 'config');
    writeFileSync(file, Buffer.from(text, 'latin1'));
    try {
      const list = execFileSync('git', ['config', '--file', file, '--list', '-z'], {
        encoding: 'latin1',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      return list.split('\0').slice(0, -1);
    } catch {
      return undefined;
    }
  }

  const byUs = (text: string) =>
    parseGitConfig(text)?.map((entry) =>
      entry.value === undefined ? keyOf(entry) : `${keyOf(entry)}\n${entry.value}`,
    );

  const pieces = fc.oneof(
    fc.constantFrom(
      ...['[core]', '[a "b"]', '[a "\\"x\\\\"]', '[A.b]', '[a"b"]', '[ a]', '\n', '\n\n', '\t', ' ', '='],
      ...['name', 'Name-2', 'x = ', 'x=1', '"', '\\"', '\\n', '\\\n', '\\x', '# c', '; d', ']', '[', '\xe9'],
      ...['bare', ' = "a b" c', ' = a  b ', '-', '2x', '\v', '"#"', '\\t', '\\b'],
    ),
    fc.string({ maxLength: 3 }),
  );

  test('reads as git does, whatever the bytes are, or refuses', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), (parts) => {
        const text = `[s]\n${parts.join('')}`.replace(/[\u0100-\uffff]/g, '?').replaceAll('\0', '?');
        const ours = byUs(text);
        if (ours !== undefined) expect(byGit(text)).toEqual(ours);
      }),
      { numRuns: 300 },
    );
  });

  test('what is written down anew is harmless, and read by git as it was', () => {
    const entry = fc.constantFrom(
      ...[
        '[core]\n\tbare = false\n',
        '[core]\n\tfsmonitor = x\n',
        '[user]\n\tname = "a \\"b\\" \\\\ c;d # e "\n',
      ],
      ...[
        '[remote "a \\"b"]\n\turl = https://example.com/a\n',
        '[remote "o"]\n\turl = ../x\n',
        '[alias]\n\tst = !x\n',
      ],
      ...[
        '[branch "x\\\\y"]\n\tremote = o\n\tmerge = refs/heads/x\n',
        '[core]\n\tbare\n',
        '[user]\n\temail =\n',
      ],
    );
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), (parts) => {
        const text = parts.join('');
        const part = harmlessPart(text)!;
        expect(judgeGitConfig('', part.text).kind).toBe('harmless');
        const kept = byUs(text)!.filter((each) => !/fsmonitor|alias|\.\.\/x|^core\.bare$/.test(each));
        expect(byGit(part.text)).toEqual(kept);
      }),
      { numRuns: 100 },
    );
    expect(harmlessPart('[core]\n\tfsmonitor = x\n\tbare = false\n')).toEqual({
      text: '[core]\n\tbare = false\n',
      left: ['core.fsmonitor'],
    });
    expect(harmlessPart('[core]\r\n')).toBeUndefined();
  });

  test('reads what git writes and people keep', () => {
    const text =
      '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n[remote "origin"]\n\turl = git@example.com:a/b.git ; mine\n' +
      '\tfetch = +refs/heads/*:refs/remotes/origin/*\n[alias] st = status -s\n[a "B.c \\"d"]\n  x = "p;q" \\\n   r\n  flag\n';
    expect(byUs(text)).toEqual(byGit(text));
    expect(byUs(text)).toHaveLength(7);
  });

  test.each([
    '[a]\r\n',
    '[a]\nx=\0',
    '\xef\xbb\xbf[a]\n',
    '[a.b]\nx=1\n',
    'x=1\n',
    '[a]\nx="\n',
    '[a]\nx y\n',
  ])('refuses %j', (text) => {
    expect(parseGitConfig(text)).toBeUndefined();
  });
});

const BASE =
  '[core]\n\tbare = false\n\tfsmonitor = mine\n[remote "origin"]\n\turl = https://example.com/a.git\n';

describe('judgeGitConfig', () => {
  test.each([
    [
      'an upstream',
      '[branch "x"]\n\tremote = origin\n\tmerge = refs/heads/x\n',
      ['branch.x.remote', 'branch.x.merge'],
    ],
    [
      'a new remote',
      '[remote "fork"]\n\turl = git@example.com:me/a.git\n\tfetch = +refs/heads/*:refs/remotes/fork/*\n',
      ['remote.fork.url', 'remote.fork.fetch'],
    ],
    ['who commits', '[user]\n\tname = A B\n\temail = a@example.com\n', ['user.name', 'user.email']],
    ['nothing but a comment', '# a comment\n', []],
  ])('lets %s be written', (_what, text, changed) => {
    expect(judgeGitConfig(BASE, BASE + text)).toEqual({ kind: 'harmless', changed });
  });

  test.each([
    ...['core.fsmonitor', 'core.hooksPath', 'core.sshCommand', 'core.pager', 'core.editor', 'core.askPass'],
    ...['core.gitProxy', 'core.attributesFile', 'core.worktree', 'core.alternateRefsCommand', 'alias.st'],
    ...[
      'filter.x.clean',
      'filter.x.process',
      'diff.x.textconv',
      'diff.external',
      'merge.x.driver',
      'include.path',
    ],
    ...['includeIf.gitdir:/.path', 'credential.helper', 'gpg.program', 'gpg.ssh.program', 'commit.gpgSign'],
    ...[
      'remote.fork.uploadpack',
      'remote.fork.receivepack',
      'remote.fork.proxy',
      'remote.fork.vcs',
      'remote.fork.pushurl',
    ],
    ...['url.x.insteadOf', 'protocol.ext.allow', 'submodule.x.update', 'sequence.editor', 'difftool.x.cmd'],
    ...[
      'extensions.worktreeConfig',
      'http.proxy',
      'uploadpack.packObjectsHook',
      'remote.pushDefault',
      'pager.log',
    ],
  ])('refuses %s', (key) => {
    const [section, name] = [key.slice(0, key.indexOf('.')), key.slice(key.lastIndexOf('.') + 1)];
    const subsection = key.slice(section.length + 1, key.lastIndexOf('.'));
    const text = `[${section}${subsection === '' ? '' : ` "${subsection}"`}]\n\t${name} = true\n`;
    const judged = judgeGitConfig(BASE, BASE + text);
    expect(judged).toMatchObject({ kind: 'refused' });
    expect((judged as { key: string }).key.toLowerCase()).toBe(key.toLowerCase());
  });

  test.each([
    [
      'a harmless key with a value that is none',
      '[branch "x"]\n\tremote = ext::sh -c x\n',
      'branch.x.remote',
    ],
    ['a path for a remote', '[branch "x"]\n\tremote = ./evil\n', 'branch.x.remote'],
    [
      'another place for an old remote',
      '[remote "origin"]\n\turl = https://evil.example/a.git\n',
      'remote.origin.url',
    ],
    [
      'a branch of the person’s own to be overwritten',
      '[remote "f"]\n\tfetch = +refs/heads/*:refs/heads/*\n',
      'remote.f.fetch',
    ],
    ['a name alone', '[core]\n\tfilemode\n', 'core.filemode'],
  ])('refuses %s', (_what, text, key) => {
    expect(judgeGitConfig(BASE, BASE + text)).toMatchObject({ kind: 'refused', key });
  });

  test('a submodule is updated as git does it by itself, and by no command', () => {
    const update = (value: string) => judgeGitConfig(BASE, `${BASE}[submodule "x"]\n\tupdate = ${value}\n`);
    for (const value of ['checkout', 'rebase', 'merge', 'none'])
      expect(update(value)).toEqual({ kind: 'harmless', changed: ['submodule.x.update'] });
    for (const value of ['!sh -c x', '!true', '"!x"', 'checkout!', ''])
      expect(update(value)).toMatchObject({ kind: 'refused', key: 'submodule.x.update' });
  });

  test('where the working tree of a submodule is may be said once, and only as it is known', () => {
    const tree = (value: string) => `[core]\n\tworktree = ${value}\n`;
    const known = { worktree: '../../../sub' };
    expect(judgeGitConfig(BASE, BASE + tree('../../../sub'), known).kind).toBe('harmless');
    const refused = { kind: 'refused', key: 'core.worktree' };
    expect(judgeGitConfig(BASE, BASE + tree('../../../sub'))).toMatchObject(refused);
    expect(judgeGitConfig(BASE, BASE + tree('../../../src'), known)).toMatchObject(refused);
    expect(judgeGitConfig(BASE + tree('../x'), BASE + tree('../../../sub'), known)).toMatchObject(refused);
    expect(judgeGitConfig(BASE + tree('../x'), BASE, known)).toMatchObject(refused);
  });

  test('refuses to take away, exchange or move what is not harmless', () => {
    const two = '[credential]\n\thelper = \n\thelper = mine\n';
    const turned = '[credential]\n\thelper = mine\n\thelper = \n';
    expect(judgeGitConfig(two, turned)).toMatchObject({ kind: 'refused', key: 'credential.helper' });
    expect(judgeGitConfig(BASE, BASE.replace('\tfsmonitor = mine\n', ''))).toMatchObject({
      key: 'core.fsmonitor',
    });
    expect(judgeGitConfig(BASE, BASE.replace('mine', 'other'))).toMatchObject({ key: 'core.fsmonitor' });
    expect(judgeGitConfig(BASE, BASE.replace('\tbare = false\n', ''))).toMatchObject({ kind: 'harmless' });
  });

  test('a remote that the session found keeps its address, also in two steps; one that it added may go', () => {
    const remote = (url: string) => `[remote "origin"]\n\turl = ${url}\n`;
    const [theirs, other] = [remote('https://a.example/r.git'), remote('https://b.example/r.git')];
    expect(judgeGitConfig(BASE + theirs, BASE)).toEqual({
      kind: 'refused',
      key: 'remote.origin.url',
      why: 'only a person takes this key away',
    });
    expect(judgeGitConfig(BASE + theirs, BASE + other)).toMatchObject({ kind: 'refused' });
    expect(judgeGitConfig(BASE + other, BASE, { first: BASE })).toMatchObject({ kind: 'harmless' });
  });

  test('whatever is judged harmless leaves every other key as git reads it', () => {
    const keys = fc.constantFrom('core.bare', 'core.pager', 'branch.x.remote', 'alias.a', 'user.name');
    const line = fc.tuple(keys, fc.constantFrom('true', 'x', '!sh', 'origin')).map(([key, value]) => {
      const parts = key.split('.');
      const head = parts.length === 3 ? `[${parts[0]} "${parts[1]}"]` : `[${parts[0]}]`;
      return `${head}\n\t${parts.at(-1)} = ${value}\n`;
    });
    const text = fc.array(line, { maxLength: 6 }).map((lines) => lines.join(''));
    const unsafe = (of: string) =>
      parseGitConfig(of)!.filter((entry) => /^(core\.pager|alias\.)/.test(keyOf(entry)));
    fc.assert(
      fc.property(text, text, (before, after) => {
        if (judgeGitConfig(before, after).kind === 'harmless') expect(unsafe(after)).toEqual(unsafe(before));
      }),
    );
  });
});

test.each([
  ...[
    'https://github.com/a/b.git',
    'ssh://git@example.com:22/a',
    'git@example.com:a/b',
    'http://[2001:db8::1]/a',
  ],
])('takes %s for harmless', (url) => expect(isHarmlessUrl(url)).toBe(!url.includes('::')));

test.each([
  ...[
    'ext::sh -c touch% x',
    'ssh://-oProxyCommand=x/a',
    'git@-oProxyCommand=x:a',
    '-x',
    '/srv/evil.git',
    './evil.git',
  ],
  ...[
    'file:///srv/evil.git',
    '../evil',
    'https://a/%0ahost=b',
    'https://u:p@a\n/b',
    'fd::7/x',
    'host:-x',
    'git@h:-x',
  ],
  ...['https://example.com', 'transport::https://a/b', 'ssh://a@-b/c', 'ssh://a@b/c d', 'https://a/b\\c', ''],
])('takes %j for no harmless URL', (url) => expect(isHarmlessUrl(url)).toBe(false));

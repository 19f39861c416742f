/** Claims about mistaken and hostile settings: each is refused, and the place named is the place of the mistake. */
import { expect, test } from 'vitest';
import type { FileScope } from './discover.ts';
import { interpretSettings } from './interpretation.ts';

const places = { projectDir: '/p', homeDir: '/home/you' };

function problemsOf(text: string, scope: FileScope = 'project'): string[] {
  const meaning = interpretSettings({ scope, file: 'f', text, trusted: true, places });
  return meaning.kind === 'valid'
    ? []
    : meaning.problems.map(
        ({ line, column, message, suggestion }) =>
          `${line}:${column} ${message}${suggestion === undefined ? '' : ` → ${suggestion}`}`,
      );
}

const sandbox = (inside: string): string => `{\n  "sandbox": {\n    ${inside}\n  }\n}\n`;

test('accepts the settings that the tables below take a bite of', () => {
  expect(problemsOf(sandbox('"mode": "strict"'))).toEqual([]);
});

test.each([
  ['F-01 an empty file', '', '1:1 the file is empty; settings are an object: { "sandbox": { … } }'],
  ['F-01 a file of blanks', ' \n\t\n', '1:1 the file is empty; settings are an object: { "sandbox": { … } }'],
  ['a file of comments', '// nothing\n', '2:1 a value is expected here'],
  ['F-02 truncated JSON', '{', '1:2 the file ends before a "}"'],
  ['F-02 truncated in a list', '{\n "sandbox": { "deniedPaths": [ "a"', '2:35 the file ends before a "]"'],
  ['F-02 a string never closed', '{ "sandbox": { "mode": "str', '1:24 this string is never closed'],
  ['a comment never closed', '{}\n/* ', '2:1 this comment is never closed'],
  ['F-03 trailing garbage', '{}}', '1:3 text follows after the end of the settings'],
  ['F-03 two documents', '{}\n{}', '2:1 text follows after the end of the settings'],
  ['F-04 a null document', 'null', '1:1 settings are an object, { "sandbox": { … } }, not null'],
  ['F-05 an array document', '[]', '1:1 settings are an object, { "sandbox": { … } }, not an array'],
  ['F-06 a string document', '"strict"', '1:1 settings are an object, { "sandbox": { … } }, not a string'],
  ['F-14 a nesting bomb', '['.repeat(200_000), '1:33 nested more than 32 levels deep'],
  ['F-14 a nesting bomb of objects', '{"a":'.repeat(100_000), '1:161 nested more than 32 levels deep'],
  ['F-17 NaN', '{ "sandbox": { "mode": NaN } }', '1:24 not a JSON value'],
  ['a missing comma', sandbox('"mode": "strict"\n    "enabled": true'), '4:5 a comma is expected here'],
  ['a raw line break in a string', sandbox('"mode": "str\nict"'), '3:13 this string is never closed'],
  [
    'a raw control character in a string',
    sandbox('"mode": "str\u0001ict"'),
    '3:13 a control character must be escaped',
  ],
  ['a bad escape', sandbox('"mode": "\\x73trict"'), '3:13 not an escape that JSON knows'],
])('refuses %s', (_, text, problem) => {
  expect(problemsOf(text)).toEqual([problem]);
});

const KEYS = '"strict", "standard", "permissive"';

test.each([
  [
    'F-09 a look-alike mode',
    '"mode": "str\u0131ct"',
    `3:13 sandbox.mode: "str\u0131ct" is none of ${KEYS} → "strict"`,
  ],
  ['F-10 a duplicate key', '"mode": "strict", "mode": "permissive"', '3:23 the key "mode" is written twice'],
  ['F-11 __proto__', '"__proto__": { "mode": "permissive" }', '3:5 unknown key "__proto__" in sandbox'],
  ['F-12 constructor', '"constructor": { "prototype": {} }', '3:5 unknown key "constructor" in sandbox'],
  [
    'F-16 infinity',
    '"limits": { "processes": 1e999 }',
    '3:30 sandbox.limits.processes: a whole number is expected',
  ],
  ['F-20.00 an empty mode', '"mode": ""', `3:13 sandbox.mode: "" is none of ${KEYS}`],
  ['F-20.01 a capital mode', '"mode": "Strict"', `3:13 sandbox.mode: "Strict" is none of ${KEYS} → "strict"`],
  ['F-20.02 a shouted mode', '"mode": "STRICT"', `3:13 sandbox.mode: "STRICT" is none of ${KEYS} → "strict"`],
  [
    'F-20.03 a mode with a blank',
    '"mode": "strict "',
    `3:13 sandbox.mode: "strict " is none of ${KEYS} → "strict"`,
  ],
  ['F-20.04 the mode none', '"mode": "none"', `3:13 sandbox.mode: "none" is none of ${KEYS}`],
  ['F-20.05 the mode off', '"mode": "off"', `3:13 sandbox.mode: "off" is none of ${KEYS}`],
  [
    "F-20.06 another product's mode",
    '"mode": "danger-full-access"',
    `3:13 sandbox.mode: "danger-full-access" is none of ${KEYS}`,
  ],
  ['F-20.07 a null mode', '"mode": null', `3:13 sandbox.mode: one of ${KEYS} is expected, not null`],
  ['F-20.08 a mode of 0', '"mode": 0', `3:13 sandbox.mode: one of ${KEYS} is expected, not a number`],
  ['F-20.09 a mode of true', '"mode": true', `3:13 sandbox.mode: one of ${KEYS} is expected, not true`],
  [
    'F-20.10 a list of modes',
    '"mode": ["strict"]',
    `3:13 sandbox.mode: one of ${KEYS} is expected, not an array`,
  ],
  ['F-20.11 an object as mode', '"mode": {}', `3:13 sandbox.mode: one of ${KEYS} is expected, not an object`],
  ['F-22 a misspelt key', '"denyPaths": ["/"]', '3:5 unknown key "denyPaths" in sandbox → deniedPaths'],
  [
    'F-22 a misspelt key in a section',
    '"limits": { "memmory": "1GiB" }',
    '3:17 unknown key "memmory" in sandbox.limits → memory',
  ],
  [
    'F-22 a misspelt key in an entry',
    '"allowedPaths": [{ "path": "a", "acess": "read" }]',
    '3:37 unknown key "acess" in sandbox.allowedPaths[0]',
  ],
  [
    'F-22 a misspelt key in a profile',
    '"profiles": { "x": { "mod": "strict" } }',
    '3:26 unknown key "mod" in sandbox.profiles.x → mode',
  ],
  [
    'profiles in a profile',
    '"profiles": { "x": { "profiles": {} } }',
    '3:26 unknown key "profiles" in sandbox.profiles.x',
  ],
  [
    'F-24 a section of wrong type',
    '"environment": "all"',
    '3:20 sandbox.environment: an object is expected, not a string',
  ],
  ['F-25 a null section', '"limits": null', '3:15 sandbox.limits: an object is expected, not null'],
  [
    'F-26.00 a string for a list',
    '"allowedPaths": "/"',
    '3:21 sandbox.allowedPaths: a list is expected, not a string → ["/"]',
  ],
  [
    'F-26.01 null in a list',
    '"allowedPaths": ["a", null]',
    '3:27 sandbox.allowedPaths[1]: a string or an object with "path" is expected, not null',
  ],
  [
    'F-26.02 a number in a list',
    '"allowedPaths": ["a", 1]',
    '3:27 sandbox.allowedPaths[1]: a string or an object with "path" is expected, not a number',
  ],
  [
    'F-26.03 a list in a list',
    '"allowedPaths": [["a"]]',
    '3:22 sandbox.allowedPaths[0]: a string or an object with "path" is expected, not an array',
  ],
  [
    'F-26.04 an object for a list',
    '"allowedPaths": { "0": "a" }',
    '3:21 sandbox.allowedPaths: a list is expected, not an object',
  ],
  [
    'F-26.05 true for a list',
    '"allowedPaths": true',
    '3:21 sandbox.allowedPaths: a list is expected, not true',
  ],
  [
    'F-26.06 a foreign key in an entry',
    '"allowedPaths": ["a", { "path": "b", "literal": "yes" }]',
    '3:42 unknown key "literal" in sandbox.allowedPaths[1]',
  ],
  [
    'an entry without a path',
    '"allowedPaths": [{ "mode": "read" }]',
    '3:22 sandbox.allowedPaths[0]: the key "path" is missing',
  ],
  [
    'an entry of unknown mode',
    '"allowedPaths": [{ "path": "a", "mode": "wirte" }]',
    '3:45 sandbox.allowedPaths[0].mode: "wirte" is none of "read", "write" → "write"',
  ],
  [
    'a day that does not exist',
    '"allowedPaths": [{ "path": "a", "expires": "2026-02-30" }]',
    '3:48 sandbox.allowedPaths[0].expires: there is no such day',
  ],
  [
    'a date in words',
    '"allowedPaths": [{ "path": "a", "expires": "tomorrow" }]',
    '3:48 sandbox.allowedPaths[0].expires: a date is written YYYY-MM-DD, or with a time and zone: 2026-12-01T18:00:00Z',
  ],
  [
    'enabled as a word',
    '"enabled": "false"',
    '3:16 sandbox.enabled: true or false is expected, not a string',
  ],
  ['F-42 a null list', '"allowedDomains": null', '3:23 sandbox.allowedDomains: a list is expected, not null'],
  [
    'a variable of no name',
    '"environment": { "pass": ["A=B"] }',
    '3:31 sandbox.environment.pass[0]: a variable name has letters, digits and "_", and does not begin with a digit',
  ],
  [
    'a variable named __proto__',
    '"environment": { "set": { "__proto__": "x" } }',
    '3:31 "__proto__" in sandbox.environment.set: a variable name has letters, digits and "_", and does not begin with a digit',
  ],
  [
    "a number as a variable's value",
    '"environment": { "set": { "CI": 1 } }',
    '3:37 sandbox.environment.set.CI: a string is expected, not a number → "1"',
  ],
  [
    'a NUL in a variable',
    '"environment": { "set": { "CI": "a\\u0000b" } }',
    '3:37 sandbox.environment.set.CI: a variable cannot hold a NUL character',
  ],
  [
    'a size without a unit',
    '"limits": { "memory": 4 }',
    '3:27 sandbox.limits.memory: a size like "4GiB" is expected, not a number',
  ],
  [
    'a size of a slip',
    '"limits": { "memory": "4B" }',
    '3:27 sandbox.limits.memory: memory must be at least 1048576 bytes',
  ],
  [
    'a duration of an unknown unit',
    '"limits": { "wallTime": "2 hours" }',
    '3:29 sandbox.limits.wallTime: a duration is a number with a unit (s, m, h, d), like "90s", "2h" or "1h30m"',
  ],
  [
    'no time at all',
    '"limits": { "wallTime": "0s" }',
    '3:29 sandbox.limits.wallTime: wallTime must be at least 1 seconds',
  ],
  [
    'part of a process',
    '"limits": { "processes": 1.5 }',
    '3:30 sandbox.limits.processes: a whole number is expected',
  ],
  [
    'a profile of a strange name',
    '"profiles": { "../x": {} }',
    '3:19 "../x" in sandbox.profiles: a profile name has letters, digits, "_" and "-"',
  ],
  [
    "Claude Code's key in a file of Pinfold",
    '"filesystem": { "denyRead": ["/x"] }',
    '3:5 "filesystem" is Claude Code\'s own key and is known only in .claude/settings.json',
  ],
])('refuses %s', (_, inside, problem) => {
  expect(problemsOf(sandbox(inside))).toEqual([problem]);
});

test('refuses more allowed paths than can be weighed against each other, and takes as many as can', () => {
  const list = (count: number) => sandbox(`"allowedPaths": [${Array(count).fill('"a"')}]`);
  expect(problemsOf(list(1001))).toEqual([
    '3:4022 sandbox.allowedPaths: there are 1001 entries, and at most 1000 can be kept; name the directory that holds them',
  ]);
  expect(problemsOf(list(1000))).toEqual([]);
});

test.each([
  [
    'F-21 an unknown top-level key',
    '{ "allowEverything": true }',
    '1:3 unknown key "allowEverything" in the settings',
  ],
  ['a misspelt sandbox', '{ "sandbx": {} }', '1:3 unknown key "sandbx" in the settings → sandbox'],
  [
    'a setting outside of sandbox',
    '{ "mode": "strict" }',
    '1:3 "mode" belongs inside the "sandbox" object → sandbox',
  ],
  ['sandbox written twice', '{ "sandbox": {}, "sandbox": {} }', '1:18 the key "sandbox" is written twice'],
  ['F-24 sandbox as a word', '{ "sandbox": "on" }', '1:14 sandbox: an object is expected, not a string'],
  ['F-25 a null sandbox', '{ "sandbox": null }', '1:14 sandbox: an object is expected, not null'],
  ['a schema that is no string', '{ "$schema": 1 }', '1:14 $schema: a string is expected, not a number'],
])('refuses %s', (_, text, problem) => {
  expect(problemsOf(text)).toEqual([problem]);
});

test('ignores in .claude/settings.json what belongs to Claude Code, and refuses there what belongs to nobody', () => {
  expect(problemsOf('{ "permissions": { "allow": ["a"] }, "hooks": {}, "model": "x" }', 'claude')).toEqual(
    [],
  );
  expect(problemsOf('{ "model": 1, "sandbox": { "allowPaths": [] } }', 'claude')).toEqual([
    '1:28 unknown key "allowPaths" in sandbox → allowedPaths',
  ]);
  expect(problemsOf('{ "sandbox": {}, "sandbox": { "mode": "permissive" } }', 'claude')).toEqual([
    '1:18 the key "sandbox" is written twice',
  ]);
  expect(problemsOf('{ "sandbox": { "filesystem": { "denyReed": [] } } }', 'claude')).toEqual([
    '1:32 unknown key "denyReed" in sandbox.filesystem → denyRead',
  ]);
});

test('tells every problem of a file, in the order of the text', () => {
  expect(
    problemsOf(sandbox('"mod": 1,\n    "enabled": 1,\n    "enabled": true,\n    "deniedPaths": [""]')),
  ).toEqual([
    '3:5 unknown key "mod" in sandbox → mode',
    '4:16 sandbox.enabled: true or false is expected, not a number',
    '5:5 the key "enabled" is written twice',
    '6:21 sandbox.deniedPaths[0]: an empty string names no path → .',
  ]);
});

test.each([
  ['\n', 3],
  ['\r\n', 3],
  ['\r', 3],
])('counts lines that end with %j', (eol, line) => {
  expect(problemsOf(['{', '"sandbox": {', '  "x": 1 } }'].join(eol))).toEqual([
    `${line}:3 unknown key "x" in sandbox`,
  ]);
});

test('F-08 tolerates a byte order mark, and does not count it as a column', () => {
  expect(problemsOf(`\uFEFF${sandbox('"mode": "strict"')}`)).toEqual([]);
  expect(problemsOf('\uFEFF{ "x": 1 }')).toEqual(['1:3 unknown key "x" in the settings']);
});

test('allows comments and trailing commas', () => {
  expect(problemsOf('// a\n{ /* b */ "sandbox": { "deniedPaths": ["x",], }, } // c')).toEqual([]);
});

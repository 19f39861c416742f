/** Work of people with tools that not every machine has: the same inside `standard` as outside. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareWork } from '../fixtures/same-work.ts';
import { makeWorld, people, type World } from '../fixtures/world.ts';

const TOOLS = process.env.PINFOLD_TEST_WORKLOADS ?? join(tmpdir(), 'pinfold-test-workloads');
const MODULES = join(TOOLS, 'node_modules');

interface Work {
  /** Of the list of workloads, `docs/workloads.md`. */
  readonly name: string;
  /** Files of the project. */
  readonly files?: Readonly<Record<string, string>>;
  readonly script: string;
  readonly says: string | RegExp;
  readonly except?: readonly string[];
}

const GO_TEST = `package x
import ("io"; "net/http"; "net/http/httptest"; "testing")
func TestX(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hi") }))
	defer s.Close()
	r, e := http.Get(s.URL)
	if e != nil { t.Fatal(e) }
	b, _ := io.ReadAll(r.Body)
	if string(b) != "hi" { t.Fatal(b) }
}
`;
const PYTEST = `import multiprocessing
def double(n): return n * 2
def test_pool():
    with multiprocessing.Pool(2) as pool: assert pool.map(double, [1, 2]) == [2, 4]
def test_file(tmp_path): (tmp_path / "a").write_text("x")
`;
const LIBRARY = { 'lib/package.json': '{ "name": "lib", "version": "1.0.0" }' };
const USES_LIBRARY =
  '{ "name": "p", "version": "1.0.0", "license": "MIT", "dependencies": { "lib": "file:./lib" } }';
const JAVA = `import java.net.*; import java.net.http.*; import com.sun.net.httpserver.*;
public class A { public static void main(String[] a) throws Exception {
  HttpServer s = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
  s.createContext("/", x -> { x.sendResponseHeaders(200, 2); x.getResponseBody().write("hi".getBytes()); x.close(); }); s.start();
  System.out.println(HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + s.getAddress().getPort() + "/")).build(),
    HttpResponse.BodyHandlers.ofString()).body());
  s.stop(0); } }
`;

const WORK: readonly Work[] = [
  {
    name: '2 pnpm install from a directory',
    files: { ...LIBRARY, 'package.json': USES_LIBRARY },
    script: 'pnpm install --offline --silent && ls node_modules && cat node_modules/lib/package.json',
    says: /"lib"/,
    // Of the machine's clock and of where its store is.
    except: [
      'node_modules/.modules.yaml',
      'node_modules/.pnpm-workspace-state-v1.json',
      'node_modules/.pnpm',
    ],
  },
  {
    name: '2 yarn install from a directory',
    files: { ...LIBRARY, 'package.json': USES_LIBRARY },
    script: 'yarn install --offline --silent && ls node_modules',
    says: 'lib\n',
  },
  {
    name: '3 vitest',
    files: { 'a.test.mjs': 'import { test, expect } from "vitest"; test("a", () => expect(1).toBe(1));' },
    script: `ln -s ${MODULES} node_modules && vitest run 2>&1 | grep -c passed; rm node_modules`,
    says: '2\n',
  },
  {
    name: '3 jest',
    files: { 'a.test.js': 'test("a", () => expect(1).toBe(1));', 'package.json': '{}' },
    script: 'jest 2>&1 | grep Tests:',
    says: /1 passed/,
  },
  {
    name: '4 tsx',
    files: { 'a.ts': 'const four: number = 4; console.log(four);' },
    script: 'tsx a.ts',
    says: '4\n',
  },
  {
    name: '7 go test with a server',
    files: { 'go.mod': 'module x\n\ngo 1.19\n', 'x_test.go': GO_TEST },
    script: 'go test ./... | sed "s/[0-9.]*s$//"',
    says: /^ok/,
  },
  {
    name: '10 pytest with multiprocessing',
    files: { 'test_x.py': PYTEST },
    script: '/usr/bin/python3 -m pytest -q -p no:cacheprovider 2>&1 | sed "s/ in .*//"; rm -rf __pycache__',
    says: /2 passed/,
  },
  {
    name: '11 maven looks at a project',
    files: {
      'pom.xml':
        '<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>b</artifactId><version>1</version></project>',
    },
    script: 'mvn -q -o help:nothing 2>&1 | grep -c "offline mode"',
    says: /^\d+\n$/,
  },
  {
    name: '11 gradle without its network',
    files: {
      'build.gradle': "apply plugin: 'java'\ntask hello { doLast { println 'hi ' + (1 + 1) } }\n",
      'src/main/java/A.java':
        'public class A { public static void main(String[] a) { System.out.println("made"); } }\n',
    },
    script:
      'export GRADLE_USER_HOME="$(mktemp -d)"; gradle --no-daemon --offline -q hello classes && java -cp build/classes/java/main A',
    says: 'hi 2\nmade\n',
    // Locks and times.
    except: ['.gradle', 'build'],
  },
  {
    name: '13 bazel, whose own sandbox takes another way',
    files: {
      WORKSPACE: '',
      BUILD: 'genrule(name = "made", outs = ["made.txt"], cmd = "echo made > $@")\n',
    },
    script:
      'bazel --output_user_root="$(mktemp -d)" --batch build --noshow_progress //:made 2>/dev/null && cat bazel-bin/made.txt',
    says: 'made\n',
    // Links to where its own files are.
    except: ['bazel-bin', 'bazel-out', 'bazel-project', 'bazel-testlogs'],
  },
  {
    name: '11 javac and java with a server',
    files: { 'A.java': JAVA },
    script: 'javac A.java && java A',
    says: 'hi\n',
  },
  {
    name: '14 git commit with a message from a here-document',
    script: `git commit -q --allow-empty -F - <<'X'
subject

body with $dollar "quotes" \`ticks\`
X
git log --format=%B -1`,
    says: /ticks/,
  },
  {
    name: '15 git commit with a hook that runs Node',
    files: { '.git/hooks/pre-commit': '#!/bin/sh\nnode -p "1 + 1"\n' },
    script: 'echo x > new && git add new && git commit -q -m x 2>&1 && git log --format=%s -1',
    says: /2\nx\n/,
  },
  {
    name: '17 a signed commit',
    script: `export GNUPGHOME="$(mktemp -d)"; gpg --batch --quiet --passphrase '' --quick-gen-key t@example.com 2>/dev/null
git -c user.signingkey=t@example.com commit -q --allow-empty -S -m signed && git log --format=%G? -1; gpgconf --kill all`,
    says: 'G\n',
  },
  {
    name: '21 a development server that goes on between commands',
    script: `node -e 'require("http").createServer((q, r) => r.end("dev")).listen(38999, "127.0.0.1", () => console.log("up"))' > up & p=$!
until grep -q up up; do sleep 0.1; done; curl -sS http://127.0.0.1:38999/; curl -sS http://localhost:38999/; kill $p; rm up`,
    says: 'devdev',
  },
  {
    name: '26 tmux',
    script: `export TMUX_TMPDIR="$(mktemp -d)"; tmux -f /dev/null new-session -d 'echo hi > out; exec cat'
until [ -s out ]; do sleep 0.1; done; tmux list-sessions | cut -d: -f1; tmux kill-server; cat out`,
    says: '0\nhi\n',
  },
  {
    name: '28 jobs and kill',
    script: 'sleep 100 & kill -TERM $!; wait $!; echo $?',
    says: '143\n',
  },
  { name: 'ruby', files: { 'a.rb': 'puts 1 + 1' }, script: 'ruby a.rb', says: '2\n' },
];

describe.each(people)('as $label', (person) => {
  let world: World;
  beforeEach(async () => {
    world = await makeWorld(person);
  });
  afterEach(() => world.dispose());

  test.each(WORK)('$name', async ({ files = {}, script, says, except }) => {
    for (const [name, content] of Object.entries(files))
      world.put(join(world.project, name), content, name.includes('hooks') ? 0o755 : 0o644);
    const env = { PATH: `${join(MODULES, '.bin')}:${world.env.PATH}` };
    const { inside } = await compareWork(world, script, {
      flags: ['--allow', `${TOOLS}:ro`],
      env,
      ...(except && { except }),
    });
    if (typeof says === 'string') expect(inside.stdout, inside.stderr).toBe(says);
    else expect(inside.stdout, inside.stderr).toMatch(says);
  });

  test('23 docker says what keeps it from the daemon, and not that this is down', async () => {
    const { inside } = await compareWork(world, 'docker version --format x >/dev/null 2>&1; echo $?');
    expect(inside.stdout).toBe('1\n');
  });
});

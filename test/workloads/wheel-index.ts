/** An index of Python's, with the one wheel `own` that it packs itself, and answers that may be kept for a day; prints its port. For `node -e`. */
export const WHEEL_INDEX = `
const { createServer } = require('node:http');
const { createHash } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const pack = [
  'import io, sys, zipfile',
  'out = io.BytesIO()',
  'with zipfile.ZipFile(out, "w") as z:',
  '    z.writestr("own.py", "seven = 7\\\\n")',
  '    z.writestr("own-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\\\nName: own\\\\nVersion: 1.0\\\\n")',
  '    z.writestr("own-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\\\nRoot-Is-Purelib: true\\\\nTag: py3-none-any\\\\n")',
  '    z.writestr("own-1.0.dist-info/RECORD", "own.py,,\\\\nown-1.0.dist-info/METADATA,,\\\\nown-1.0.dist-info/WHEEL,,\\\\nown-1.0.dist-info/RECORD,,\\\\n")',
  'sys.stdout.buffer.write(out.getvalue())',
].join('\\n');
const wheel = execFileSync('/usr/bin/python3', ['-c', pack]);
const name = 'own-1.0-py3-none-any.whl';
const page = '<a href="/' + name + '#sha256=' + createHash('sha256').update(wheel).digest('hex') + '">' + name + '</a>';
const server = createServer((request, response) => {
  response.setHeader('Cache-Control', 'max-age=86400');
  if (request.url === '/simple/own/') response.setHeader('Content-Type', 'text/html').end(page);
  else if (request.url === '/' + name) response.end(wheel);
  else response.writeHead(404).end();
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

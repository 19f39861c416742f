/** A registry of Cargo's, with one crate `own` that it packs itself; prints its port. For `node -e`. */
export const CRATE_REGISTRY = `
const { createServer } = require('node:http');
const { createHash } = require('node:crypto');
const { execFileSync } = require('node:child_process');
const { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const scratch = mkdtempSync(join(require('node:os').tmpdir(), 'crate-'));
mkdirSync(join(scratch, 'own-1.0.0/src'), { recursive: true });
writeFileSync(join(scratch, 'own-1.0.0/Cargo.toml'), '[package]\\nname = "own"\\nversion = "1.0.0"\\nedition = "2021"\\n');
writeFileSync(join(scratch, 'own-1.0.0/src/lib.rs'), 'pub fn seven() -> i32 { 7 }\\n');
execFileSync('tar', ['-czf', 'own.crate', 'own-1.0.0'], { cwd: scratch });
const crate = readFileSync(join(scratch, 'own.crate'));
rmSync(scratch, { recursive: true });
const cksum = createHash('sha256').update(crate).digest('hex');
const server = createServer((request, response) => {
  const own = 'http://' + request.headers.host;
  if (request.url === '/config.json') response.end(JSON.stringify({ dl: own + '/{crate}-{version}.crate' }));
  else if (request.url === '/3/o/own')
    response.end(JSON.stringify({ name: 'own', vers: '1.0.0', deps: [], cksum, features: {}, yanked: false }) + '\\n');
  else if (request.url === '/own-1.0.0.crate') response.end(crate);
  else response.writeHead(404).end();
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

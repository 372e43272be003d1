/* After the build: .gz and .br beside every file worth it, and the size of the first load, held under its limit. */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const DIST = process.argv[2] ? `${process.argv[2]}/` : new URL('../dist/', import.meta.url).pathname;
const LIMIT = 305 * 1024;
const TEXT = /\.(js|css|html|svg|json)$/;
const FIRST = ['index', 'Frame', 'GridPage'];

const manifest = JSON.parse(readFileSync(join(DIST, '.vite/manifest.json'), 'utf8'));
rmSync(join(DIST, '.vite'), { recursive: true });

const gz = new Map();
function compress(dir) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) compress(path);
    if (!TEXT.test(name)) continue;
    const data = readFileSync(path);
    const g = gzipSync(data, { level: 9 });
    gz.set(path.slice(DIST.length), g.length);
    if (g.length >= data.length) continue;
    writeFileSync(`${path}.gz`, g);
    writeFileSync(`${path}.br`, brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length } }));
  }
}
compress(DIST);

/* What a browser fetches before the first list is shown: the entry, the shell, the grid, and all they import. */
const files = new Set(['index.html', 'theme.js', 'favicon.svg']);
function take(key) {
  const m = manifest[key];
  if (files.has(m.file)) return;
  files.add(m.file);
  m.css?.forEach((c) => files.add(c));
  m.imports?.forEach(take);
}
for (const name of FIRST) {
  const keys = Object.keys(manifest).filter((k) => manifest[k].name === name && manifest[k].file.endsWith('.js'));
  if (!keys.length) throw new Error(`no chunk is called ${name}`);
  keys.forEach(take);
}
const sum = [...files].reduce((n, f) => n + (gz.get(f) ?? 0), 0);
const kib = (n) => (n / 1024).toFixed(1);
console.log(`first load: ${kib(sum)} KiB gzip in ${files.size} files (limit ${LIMIT / 1024})`);
if (sum > LIMIT) {
  console.error('The first load is over its limit: load what is not needed at once with import().');
  process.exit(1);
}

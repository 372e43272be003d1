/*
 * Browser tests against real daemons: node tests/e2e/run.mjs [files]. Every file gets a ZUOXID (default build/dev/zuoxid) of its own,
 * with the demo company, on free ports and in a fresh data folder: no file sees what another has changed. ZX_JOBS files run at a time
 * (2), those that measure time alone. With ZX_URL, ZX_SIP (host:port) and ZX_CREDS set, a running daemon is used instead.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { start } from './daemon.mjs';

const HERE = new URL('.', import.meta.url).pathname;
const SLOWEST_FIRST = ['pages.test.mjs', 'roles.test.mjs', 'system.test.mjs'];
const ALONE = ['web.test.mjs'];

const all = process.argv.slice(2).length ? process.argv.slice(2) : readdirSync(HERE).filter((f) => f.endsWith('.test.mjs')).sort().map((f) => join(HERE, f));
const rank = (f) => (SLOWEST_FIRST.indexOf(basename(f)) + 1 || SLOWEST_FIRST.length + 1);
const shared = all.filter((f) => !ALONE.includes(basename(f))).sort((a, b) => rank(a) - rank(b));
const alone = all.filter((f) => ALONE.includes(basename(f)));

async function run(file) {
  const daemon = process.env.ZX_URL ? null : await start();
  const out = [];
  const began = Date.now();
  const code = await new Promise((ok) => {
    const t = spawn(process.execPath, ['--test', file], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...daemon?.env } });
    t.stdout.on('data', (d) => out.push(d));
    t.stderr.on('data', (d) => out.push(d));
    t.on('close', (c) => ok(c ?? 1));
  });
  const log = daemon?.logText();
  const ended = (await daemon?.stop()) ?? 0;
  process.stdout.write(`== ${basename(file)} ${Math.round((Date.now() - began) / 1000)} s\n${Buffer.concat(out)}`);
  if ((code || ended) && daemon) console.error(log);
  if (ended) console.error(`zuoxid ended with ${ended}`);
  return code || ended;
}

let failed = 0;
async function work(queue) {
  while (queue.length) {
    const code = await run(queue.shift());
    failed ||= code;
  }
}
await Promise.all(Array.from({ length: +process.env.ZX_JOBS || 2 }, () => work(shared)));
await work(alone);
process.exit(failed);

/*
 * Browser tests against a real daemon: node tests/e2e/run.mjs [files]. Starts ZUOXID (default build/dev/zuoxid) with the demo
 * company on free ports and a data folder of its own, runs node's test runner, stops what it started.
 * With ZX_URL, ZX_SIP (host:port) and ZX_CREDS set, an already running daemon is used instead.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { start } from './daemon.mjs';

const HERE = new URL('.', import.meta.url).pathname;

const daemon = process.env.ZX_URL ? null : await start();
const files = process.argv.slice(2).length ? process.argv.slice(2) : readdirSync(HERE).filter((f) => f.endsWith('.test.mjs')).sort().map((f) => join(HERE, f));
const code = await new Promise((ok) => {
  const t = spawn(process.execPath, ['--test', '--test-concurrency=1', ...files], { stdio: 'inherit', env: { ...process.env, ...daemon?.env } });
  t.on('exit', (c) => ok(c ?? 1));
});
if (code && daemon) console.error(daemon.logText());
const ended = (await daemon?.stop()) ?? 0;
if (ended) console.error(`zuoxid ended with ${ended}`);
process.exit(code || ended);

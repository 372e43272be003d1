/* A daemon for the browser tests: free ports, a data folder of its own, gone afterwards. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(new URL('.', import.meta.url).pathname, '../..');
const READY = 60_000;

const freePort = () =>
  new Promise((ok, bad) => {
    const s = createServer();
    s.on('error', bad);
    s.listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => ok(port));
    });
  });

let last = Promise.resolve();
let started = 0;

/* demo: the demonstration company; without it the system is empty, its administrator in first-admin.txt. One after the other: a port
 * that was free is taken before the next one looks. */
export function start(options = {}) {
  const mine = last.then(() => launch(options));
  last = mine.catch(() => {});
  return mine;
}

async function launch({ demo = true }) {
  const binary = process.env.ZUOXID ?? join(ROOT, 'build/dev/zuoxid');
  if (!existsSync(binary)) throw new Error(`${binary} is not there: build it or set ZUOXID`);
  const dist = process.env.ZX_WEB_ROOT ?? join(ROOT, 'web/dist');
  const data = mkdtempSync(join(tmpdir(), 'zuoxi-e2e-'));
  const [sip, http] = [await freePort(), await freePort()];
  const rtp = (demo ? 40000 : 20000) + ((process.pid + started++ * 7) % 90) * 200;
  const sets = {
    'sip.listen': '127.0.0.1', 'sip.port': sip, 'sip.tls_port': 0, 'http.listen': '127.0.0.1', 'http.port': http, 'https.port': 0, 'rtp.port_min': rtp, 'rtp.port_max': rtp + 199, 'recordings.min_free_mb': 1,
    ...(existsSync(join(dist, 'index.html')) ? { 'web.root': dist } : {}),
  };
  const log = openSync(join(data, 'log'), 'w');
  const args = ['--data', data, ...(demo ? ['--demo'] : []), ...Object.entries(sets).flatMap(([k, v]) => ['--set', `${k}=${v}`])];
  const child = spawn(binary, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  const url = `http://127.0.0.1:${http}`;
  const logText = () => readFileSync(join(data, 'log'), 'utf8').slice(-4000);
  for (const end = Date.now() + READY; ; ) {
    if (child.exitCode !== null) throw new Error(`zuoxid ended with ${child.exitCode}\n${logText()}`);
    if (Date.now() > end) throw new Error(`zuoxid is not ready\n${logText()}`);
    if (await fetch(`${url}/api/v1/health`).then((r) => r.ok, () => false)) break;
    await new Promise((r) => setTimeout(r, 100)); // lint: poll of a port
  }
  return {
    env: { ZX_URL: url, ZX_SIP: `127.0.0.1:${sip}`, ZX_CREDS: join(data, demo ? 'demo-credentials.txt' : 'first-admin.txt') },
    logText,
    stop: () =>
      new Promise((ok) => {
        if (child.exitCode !== null) return ok(child.exitCode);
        child.on('exit', (code) => ok(code));
        child.kill('SIGTERM');
        setTimeout(() => child.kill('SIGKILL'), 20_000).unref();
      }).then((code) => (rmSync(data, { recursive: true, force: true }), code)),
  };
}

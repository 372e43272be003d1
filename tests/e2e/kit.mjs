/* What the browser tests share: the browser, a logged-in page that notices every complaint, phones, the REST API. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const HERE = new URL('.', import.meta.url).pathname;
const need = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = need('playwright-core');
const AXE = readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8');

export const BASE = process.env.ZX_URL;
const [sipHost, sipPort] = (process.env.ZX_SIP ?? '127.0.0.1:5084').split(':');
const creds = new Map(
  readFileSync(process.env.ZX_CREDS, 'utf8').split('\n').map((l) => l.trim().split(/\s+/)).filter((f) => f.length === 3).map(([kind, name, password]) => [`${kind} ${name}`, password]),
);
export const password = (kind, name) => {
  const p = creds.get(`${kind} ${name}`);
  if (!p) throw new Error(`no password of ${kind} ${name} in the credentials`);
  return p;
};

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required', '--allow-loopback-in-peer-connection',
];
export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS, timeout: 60_000 });

/* Answers that a test provokes on purpose; the browser reports each as a console error of its own. */
const EXPECTED = /Failed to load resource: the server responded with a status of (401|404|409|422|429)/;

export async function open(browser, { lang = 'zh-CN', dark = false, width = 1440, height = 900 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, locale: lang, colorScheme: dark ? 'dark' : 'light', timezoneId: 'America/New_York', permissions: ['clipboard-read', 'clipboard-write'] });
  await context.addInitScript((l) => {
    if (!localStorage.getItem('zx.lang')) localStorage.setItem('zx.lang', l);
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
  }, lang);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.complaints = [];
  page.on('console', (m) => {
    if (m.type() === 'error' && !EXPECTED.test(m.text())) page.complaints.push(m.text());
  });
  page.on('pageerror', (e) => page.complaints.push(String(e.stack ?? e)));
  return page;
}
/* Nothing complained: no script error, no CSP violation. */
export async function quiet(page) {
  return [...page.complaints, ...(await page.evaluate(() => window.violations ?? []))];
}

export async function login(page, user, pw = password('user', user)) {
  await page.goto(BASE);
  await page.fill('#zx-login', user);
  await page.fill('#zx-password', pw);
  await page.click('button[type=submit]');
  await page.waitForSelector('.frame');
}
export const goto = (page, path) => page.evaluate((p) => (location.hash = p), path);

/* axe over the whole page, or over the first seen of each selector; serious and lesser findings alike */
export async function axe(page, within) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(AXE);
  /* not in the middle of a fade */
  await page.waitForFunction(() => !document.querySelector('[aria-busy="true"], .busy') && !document.getAnimations().some((a) => a.playState === 'running' && a.effect?.getTiming().iterations !== Infinity));
  const { violations } = await page.evaluate((w) => window.axe.run(w?.map((s) => [...document.querySelectorAll(s)].find((e) => e.checkVisibility?.() ?? e.offsetParent)).filter(Boolean) ?? document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }), within);
  return violations.map((v) => `${v.id}: ${v.nodes.slice(0, 4).map((n) => `${n.target.join(' ')} [${(n.any[0] ?? n.all[0] ?? n.none[0])?.message ?? ''}]`).join(' | ')}`);
}

export class Api {
  static async login(user) {
    const a = new Api();
    const r = await fetch(`${BASE}/api/v1/session`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ login: user, password: password('user', user) }) });
    if (!r.ok) throw new Error(`login of ${user}: ${r.status} ${await r.text()}`);
    a.cookie = r.headers.get('set-cookie').split(';')[0];
    a.session = await r.json();
    return a;
  }
  /* a file as it is */
  async upload(path, name, data, type = 'application/octet-stream') {
    const r = await fetch(`${BASE}/api/v1${path}`, { method: 'POST', headers: { Cookie: this.cookie, 'X-CSRF-Token': this.session.csrf, 'Content-Type': type, 'X-File-Name': encodeURIComponent(name) }, body: data });
    if (!r.ok) throw new Error(`upload ${path}: ${r.status} ${await r.text()}`);
    return r.json();
  }
  async call(method, path, body) {
    const r = await fetch(`${BASE}/api/v1${path}`, {
      method, headers: { Cookie: this.cookie, 'X-CSRF-Token': this.session.csrf, ...(body ? { 'Content-Type': 'application/json' } : {}) }, body: body && JSON.stringify(body),
    });
    if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${await r.text()}`);
    return r.status === 204 ? undefined : r.json();
  }
}

/* A SIP phone in a process of its own (phone.py). */
export class Phone {
  constructor(number, secret = password('extension', number)) {
    const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';
    this.child = spawn(python, [`${HERE}phone.py`, number, secret, sipHost, sipPort], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.waiting = [];
    createInterface({ input: this.child.stdout }).on('line', (l) => this.waiting.shift()?.(JSON.parse(l)));
    this.child.on('exit', () => this.waiting.splice(0).forEach((f) => f({ ok: false, error: 'the phone ended' })));
  }
  async do(what, more = {}) {
    const answer = await new Promise((ok) => {
      this.waiting.push(ok);
      this.child.stdin.write(`${JSON.stringify({ do: what, ...more })}\n`);
    });
    if (!answer.ok) throw new Error(`phone ${what}: ${answer.error}\n${answer.trace ?? ''}`);
    return answer;
  }
  close() {
    this.child.stdin.end();
  }
}

/* A tone, 8 kHz 16 bit mono, as a file to upload. */
export function wav(seconds = 1, rate = 8000) {
  const n = rate * seconds;
  const b = Buffer.alloc(44 + n * 2);
  b.write('RIFF', 0);
  b.writeUInt32LE(36 + n * 2, 4);
  b.write('WAVEfmt ', 8);
  b.writeUInt32LE(16, 16);
  b.writeUInt16LE(1, 20);
  b.writeUInt16LE(1, 22);
  b.writeUInt32LE(rate, 24);
  b.writeUInt32LE(rate * 2, 28);
  b.writeUInt16LE(2, 32);
  b.writeUInt16LE(16, 34);
  b.write('data', 36);
  b.writeUInt32LE(n * 2, 40);
  for (let i = 0; i < n; i++) b.writeInt16LE(Math.round(8000 * Math.sin(i * 0.3)), 44 + i * 2);
  return b;
}

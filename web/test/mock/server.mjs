/*
 * A server of pretence for developing the pages without the daemon: the contract's answers from memory, and calls that
 * ring on demand (POST /mock/ring, /mock/answer, /mock/end). Serves dist/ under the daemon's CSP. Nothing here is shipped.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { calls, describe, extensions, menu, PASSWORD, peaks, user, wav } from './data.mjs';

const DIST = new URL('../../dist/', import.meta.url).pathname;
const CSP = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self' wss:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
const port = Number(process.env.PORT ?? 8090);

const sockets = new Set();
let seq = 1;
let loggedIn = process.env.LOGGED_IN === '1';
let fails = 0;
let mustChange = false;
let nextCall = 5000;
const phone = { extension: user.extension, online: true, state: 'idle', call: null };
const live = new Map();
const prefs = {};

function send(socket, obj) {
  const data = Buffer.from(JSON.stringify(obj));
  const head = data.length < 126 ? Buffer.from([0x81, data.length]) : Buffer.from([0x81, 126, data.length >> 8, data.length & 255]);
  socket.write(Buffer.concat([head, data]));
}
function push(t, body) {
  for (const s of sockets) send(s, { t, seq, ts: Date.now(), ...body });
  seq++;
}
const session = () => ({
  user, csrf: 'x', mustChange, lang: 'zh-CN', rights: ['*'],
  server: { version: '0.1.0', sipPort: 5084, sipTlsPort: 5085, realm: 'zuoxi', tz: 'Asia/Shanghai' },
});
const error = (status, code, message, more = {}, fields) => [status, { error: { code, message, ...(fields ? { fields } : {}) }, ...more }];

function list(name, p) {
  let rows = name === 'calls' ? calls : extensions;
  const q = p.get('q');
  if (q) rows = rows.filter((r) => [r.number, r.name, r.caller, r.callee].some((v) => v?.includes(q)));
  for (const [k, v] of p) {
    if (!k.startsWith('f.')) continue;
    const key = k.slice(2);
    const [a, b] = v.split('..');
    rows = rows.filter((r) => (b !== undefined ? (a === '' || r[key] >= Number(a)) && (b === '' || r[key] <= Number(b)) : typeof r[key] === 'boolean' ? r[key] === (v === '1') : String(r[key]).includes(v)));
  }
  const sort = p.get('sort') || describe(name).defaultSort;
  const key = sort.replace('-', '');
  rows = [...rows].sort((a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0) * (sort[0] === '-' ? -1 : 1));
  const size = Number(p.get('size') ?? 20);
  const from = (Number(p.get('page') ?? 1) - 1) * size;
  return { rows: rows.slice(from, from + size).map(({ timeline: _, ...r }) => r), total: rows.length, next: rows.length > from + size ? 'c' : null };
}

function ring(body) {
  const c = {
    id: nextCall++, dir: 'inbound', state: 'ringing', ext: user.extension, from: '13800138000', from_name: '张三', to: user.extension, peer: '13800138000', where: 'ext',
    trunk: 'gw1', start: Date.now(), answered: 0, ended: 0, recording: false, scode: 0, ...body,
  };
  live.set(c.id, c);
  const history = calls.filter((x) => x.caller === c.from || x.callee === c.from).slice(0, 10);
  if (c.ext === user.extension) {
    Object.assign(phone, { state: 'ringing', call: c });
    push('call.ringing', { call: c, history });
  }
  push('live.call', { call: c, gone: false });
  return c;
}
function step(id, t, patch) {
  const c = Object.assign(live.get(id), patch);
  if (c.ext === user.extension) {
    Object.assign(phone, c.state === 'ended' ? { state: 'idle', call: null } : { state: c.state, call: c });
    push(t, { call: c });
  }
  push('live.call', { call: c, gone: c.state === 'ended' });
  if (c.state === 'ended') live.delete(id);
}
const end = (id) => step(id, 'call.ended', { state: 'ended', ended: Date.now() });

function mock(path, body) {
  if (path === 'ring') return [200, ring(body)];
  if (path === 'answer') step(body.id, 'call.answered', { state: 'talking', answered: Date.now(), recording: true });
  else if (path === 'hold') step(body.id, 'call.held', { state: 'held' });
  else if (path === 'end') end(body.id);
  else if (path === 'reg') {
    Object.assign(extensions.find((e) => e.number === body.ext) ?? {}, { reg: body.online ? 'on' : 'off', rtt_us: body.rtt_us ?? -1 });
    push('ext.reg', { bindings: 1, rtt_us: 8200, ...body });
  } else if (path === 'touch') {
    const e = extensions.find((x) => x.number === body.number);
    Object.assign(e, body, { rev: e.rev + 1 });
  } else if (path === 'expire') loggedIn = false;
  else if (path === 'drop') for (const s of sockets) s.destroy();
  else if (path === 'must') mustChange = true;
  return [200, {}];
}

function write(method, parts, body, p) {
  if (parts[1] === 'batch') {
    const numbers = [];
    for (let n = Number(body.from); n <= Number(body.to); n++) numbers.push(String(n));
    const exist = numbers.filter((n) => extensions.some((e) => e.number === n));
    if (exist.length) return error(409, 'exists', '部分号码已存在', { numbers: exist });
    const rows = numbers.map((number) => ({ number, secret: randomBytes(9).toString('base64url') }));
    for (const { number } of rows) extensions.push({ id: 1000 + extensions.length, company_id: 1, number, name: '', caller_id: body.caller_id ?? '', record: true, bind_ip: '', reg: 'off', rtt_us: -1, created: Date.now(), rev: 1 });
    return [201, { created: rows.length, rows: body.strategy === 'random' ? rows : [] }];
  }
  if (parts[1] === 'delete') {
    for (const id of body.ids) extensions.splice(extensions.findIndex((e) => e.id === id), 1);
    return [200, { deleted: body.ids.length }];
  }
  const i = extensions.findIndex((e) => e.id === Number(parts[1]));
  if (method === 'POST') {
    if (extensions.some((e) => e.number === body.number)) return error(422, 'invalid', '部分内容不正确', {}, { number: 'unique' });
    const row = { reg: 'off', rtt_us: -1, ...body, id: 1000 + extensions.length, created: Date.now(), rev: 1 };
    delete row.secret;
    extensions.push(row);
    return [201, { ...row, secret: body.secret || randomBytes(12).toString('base64url') }];
  }
  if (i < 0) return error(404, 'not_found', '找不到该记录');
  if (method === 'DELETE') return extensions.splice(i, 1), [204];
  if (body.rev !== extensions[i].rev) return error(409, 'conflict', '该记录已被他人修改', { current: extensions[i] });
  const { secret: _s, rev: _r, ...rest } = body;
  Object.assign(extensions[i], rest, { rev: body.rev + 1 });
  return [200, extensions[i]];
}

function api(method, path, body, p) {
  const parts = path.split('/');
  if (path === 'session' && method === 'POST') {
    if (body.password !== PASSWORD) return ++fails > 4 ? error(429, 'throttled', '尝试次数过多') : error(401, 'bad_login', '登录名或密码不正确');
    loggedIn = true;
    return [200, session()];
  }
  if (!loggedIn) return error(401, 'no_session', '请先登录');
  if (path === 'session') return method === 'DELETE' ? ((loggedIn = false), [204]) : [200, session()];
  if (path === 'session/password') return body.old !== PASSWORD ? error(422, 'invalid', '', {}, { old: 'wrong' }) : ((mustChange = false), [204]);
  if (path === 'meta') return [200, menu];
  if (parts[0] === 'meta') return [200, describe(parts[1])];
  if (path === 'live/calls') return [200, { rows: [...live.values()] }];
  if (parts[0] === 'live') return live.has(Number(parts[2])) ? (end(Number(parts[2])), [204]) : error(404, 'not_found', '');
  if (path === 'phone') return [200, phone];
  if (path === 'phone/dial') return [202, { call_id: ring({ from: user.extension, from_name: user.name, to: body.number, peer: body.number, dir: 'outbound', trunk: 'gw1' }).id ?? 0 }];
  if (path === 'phone/hold') return step(phone.call.id, body.on ? 'call.held' : 'call.resumed', { state: body.on ? 'held' : 'talking' }), [204];
  if (parts[0] === 'phone') return phone.call ? (end(phone.call.id), [204]) : error(409, 'no_call', '当前没有通话');
  if (parts[0] === 'pop') return live.has(Number(parts[1])) ? [200, { call: live.get(Number(parts[1])), history: [] }] : error(404, 'not_found', '');
  if (parts[0] === 'calls' && parts[2] === 'peaks') return [200, peaks];
  if (parts[0] === 'calls' && parts[1]) return [200, calls.find((c) => c.id === Number(parts[1]))];
  if (parts[0] === 'prefs') return method === 'GET' ? [200, prefs] : method === 'PUT' ? ((prefs[parts[1]] = body), [204]) : (delete prefs[parts[1]], [204]);
  if (path === 'config') return [200, { companies: [{ id: 1, name: user.company, dirty: 0, applied: null }], changes: [], problems: [], draftHash: '' }];
  if (parts[1] === 'refs') return [200, { rows: [{ id: 1, label: user.company }] }];
  if (parts[2] === 'uses') return [200, { used_by: [] }];
  if (parts[2] === 'history') return [200, { rows: [] }];
  if (parts[1] === 'export.csv') return [200, '\ufeffnumber\r\n'];
  if (parts[0] === 'calls' || (parts[0] === 'extensions' && !parts[1] && method === 'GET')) return [200, list(parts[0], p)];
  if (parts[0] === 'extensions') return method === 'GET' ? [200, extensions.find((e) => e.id === Number(parts[1]))] : write(method, parts, body, p);
  return error(404, 'not_found', '');
}

function recording(req, res) {
  const m = /bytes=(\d+)-(\d*)/.exec(req.headers.range ?? '');
  const [a, b] = m ? [Number(m[1]), m[2] ? Number(m[2]) : wav.length - 1] : [0, wav.length - 1];
  res.writeHead(m ? 206 : 200, { 'Content-Type': 'audio/wav', 'Accept-Ranges': 'bytes', 'Content-Length': b - a + 1, ...(m ? { 'Content-Range': `bytes ${a}-${b}/${wav.length}` } : {}) });
  res.end(wav.subarray(a, b + 1));
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url, 'http://x');
  let text = '';
  for await (const c of req) text += c;
  const body = text ? JSON.parse(text) : {};
  if (/^\/api\/v1\/calls\/\d+\/recording$/.test(url.pathname)) return recording(req, res);
  if (url.pathname.startsWith('/api/v1/') || url.pathname.startsWith('/mock/')) {
    const [status, js] = url.pathname.startsWith('/mock/') ? mock(url.pathname.slice(6), body) : api(req.method, url.pathname.slice(8), body, url.searchParams);
    res.writeHead(status, { 'Content-Type': 'application/json', ...(status === 429 ? { 'Retry-After': '12' } : {}) });
    return res.end(js === undefined ? '' : typeof js === 'string' ? js : JSON.stringify(js));
  }
  const file = join(DIST, normalize(url.pathname === '/' ? 'index.html' : url.pathname));
  if (!file.startsWith(DIST) || !existsSync(file)) return res.writeHead(404).end();
  res.writeHead(200, { 'Content-Type': TYPES[file.split('.').pop()] ?? 'application/octet-stream', 'Content-Security-Policy': CSP });
  res.end(readFileSync(file));
});
server.on('upgrade', (req, socket) => {
  const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  sockets.add(socket);
  send(socket, { t: 'hello', seq: seq - 1, epoch: 1, ts: Date.now() });
  const ping = setInterval(() => send(socket, { t: 'ping', ts: Date.now() }), 15000);
  socket.on('close', () => (sockets.delete(socket), clearInterval(ping)));
  socket.on('error', () => {});
  socket.on('data', (d) => (d[0] & 15) === 8 && socket.end());
});
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}  admin / ${PASSWORD}`));

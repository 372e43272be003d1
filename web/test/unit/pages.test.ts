/* The logic behind the pages that are no grid. */
import { expect, test } from 'vitest';
import { blocks, inline } from '@/core/markdown';
import { qr, qrPath } from '@/core/qr';
import { browserName } from '@/pages/account/account';
import { changedKeys, parse } from '@/pages/audit/audit';
import { grouped, listDiff, shown, type Change } from '@/pages/config/config';
import { rate } from '@/pages/home/home';
import { expand, give, mark, matching, pack, type Matrix } from '@/pages/roles/rights';
import { checkQuick, lastNumber, resume, type QuickForm } from '@/pages/setup/setup';
import { Curves, SHOWN, tone, uptime } from '@/pages/status/status';

/* as libqrencode 4.1.1 draws it: level M, byte mode */
const GOLDEN = [
  '1fc337f', '1058a41', '174825d', '174d05d', '1759f5d', '1047641', '1fd557f', 'fa00', '1544e12', '723c69', '35b557', '18a6d28', 'fe1c58', 'c8ac4f', '165d433', '9bfa29', '15d8df9', '1451d', '1fc1f57', '104eb1b', '1752df8', '1744f98', '1751295', '1046faa', '1fd8d1b',
];
test('a QR code is module for module what libqrencode makes', () => {
  const g = qr('sip:8001@192.168.1.10:5084');
  expect(g.map((r) => BigInt(`0b${r.map(Number).join('')}`).toString(16))).toEqual(GOLDEN);
  expect(qrPath([[true, false], [false, true]])).toBe('M0 0h1v1h-1zM1 1h1v1h-1z');
});
test('QR codes grow with their text and refuse what does not fit', () => {
  expect(qr('a').length).toBe(21);
  expect(qr('a'.repeat(200)).length).toBe(57);
  expect(qr('a'.repeat(666)).length).toBe(97);
  expect(() => qr('a'.repeat(667))).toThrow(RangeError);
});

const L = (zh: string, en: string) => ({ 'zh-CN': zh, en });
const act = (name: string, action: string) => ({ action, label: L(action, action), right: `${name}:${action}` });
const matrix: Matrix = {
  groups: [
    { title: L('话务', 'Calls'), pages: [{ name: 'calls', title: L('通话记录', 'Call records'), actions: [act('calls', 'list'), act('calls', 'export')] }] },
    { title: L('权限', 'Rights'), pages: [{ name: 'users', title: L('用户', 'Users'), actions: [act('users', 'list'), act('users', 'edit'), act('users', 'lock')] }] },
  ],
  scopes: [],
};
const [calls, users] = matrix.groups.map((g) => g.pages[0]);
test('rights: stars are written out, and a role of everything stays one', () => {
  expect([...expand(['users:*'], matrix)].sort()).toEqual(['users:edit', 'users:list', 'users:lock']);
  const all = expand(['*'], matrix);
  expect(all.size).toBe(5);
  expect(pack(all, ['*'], matrix)).toEqual(['*']);
  expect(pack(all, ['calls:list'], matrix)).toHaveLength(5);
  expect([...expand(['later:thing', 'later:*'], matrix)]).toEqual(['later:thing', 'later:*']); /* what is not known here is not lost */
});
test('rights: an action brings the sight of its page; without the sight nothing is left', () => {
  let s = give(new Set<string>(), users, [users.actions[2]], true);
  expect([...s].sort()).toEqual(['users:list', 'users:lock']);
  expect(mark(s, users.actions)).toBe('some');
  s = give(s, users, users.actions, true);
  expect(mark(s, users.actions)).toBe('all');
  s = give(s, users, [users.actions[0]], false);
  expect(mark(s, users.actions)).toBe('none');
  expect(give(new Set(['calls:list', 'calls:export']), calls, [calls.actions[1]], false)).toEqual(new Set(['calls:list']));
});
test('rights: pages are found in both languages, by group, page and action', () => {
  const names = (q: string) => matching(matrix, q, (l) => l['zh-CN'] ?? '').flatMap((g) => g.pages.map((p) => p.name));
  expect(names('records')).toEqual(['calls']);
  expect(names('权限')).toEqual(['users']);
  expect(names('lock')).toEqual(['users']);
  expect(names('nothing')).toEqual([]);
});

test('changes: by company, then in the order of the menu', () => {
  const c = (company_id: number, resource: string): Change => ({ company_id, resource, id: 1, action: 'edit', label: 'x', fields: [] });
  const g = grouped([c(2, 'queues'), c(1, 'queues'), c(1, 'extensions'), c(1, 'queues')], [{ id: 1, name: 'A', dirty: 3, applied: null }, { id: 2, name: 'B', dirty: 1, applied: null }], ['extensions', 'queues']);
  expect(g.map((x) => [x.company, x.resource, x.items.length])).toEqual([['A', 'extensions', 1], ['A', 'queues', 2], ['B', 'queues', 1]]);
});
test('changes: values in words, lists by what came and went', () => {
  const words = { yes: '是', no: '否', none: '—' };
  const text = (v: unknown) => shown(v, words);
  expect([text(true), text(''), text(null), text([]), text(0)]).toEqual(['是', '—', '—', '—', '0']);
  expect(text([{ v: 1, label: '8001 王' }, { v: 2, label: '8002 李' }])).toBe('8001 王、8002 李');
  expect(text({ key: '1', app: 'queue', param: '3', app_label: '队列 · 客服' })).toBe('1 队列 · 客服');
  expect(listDiff(['a', 'b'], ['b', 'c'], text)).toEqual({ gone: ['a'], come: ['c'], moved: false });
  expect(listDiff(['a', 'b'], ['b', 'a'], text)?.moved).toBe(true);
  expect(listDiff('a', ['a'], text)).toBeNull();
});

test('the log: what changed, without revisions and doubled labels', () => {
  const [a, b] = [parse('{"name":"x","role_id":1,"role_id_label":"甲","rev":1}'), parse({ name: 'y', role_id: 1, role_id_label: '甲', rev: 2 })];
  expect(changedKeys(a, b, false)).toEqual(['name']);
  expect(changedKeys(a, b, true)).toEqual(['name', 'role_id']);
  expect(changedKeys(null, b, false)).toEqual(['name', 'role_id']);
  expect([parse(''), parse('{'), parse('[1]'), parse(null)]).toEqual([null, null, null, null]);
});

test('set-up: what the server would refuse is said first', () => {
  const f: QuickForm = { company: '甲', area_code: '', department: '', agents: '10', first: '8001', queue: '', queue_number: '9001' };
  expect(checkQuick(f)).toEqual({});
  expect(lastNumber(f)).toBe('8010');
  expect(lastNumber({ ...f, first: '001' })).toBe('010');
  expect(checkQuick({ ...f, company: ' ', area_code: '20', agents: '201', first: '12', queue_number: '' })).toEqual({ company: 'required', area_code: 'pattern', agents: 'range', first: 'pattern', queue_number: 'required' });
  expect(checkQuick({ ...f, queue_number: '8005' })).toEqual({ queue_number: 'unique' });
  expect(checkQuick({ ...f, first: '9995', queue_number: '8000' })).toEqual({ agents: 'range' });
  expect([resume(() => false, true), resume(() => false, false), resume((s) => s === 'phone', false), resume(() => true, false)]).toEqual(['begin', 'phone', 'call', 'more']);
});

test('articles: blocks of text, never markup', () => {
  expect(blocks('# 标题\n\n一\n二\n\n- a\n- b\n1. c\n> q\n---\n```\n<b>\n```')).toEqual([
    { t: 'h', level: 1, in: [{ t: 'text', s: '标题' }] },
    { t: 'p', lines: [[{ t: 'text', s: '一' }], [{ t: 'text', s: '二' }]] },
    { t: 'ul', items: [[{ t: 'text', s: 'a' }], [{ t: 'text', s: 'b' }]] },
    { t: 'ol', items: [[{ t: 'text', s: 'c' }]] },
    { t: 'quote', lines: [[{ t: 'text', s: 'q' }]] },
    { t: 'hr' },
    { t: 'pre', s: '<b>' },
  ]);
  expect(inline('见 **粗** 与 `码`，[此处](https://a.example/x) http://b.example/y。')).toEqual([
    { t: 'text', s: '见 ' }, { t: 'bold', s: '粗' }, { t: 'text', s: ' 与 ' }, { t: 'code', s: '码' }, { t: 'text', s: '，' },
    { t: 'link', s: '此处', href: 'https://a.example/x' }, { t: 'text', s: ' ' }, { t: 'link', s: 'http://b.example/y', href: 'http://b.example/y' }, { t: 'text', s: '。' },
  ]);
  expect(inline('[x](javascript:alert(1))')).toEqual([{ t: 'text', s: '[x](javascript:alert(1))' }]);
});

test('status: the last values of a curve, times in words, when a figure is alarming', () => {
  const c = new Curves();
  for (let i = 0; i < SHOWN + 5; i++) c.add({ cpu: i, calls: null });
  expect(c.of.cpu).toHaveLength(SHOWN);
  expect(c.of.cpu[0]).toBe(5);
  expect(c.of.calls).toBeUndefined();
  expect(uptime(2 * 86_400 + 3 * 3600 + 59)).toEqual({ d: 2, h: 3, m: 0 });
  expect([tone(null), tone(79), tone(80), tone(92)]).toEqual(['ok', 'ok', 'warn', 'bad']);
  expect([rate(2, 3), rate(0, 0), rate(3, 3)]).toEqual(['66 %', '—', '100 %']);
});

test('browsers by the names people know', () => {
  expect(browserName('Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0')).toBe('Edge 120 · Windows');
  expect(browserName('Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1')).toBe('Safari 17 · iOS');
  expect(browserName('curl/8.0')).toBe('curl/8.0');
});

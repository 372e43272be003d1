import { expect, test } from 'vitest';
import { normal } from '@/core/descriptor';
import type { Descriptor, Field } from '@/core/types';
import { changes } from '@/grid/changes';
import { noPrefs, sane, visible } from '@/grid/columns';
import { moved } from '@/grid/drag';
import { doubled, mapping, targets, type Checked } from '@/grid/importing';
import { buildQuery, empty } from '@/grid/query';
import { asTime, check, checkAll, copyOf, forMany, keypadOf, merge, payload, start, validDate } from '@/grid/rules';
import { soundOf } from '@/grid/sound';
import { accepted } from '@/grid/upload';
import { span, words } from '@/grid/words';

const f = (o: Partial<Field>): Field => ({ key: 'k', type: 'text', in: ['form', 'list'], ...o }) as Field;
const L = (s: string) => ({ 'zh-CN': s, en: s });
const apps = [
  { app: 'queue', label: L('队列'), resource: 'queues', text: false },
  { app: 'outside', label: L('外线'), resource: null, text: true },
  { app: 'hangup', label: L('挂机'), resource: null, text: false },
];
const target = f({ key: 'app', type: 'target', apps, param: 'param', required: true });
const key = f({ key: 'key', type: 'enum', required: true, options: [...'0123456789*#'].map((v) => ({ v, ...L(v) })) });
const keys = f({ key: 'keys', type: 'list', items: [key, target], single: false });
const members = f({ key: 'members', type: 'list', single: true, items: [f({ key: 'extension_id', type: 'ref', ref: 'extensions' })] });

test('what the server nests lies flat', () => {
  const d = normal({ fields: [{ key: 'app', type: 'target', target: { apps, param: 'p' } }, { key: 'l', type: 'list', list: { single: false, items: [{ key: 'app', type: 'target', target: { apps, param: 'q' } }] } }, { key: 'u', type: 'upload', upload: { accept: '.wav', path: '/x' } }] } as unknown as Descriptor);
  expect(d.fields[0]).toMatchObject({ param: 'p', apps });
  expect(d.fields[1].items?.[0].param).toBe('q');
  expect(d.fields[2]).toMatchObject({ accept: '.wav', path: '/x' });
  expect(normal(d)).toEqual(d);
});
test('a target wants the parameter its application has', () => {
  const at = (app: string, param = '') => check(target, app, true, { app, param });
  expect(at('')).toEqual({ code: 'required' });
  expect(at('queue')).toEqual({ code: 'targetRow' });
  expect(at('queue', '3')).toBeNull();
  expect(at('outside')).toEqual({ code: 'targetNumber' });
  expect(at('outside', '138 0013')).toEqual({ code: 'phone' });
  expect(at('outside', '+8613800138000')).toBeNull();
  expect(at('hangup')).toBeNull();
  expect(payload([target], { app: 'hangup', param: '7' })).toEqual({ app: 'hangup', param: '' });
  expect(payload([target], { app: 'outside', param: ' 138 ' })).toEqual({ app: 'outside', param: '138' });
});
test('rows of a list: every cell is checked, a key stands once', () => {
  const rows = [{ key: '1', app: 'queue', param: '2' }, { key: '1', app: 'hangup', param: '' }, { key: '', app: 'queue', param: '' }];
  expect(checkAll([keys], { keys: rows }, true)).toEqual({ 'keys.1.key': { code: 'twice' }, 'keys.2.key': { code: 'required' }, 'keys.2.app': { code: 'targetRow' } });
  expect(check({ ...keys, required: true }, [], true)).toEqual({ code: 'requiredList' });
  expect(keypadOf(keys)?.key).toBe('key');
  expect(keypadOf(members)).toBeUndefined();
  expect(payload([keys], { keys: [{ key: '1', app: 'queue', param: 2, app_label: '6000' }] })).toEqual({ keys: [{ key: '1', app: 'queue', param: '2' }] });
  const dates = f({ key: 'dates', type: 'list', items: [f({ key: 'date_from', type: 'date', required: true }), f({ key: 'date_to', type: 'date', required: true })] });
  expect(checkAll([dates], { dates: [{ date_from: '2026-10-07', date_to: '2026-10-01' }] }, true)).toEqual({ 'dates.0.date_to': { code: 'before' } });
});
test('members go as ids in their order', () => {
  const v = start([members], { members: [{ v: 7, label: '8007' }, 3] });
  expect(v.members).toEqual([{ v: 7, label: '8007' }, { v: 3, label: '3' }]);
  expect(payload([members], v)).toEqual({ members: [7, 3] });
  expect(moved([1, 2, 3, 4], 0, 2)).toEqual([2, 3, 1, 4]);
});
test('times and dates as people type them', () => {
  expect(['9', '930', '9:3', '09：30', '23:59', '0'].map(asTime)).toEqual(['09:00', '09:30', '09:03', '09:30', '23:59', '00:00']);
  expect(['24:00', '9:60', 'noon', '', '12345'].map(asTime)).toEqual([null, null, null, null, null]);
  expect([validDate('2028-02-29'), validDate('2027-02-29'), validDate('2027-2-1')]).toEqual([true, false, false]);
  expect(payload([f({ type: 'time' })], { k: '930' })).toEqual({ k: '09:30' });
});
test('durations: limits in seconds, words in what fits', () => {
  const d = f({ type: 'duration', min: 3000, max: 300_000 });
  expect(check(d, 1000, true)).toEqual({ code: 'betweenSeconds', min: 3, max: 300 });
  expect(check(d, 'x', true)).toEqual({ code: 'duration' });
  expect(check(d, 20_000, true)).toBeNull();
  expect([span(20_000), span(600_000), span(90_000), span(7_200_000), span(0)]).toEqual(['20 秒', '10 分钟', '90 秒', '2 小时', '0 秒']);
});
test('what is emptied is told on an edit; a new row takes the server\'s own', () => {
  const ref = f({ key: 'r', type: 'ref' });
  const int = f({ key: 'i', type: 'int' });
  expect(payload([ref, int], { r: '', i: '' })).toEqual({});
  expect(payload([ref, int], { r: '', i: '' }, false)).toEqual({ r: null, i: null });
  expect(payload([{ ...int, def: 0 }], { i: '' }, false)).toEqual({ i: 0 });
});
test('a copy leaves out what may be there only once', () => {
  const fields = [f({ key: 'number', unique: true }), f({ key: 'name' }), f({ key: 's', type: 'secret', writeOnly: true }), members];
  expect(copyOf(fields, { number: '8000', name: 'x', s: 'y', members: [{ v: 1, label: 'a' }] })).toEqual({ number: '', name: 'x', s: '', members: [{ v: 1, label: 'a' }] });
});
test('many at once: no names, no keys', () => {
  expect([f({ type: 'bool' }), f({ type: 'ref' }), f({ type: 'text' }), f({ type: 'int', unique: true }), f({ type: 'bool', readOnly: true }), f({ type: 'bool', in: ['list'] })].map(forMany)).toEqual([true, true, false, false, false, false]);
});
test('a conflict of lists and targets', () => {
  const base = { members: [{ v: 1, label: 'a' }], app: 'queue', param: '1', app_label: '6000' };
  const mine = start([members, target], { ...base, members: [{ v: 1, label: 'a' }, { v: 2, label: 'b' }] });
  const theirs = { ...base, app: 'hangup', param: '' };
  const m = merge([members, target], base, mine, theirs);
  expect(m.both).toEqual([]);
  expect(m.theirs).toEqual(['app']);
  expect(payload([members, target], m.merged)).toEqual({ members: [1, 2], app: 'hangup', param: '' });
  expect(merge([members], base, { members: [{ v: 2, label: 'b' }] }, { members: [] }).both).toEqual(['members']);
});
test('values in words', () => {
  expect(words(target, { app: 'queue', param: '1', app_label: '6000 售前' })).toBe('队列 · 6000 售前');
  expect(words(target, { app: 'hangup', param: '' })).toBe('挂机');
  expect(words(target, { app: 'outside', param: '138' })).toBe('外线 · 138');
  expect(words(members, { members: [1, 2, 3, 4].map((v) => ({ v, label: `80${v}` })) })).toBe('801、802、803 等 4 项');
  expect(words(f({ type: 'order', options: [{ v: 'PCMA', ...L('G.711A') }, { v: 'G729', ...L('G.729') }] }), { k: 'G729,PCMA' })).toBe('G.729 › G.711A');
  expect(words(f({ key: 'p', type: 'ref' }), { p: 0, p_label: '' })).toBe('');
  expect(words(f({ type: 'bool' }), { k: 0 })).toBe('否');
});
test('a history tells what changed and nothing else', () => {
  const d = { fields: [f({ key: 'name', label: L('名称') }), f({ key: 'wrap', type: 'duration', label: L('等待') }), { ...target, label: L('溢出') }, f({ key: 'x', type: 'ref' })] } as Descriptor;
  expect(changes(d, { name: 'a', wrap: 5000, app: 'hangup', param: '', rev: 1 }, { name: 'a', wrap: 20_000, app: 'queue', param: '2', app_label: '6000', rev: 2 })).toEqual([
    { key: 'wrap', label: '等待', was: '5 秒', now: '20 秒' },
    { key: 'app', label: '溢出', was: '挂机', now: '队列 · 6000' },
  ]);
  expect(changes(d, null, { name: 'a', wrap: 0, x: 0, x_label: '' }).map((c) => c.key)).toEqual(['name', 'wrap']);
  expect(changes(d, { name: 'a' }, null)).toEqual([{ key: 'name', label: '名称', was: 'a', now: '' }]);
});
test('columns as they were kept, whatever was kept', () => {
  const fields = ['a', 'b', 'c'].map((k) => f({ key: k }));
  expect(visible(fields, { ...noPrefs(), pinned: ['c'] }).map((x) => x.key)).toEqual(['c', 'a', 'b']);
  expect(sane({ order: ['b', 3], hidden: 'x', widths: { a: 5, b: 99, c: 'x' } }, { ...noPrefs(), hidden: ['a'] })).toEqual({ order: ['b'], hidden: ['a'], widths: { b: 99 }, pinned: [] });
  expect(sane(null, noPrefs())).toEqual({ ...noPrefs(), pinned: [] });
});
test('an import\'s columns', () => {
  const c = { columns: [{ name: '号码', key: 'number' }, { name: '', key: null }, { name: '号码2', key: 'number' }] } as Checked;
  expect(mapping(c)).toEqual({ 号码: 'number', '#2': '', 号码2: 'number' });
  expect(doubled(mapping(c))).toEqual(['number']);
  const d = { import: { columns: ['number', 'param'] }, fields: [f({ key: 'number' }), target] } as unknown as Descriptor;
  expect(targets(d).map((x) => x.field?.key)).toEqual(['number', 'app']);
});
test('a reference in a search goes by its id', () => {
  const d = { fields: [f({ key: 'x', type: 'ref' })] } as Descriptor;
  const state = { q: '', filters: { x: { v: 7, label: '8007' } }, sort: '', page: 1, size: 20 };
  expect(new URLSearchParams(buildQuery(d, state, 0)).get('f.x')).toBe('7');
  expect([empty({ v: 7, label: '' }), empty({ from: null, to: null }), empty({ name: 'today' })]).toEqual([false, true, false]);
});
test('files', () => {
  expect(accepted({ name: 'a.WAV', type: '' }, '.wav,.mp3')).toBe(true);
  expect(accepted({ name: 'a.txt', type: 'text/plain' }, '.wav,audio/*')).toBe(false);
  expect(accepted({ name: 'x', type: 'audio/ogg' }, 'audio/*')).toBe(true);
  const u = f({ key: 'file', type: 'upload', accept: '.wav' });
  expect(soundOf('prompts', u, { id: 3, rev: 2, file: 'a.wav' })).toBe('/api/v1/prompts/3/audio?v=2');
  expect(soundOf('prompts', u, { id: 3, file: '' })).toBe('');
});

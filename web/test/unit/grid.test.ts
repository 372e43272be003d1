import { beforeEach, expect, test } from 'vitest';
import { setZone } from '@/core/format';
import type { Descriptor, Field } from '@/core/types';
import { batchProblem } from '@/grid/batch';
import { move, noPrefs, ordered, visible } from '@/grid/columns';
import { buildQuery, nextSort, pageCount, shown, type ListState } from '@/grid/query';
import { check, checkAll, merge, payload, start, validCidr } from '@/grid/rules';
import { bars } from '@/pages/calls/wave';
import { events, eventTone, grade, legs } from '@/pages/calls/describe';

const f = (o: Partial<Field>): Field => ({ key: 'k', type: 'text', ...o }) as Field;
beforeEach(() => setZone('UTC'));

test('a descriptor becomes rules', () => {
  const number = f({ type: 'digits', required: true, pattern: '^[0-9]{3,8}$' });
  expect(check(number, '', true)).toEqual({ code: 'required' });
  expect(check(number, '  ', true)).toEqual({ code: 'required' });
  expect(check(number, '12', true)).toEqual({ code: 'digitsRange', min: '3', max: '8' });
  expect(check(number, '8000', true)).toBeNull();
  expect(check(f({ type: 'digits' }), '80a', true)).toEqual({ code: 'digits' });
  expect(check(f({ minLen: 8 }), 'short', true)).toEqual({ code: 'minLen', n: 8 });
  expect(check(f({ maxLen: 3 }), 'long', true)).toEqual({ code: 'maxLen', n: 3 });
  expect(check(f({ type: 'int', min: 1, max: 5 }), '9', true)).toEqual({ code: 'between', min: 1, max: 5 });
  expect(check(f({ type: 'int' }), '1.5', true)).toEqual({ code: 'pattern' });
  expect(check(f({ type: 'cidr' }), '', true)).toBeNull();
  expect(check(f({ type: 'cidr' }), '10.0.0.0/33', true)).toEqual({ code: 'cidr' });
});
test('a secret the server makes may be left out; a kept one too', () => {
  expect(check(f({ type: 'secret', required: true, generate: true }), '', true)).toBeNull();
  expect(check(f({ type: 'secret', required: true }), '', true)).toEqual({ code: 'required' });
  expect(check(f({ type: 'secret', required: true }), '', false)).toBeNull();
});
test('addresses and networks', () => {
  for (const s of ['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', '2001:db8::1/128']) expect(validCidr(s), s).toBe(true);
  for (const s of ['10.0.0', '10.0.0.256', '10.0.0.1/', '10.0.0.1/33', '::1/129', 'host', '1.2.3.4/8/8', ':::']) expect(validCidr(s), s).toBe(false);
});
test('values to the body: trimmed, numbers, secrets only when given, read-only left out', () => {
  const fields = [f({ key: 'a' }), f({ key: 'n', type: 'int' }), f({ key: 's', type: 'secret' }), f({ key: 'r', readOnly: true }), f({ key: 'b', type: 'bool' })];
  expect(payload(fields, { a: ' x ', n: '5', s: '', r: 'no', b: false })).toEqual({ a: 'x', n: 5, b: false });
  expect(start(fields, { a: 'x', n: 5, s: 'never', r: 1, b: true })).toMatchObject({ a: 'x', n: 5, b: true });
  expect(start([f({ key: 's', type: 'secret', writeOnly: true })], { s: 'x' })).toEqual({ s: '' });
  expect(Object.keys(checkAll(fields, { a: '' }, true))).toEqual([]);
});
test('a conflict: theirs taken where I changed nothing, asked where both did', () => {
  const fields = ['a', 'b', 'c', 'd'].map((key) => f({ key }));
  const m = merge(fields, { a: 1, b: 1, c: 1, d: 1 }, { a: 1, b: 2, c: 2, d: 2 }, { a: 9, b: 1, c: 9, d: 2 });
  expect(m.merged).toEqual({ a: 9, b: 2, c: 2, d: 2 });
  expect(m.theirs).toEqual(['a']);
  expect(m.both).toEqual(['c']);
});

const desc = { fields: [f({ key: 'start', type: 'datetime' }), f({ key: 'rec', type: 'bool' }), f({ key: 'caller', type: 'phone', match: 'prefix' }), f({ key: 'name', match: 'contains' })] } as Descriptor;
const state: ListState = { q: '', filters: {}, sort: '', page: 1, size: 20 };
const query = (s: Partial<ListState>, after?: string): Record<string, string> => Object.fromEntries(new URLSearchParams(buildQuery(desc, { ...state, ...s }, Date.UTC(2026, 10, 23, 12), after)));
test('the state of a list becomes its query', () => {
  expect(query({})).toEqual({ size: '20' });
  expect(query({ q: ' 800 ', sort: '-start', page: 3 })).toEqual({ q: '800', sort: '-start', page: '3', size: '20' });
  expect(query({ filters: { rec: true, gone: 'x', caller: '' } })).toEqual({ 'f.rec': '1', size: '20' });
  expect(query({ filters: { caller: '138', name: '张' } })).toMatchObject({ 'f.caller': '138*', 'f.name': '*张*' });
  expect(query({ filters: { caller: '*99' } })).toMatchObject({ 'f.caller': '*99' });
  expect(query({ filters: { start: { name: 'today' } } })['f.start']).toBe(`${Date.UTC(2026, 10, 23)}..${Date.UTC(2026, 10, 24) - 1}`);
  expect(query({ filters: { start: { from: 5, to: null } } })['f.start']).toBe('5..');
  expect(query({ page: 2 }, 'abc').after).toBe('abc');
});
test('paging and sorting', () => {
  expect(pageCount(0, 20)).toBe(1);
  expect(pageCount(41, 20)).toBe(3);
  expect(shown({ ...state, page: 3 }, 41, 1)).toEqual({ a: 41, b: 41 });
  expect(shown(state, 0, 0)).toEqual({ a: 0, b: 0 });
  expect(nextSort('', 'a', 'b')).toBe('a');
  expect(nextSort('a', 'a', 'b')).toBe('-a');
  expect(nextSort('-a', 'a', 'b')).toBe('b');
  expect(nextSort('-a', 'a', 'a')).toBe('a');
});
test('columns: order, hiding, new ones find their place', () => {
  const fields = ['a', 'b', 'c'].map((key) => f({ key }));
  const p = { ...noPrefs(), order: ['c', 'a'], hidden: ['a'] };
  expect(ordered(fields, p).map((x) => x.key)).toEqual(['c', 'a', 'b']);
  expect(visible(fields, p).map((x) => x.key)).toEqual(['c', 'b']);
  expect(move(fields, p, 'b', -1)).toEqual(['c', 'b', 'a']);
  expect(move(fields, p, 'c', -1)).toEqual(['c', 'a', 'b']);
});
test('a range of extensions', () => {
  expect(batchProblem('8000', '8049')).toBeNull();
  expect(batchProblem('80', '8049')).toMatchObject({ at: 'from' });
  expect(batchProblem('8000', '80x')).toMatchObject({ at: 'to' });
  expect(batchProblem('8000', '80000')).toMatchObject({ text: 'batch.lengths' });
  expect(batchProblem('8049', '8000')).toMatchObject({ text: 'batch.order' });
  expect(batchProblem('10000', '20000')).toMatchObject({ text: 'batch.tooMany' });
});
test('quality and path in words', () => {
  expect([undefined, -1, 4.4, 3.7, 3.2, 1.5].map(grade)).toEqual([0, 0, 4, 3, 2, 1]);
  expect(legs([{ leg: 'caller', mos: 4 }, null])).toHaveLength(1);
  expect(legs({ callee: { mos: 3 } })).toEqual([{ leg: 'callee', mos: 3 }]);
  expect(legs('')).toEqual([]);
  expect(events([{ t: 1, e: 'ring' }, { e: 'x' }, 3])).toEqual([{ t: 1, e: 'ring' }]);
  expect(eventTone('answer')).toBe('success');
  expect(eventTone('transfer-failed')).toBe('danger');
  expect(eventTone('transfer')).toBe('primary');
});
test('peaks to bars: the loudest of each', () => {
  expect(bars([1, 9, 2, 3], 2)).toEqual([9, 3]);
  expect(bars([5], 3)).toEqual([5, 5, 5]);
  expect(bars([], 2)).toEqual([0, 0]);
});

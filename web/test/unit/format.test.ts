import { beforeEach, expect, test } from 'vitest';
import { brief, csv, dateTime, duration, epoch, fromPicker, latency, range, setZone, short, toPicker, wall } from '@/core/format';

const at = (s: string): number => Date.parse(s);
beforeEach(() => setZone('Asia/Shanghai'));

test('times are shown in the zone of the server', () => {
  expect(dateTime(at('2026-03-01T16:00:05Z'))).toBe('2026-03-02 00:00:05');
  setZone('America/New_York');
  expect(dateTime(at('2026-03-01T16:00:05Z'))).toBe('2026-03-01 11:00:05');
  expect(dateTime(0)).toBe('');
});
test('a zone nobody knows falls back to UTC', () => {
  setZone('Nowhere/Land');
  expect(dateTime(at('2026-03-01T16:00:05Z'))).toBe('2026-03-01 16:00:05');
});
test('wall clock to instant and back, over a change of the clock', () => {
  setZone('Europe/Berlin');
  for (const s of ['2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z', '2026-10-25T03:00:00Z', '2026-12-31T23:59:59Z']) expect(epoch(wall(at(s)))).toBe(at(s));
});
test('the picker reads the server wall clock in whatever zone the browser is', () => {
  const t = at('2026-06-15T22:10:11Z');
  expect(toPicker(t).getHours()).toBe(6);
  expect(fromPicker(toPicker(t))).toBe(t);
});
test('ranges: days of the server zone, weeks from Monday', () => {
  const now = at('2026-11-22T16:30:00Z'); /* Monday 00:30 in Shanghai */
  const show = (r: [number, number]): string[] => r.map(dateTime);
  expect(show(range('today', now))).toEqual(['2026-11-23 00:00:00', '2026-11-23 23:59:59']);
  expect(show(range('yesterday', now))).toEqual(['2026-11-22 00:00:00', '2026-11-22 23:59:59']);
  expect(show(range('week', now))).toEqual(['2026-11-23 00:00:00', '2026-11-29 23:59:59']);
  expect(show(range('month', now))).toEqual(['2026-11-01 00:00:00', '2026-11-30 23:59:59']);
  expect(show(range('week', now - 3_600_000))).toEqual(['2026-11-16 00:00:00', '2026-11-22 23:59:59']);
  expect(show(range('month', at('2026-12-31T15:59:59Z')))).toEqual(['2026-12-01 00:00:00', '2026-12-31 23:59:59']);
});
test('a day with 23 hours is a day', () => {
  setZone('Europe/Berlin');
  const [a, b] = range('today', at('2026-03-29T10:00:00Z'));
  expect(b - a + 1).toBe(23 * 3_600_000);
});
test('durations round down', () => {
  expect(duration(69_999)).toBe('00:01:09');
  expect(duration(360_000_000)).toBe('100:00:00');
  expect(duration(-5)).toBe('00:00:00');
  expect(duration(undefined)).toBe('00:00:00');
  expect(short(69_999)).toBe('1:09');
  expect(short(3_661_000)).toBe('1:01:01');
});
test('latency, or nothing when unknown', () => {
  expect(latency(1234)).toBe('1.2 ms');
  expect(latency(45_600)).toBe('46 ms');
  expect(latency(-1)).toBe('');
  expect(latency(null)).toBe('');
});
test('brief: today, yesterday, this year, before', () => {
  const now = at('2026-11-23T04:00:00Z');
  expect(brief(at('2026-11-23T01:05:00Z'), now, 'zh-CN')).toBe('09:05');
  expect(brief(at('2026-11-22T01:05:00Z'), now, 'zh-CN')).toBe('昨天 09:05');
  expect(brief(at('2026-02-03T01:05:00Z'), now, 'en')).toBe('02-03 09:05');
  expect(brief(at('2025-02-03T01:05:00Z'), now, 'en')).toBe('2025-02-03');
});
test('CSV: BOM, CRLF, quotes, formulas defused', () => {
  expect(csv([['a', 'b"c'], ['=1+1', '-2']])).toBe('\ufeffa,"b""c"\r\n\'=1+1,\'-2\r\n');
});

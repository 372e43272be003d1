import { expect, test } from 'vitest';
import adminEn from '@/locales/admin.en';
import adminZh from '@/locales/admin.zh-CN';
import firstEn from '@/locales/en';
import firstZh from '@/locales/zh-CN';

const [en, zh] = [{ ...firstEn, ...adminEn }, { ...firstZh, ...adminZh }];
const SOURCES = import.meta.glob<string>('../../src/**/*.{vue,ts}', { query: '?raw', import: 'default', eager: true });
function keys(o: object, at = ''): string[] {
  return Object.entries(o).flatMap(([k, v]) => (v && typeof v === 'object' ? keys(v, `${at}${k}.`) : [`${at}${k}`]));
}
const text = (o: unknown, key: string): string => String(key.split('.').reduce((v, k) => (v as Record<string, unknown>)?.[k], o));

test('no section is in both packs: the second would hide the first', () => {
  const first = Object.keys(firstZh);
  expect(Object.keys(adminZh).filter((k) => first.includes(k))).toEqual([]);
});
test('both languages have the same keys and the same places to fill', () => {
  expect(keys(en).sort()).toEqual(keys(zh).sort());
  const places = (s: string): string[] => [...s.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();
  for (const k of keys(zh)) expect(places(text(en, k)), k).toEqual(places(text(zh, k)));
});
test('no Chinese is left in the English, nothing is empty', () => {
  for (const k of keys(en)) {
    expect(text(en, k).trim(), k).not.toBe('');
    if (k !== 'frame.language') expect(text(en, k), k).not.toMatch(/[\u4e00-\u9fff]/);
  }
});
test('every key a page asks for is there', () => {
  const known = new Set(keys(zh));
  for (const [file, source] of Object.entries(SOURCES)) {
    if (file.includes('/locales/')) continue;
    for (const m of source.matchAll(/(?:\$t|\bt)\('([a-z]+\.[\w.-]+)'/g)) expect(known.has(m[1]), `${m[1]} in ${file}`).toBe(true);
  }
});

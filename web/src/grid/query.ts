/* The state of a list, and the query it becomes. */
import { range, type RangeName } from '@/core/format';
import type { Descriptor, Field } from '@/core/types';

/* A range keeps its name (今天), so that it is still today after midnight. */
export type FilterValue = string | number | boolean | { v: string | number; label: string } | { name: RangeName } | { from: number | null; to: number | null };
export interface ListState {
  q: string;
  filters: Record<string, FilterValue>;
  sort: string;
  page: number;
  size: number;
}

export function bounds(v: FilterValue, now: number): [number | null, number | null] | null {
  if (typeof v !== 'object' || 'v' in v) return null;
  if ('name' in v) return range(v.name, now);
  return [v.from, v.to];
}

/* A text means "with this in it"; one who writes a star or a comma says himself what is meant. */
export function filterText(f: Field, v: FilterValue, now: number): string {
  const b = bounds(v, now);
  if (!b) {
    if (typeof v === 'boolean') return v ? '1' : '0';
    if (typeof v === 'object') return 'v' in v ? String(v.v) : '';
    const s = String(v).trim();
    if (!f.match || f.options || f.type === 'ref' || /[*,]|^[!-]/.test(s)) return s;
    return f.match === 'contains' ? `*${s}*` : `${s}*`;
  }
  return `${b[0] ?? ''}..${b[1] ?? ''}`;
}

export function empty(v: FilterValue | undefined | null): boolean {
  if (v === undefined || v === null || v === '') return true;
  return typeof v === 'object' && 'from' in v && v.from === null && v.to === null;
}

export function buildQuery(d: Descriptor, s: ListState, now: number, after?: string | null): string {
  const p = new URLSearchParams();
  if (s.q.trim()) p.set('q', s.q.trim());
  for (const [k, v] of Object.entries(s.filters)) {
    const f = d.fields.find((x) => x.key === k);
    if (f && !empty(v)) p.set(`f.${k}`, filterText(f, v, now));
  }
  if (s.sort) p.set('sort', s.sort);
  if (after) p.set('after', after);
  if (s.page > 1) p.set('page', String(s.page));
  p.set('size', String(s.size));
  return p.toString();
}

export const pageCount = (total: number, size: number): number => Math.max(1, Math.ceil(total / size));

/* 显示 a 到 b */
export function shown(s: ListState, total: number, rows: number): { a: number; b: number } {
  const a = total ? (s.page - 1) * s.size + 1 : 0;
  return { a, b: a ? Math.min(total, a + rows - 1) : 0 };
}

/* a click on a column: up, down, back to the list's own order */
export function nextSort(current: string, key: string, own: string): string {
  if (current === key) return `-${key}`;
  if (current === `-${key}`) return own && own !== key && own !== `-${key}` ? own : key;
  return key;
}

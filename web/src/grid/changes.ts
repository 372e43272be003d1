/* What a change changed, field by field, in words. */
import { tr } from '@/core/i18n';
import type { Descriptor, Field, Row } from '@/core/types';
import { keysOf } from './rules';
import { isEmpty, words } from './words';

export interface Change {
  key: string;
  label: string;
  was: string | null; /* null: nothing was there before */
  now: string;
}
const HIDDEN = new Set(['id', 'rev', 'created', 'updated', 'company_id', 'position']);
const plain = (v: unknown): string => (isEmpty(v) ? '' : typeof v === 'object' ? JSON.stringify(v) : String(v));
const print = (f: Field, row: Row | null): string => JSON.stringify([f.key, ...(f.type === 'target' && f.param ? [f.param] : [])].map((k) => row?.[k] ?? null));

/* A secret is never in there; that it changed is. */
export function changes(d: Descriptor, before: Row | null, after: Row | null): Change[] {
  const out: Change[] = [];
  const told = new Set<string>();
  for (const f of d.fields) {
    if (!f.in?.includes('form') || HIDDEN.has(f.key)) continue;
    keysOf(f).forEach((k) => told.add(k));
    const had = !!before && (f.key in before || (!!f.param && f.param in before));
    const has = !!after && (f.key in after || (!!f.param && f.param in after));
    if ((!had && !has) || (before && after && print(f, before) === print(f, after))) continue;
    const was = before ? words(f, before) : null;
    const now = after ? words(f, after) : '';
    if (!before && (!now || isEmpty(after?.[f.key]))) continue;
    out.push({ key: f.key, label: tr(f.label, f.key), was, now });
  }
  const other = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  for (const k of other) {
    if (told.has(k) || HIDDEN.has(k) || k.endsWith('_label') || d.fields.some((f) => f.key === k)) continue;
    const [was, now] = [plain(before?.[k]), plain(after?.[k])];
    if (was === now) continue;
    out.push({ key: k, label: k, was: before ? was : null, now });
  }
  return out;
}

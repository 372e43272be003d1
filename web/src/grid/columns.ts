/* Which columns, in which order, how wide: per user and list, kept with the account (./prefs). */
import { tr } from '@/core/i18n';
import type { Field } from '@/core/types';

export interface ColumnPrefs {
  order: string[];
  hidden: string[];
  widths: Record<string, number>;
  pinned?: string[]; /* stay in sight at the left */
}
export const noPrefs = (): ColumnPrefs => ({ order: [], hidden: [], widths: {} });

const WIDTHS: Partial<Record<Field['type'], number>> = {
  datetime: 168,
  date: 110,
  duration: 116,
  bool: 112,
  enum: 112,
  radio: 110,
  digits: 108,
  phone: 124,
  int: 96,
  number: 96,
  cidr: 152,
  audio: 96,
  ref: 136,
  target: 190,
  list: 200,
  order: 150,
  upload: 190,
  time: 88,
  textarea: 220,
};
/* by name, where the kind says too little */
const KEYS: Record<string, number> = { reg: 132, app: 112, direction: 112, transfer_to: 112, caller_id: 152 };
export const MIN_WIDTH = 56;
/* a heading is read whole, within reason */
const heading = (s: string): number => Math.min(210, 50 + [...s].reduce((w, c) => w + (c > '\u2e7f' ? 13.2 : 7.4), 0));
export const width = (f: Field, p: ColumnPrefs): number => p.widths[f.key] ?? f.width ?? Math.max(KEYS[f.key] ?? WIDTHS[f.type] ?? 132, Math.ceil(heading(tr(f.label, f.key))));

/* New columns of a newer server come where it puts them: behind the one before them. */
export function ordered(fields: Field[], p: ColumnPrefs): Field[] {
  const known = p.order.map((k) => fields.find((f) => f.key === k)).filter((f): f is Field => !!f);
  for (const [i, f] of fields.entries()) {
    if (known.includes(f)) continue;
    const before = i > 0 ? known.indexOf(fields[i - 1]) : -1;
    known.splice(before + 1, 0, f);
  }
  return known;
}
export const isPinned = (f: Field, p: ColumnPrefs): boolean => p.pinned?.includes(f.key) ?? false;
export function visible(fields: Field[], p: ColumnPrefs): Field[] {
  const list = ordered(fields, p).filter((f) => !p.hidden.includes(f.key));
  return [...list.filter((f) => isPinned(f, p)), ...list.filter((f) => !isPinned(f, p))];
}
/* What was kept may be of another version, or broken. */
export function sane(v: unknown, fallback: ColumnPrefs): ColumnPrefs {
  const o = (v ?? {}) as Partial<ColumnPrefs>;
  const texts = (x: unknown): string[] | undefined => (Array.isArray(x) ? x.filter((s): s is string => typeof s === 'string') : undefined);
  const widths = Object.fromEntries(Object.entries(o.widths ?? {}).filter(([, w]) => typeof w === 'number' && w >= MIN_WIDTH && w < 2000));
  return { order: texts(o.order) ?? fallback.order, hidden: texts(o.hidden) ?? fallback.hidden, widths, pinned: texts(o.pinned) ?? [] };
}

export function move(fields: Field[], p: ColumnPrefs, key: string, by: number): string[] {
  const keys = ordered(fields, p).map((f) => f.key);
  const i = keys.indexOf(key);
  const j = i + by;
  if (i < 0 || j < 0 || j >= keys.length) return keys;
  [keys[i], keys[j]] = [keys[j], keys[i]];
  return keys;
}

/* Which columns, in which order, how wide: per user and list, kept in the browser. */
import type { Field } from '@/core/types';

export interface ColumnPrefs {
  order: string[];
  hidden: string[];
  widths: Record<string, number>;
}
export const noPrefs = (): ColumnPrefs => ({ order: [], hidden: [], widths: {} });

const WIDTHS: Partial<Record<Field['type'], number>> = {
  datetime: 176,
  date: 110,
  duration: 112,
  bool: 96,
  enum: 124,
  radio: 110,
  digits: 116,
  phone: 136,
  int: 96,
  number: 96,
  cidr: 152,
  audio: 80,
  ref: 136,
};
export const MIN_WIDTH = 56;
export const width = (f: Field, p: ColumnPrefs): number => p.widths[f.key] ?? f.width ?? WIDTHS[f.type] ?? 144;

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
export const visible = (fields: Field[], p: ColumnPrefs): Field[] => ordered(fields, p).filter((f) => !p.hidden.includes(f.key));

export function move(fields: Field[], p: ColumnPrefs, key: string, by: number): string[] {
  const keys = ordered(fields, p).map((f) => f.key);
  const i = keys.indexOf(key);
  const j = i + by;
  if (i < 0 || j < 0 || j >= keys.length) return keys;
  [keys[i], keys[j]] = [keys[j], keys[i]];
  return keys;
}

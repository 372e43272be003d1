/* The answers of the import, and what of them is pure. */
import type { Descriptor, Field } from '@/core/types';

export interface BadLine {
  line: number;
  column: string;
  value: string;
  reason: string;
  message: string;
}
export interface Checked {
  import: string | number;
  encoding: string;
  columns: { name: string; key: string | null }[];
  lines: number;
  preview: string[][];
  bad: BadLine[];
  good: number;
  bads: number;
}
export const mapping = (c: Checked): Record<string, string> => Object.fromEntries(c.columns.map((x, i) => [columnId(c, i), x.key ?? '']));
/* headings may stand twice in a file */
export const columnId = (c: Checked, i: number): string => c.columns[i].name || `#${i + 1}`;
/* fields that more than one column is to go to */
export const doubled = (map: Record<string, string>): string[] => {
  const seen = new Map<string, number>();
  for (const k of Object.values(map)) if (k) seen.set(k, (seen.get(k) ?? 0) + 1);
  return [...seen].filter(([, n]) => n > 1).map(([k]) => k);
};
/* what a column may go to; a target's parameter has no field of its own */
export function targets(d: Descriptor): { key: string; field: Field | null }[] {
  const keys = d.import?.columns ?? d.fields.filter((f) => f.in?.includes('form') && !f.readOnly).map((f) => f.key);
  return keys.map((key) => ({ key, field: d.fields.find((f) => f.key === key || f.param === key) ?? null }));
}
export const isCsvName = (name: string): boolean => /\.(csv|txt|tsv)$/i.test(name);

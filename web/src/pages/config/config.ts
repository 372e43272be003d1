/* What the page of changes shows, out of what the server compares. Plain functions, tested apart. */
import { tr } from '@/core/i18n';
import type { ConfigCompany } from '@/core/changes';
import type { L10n } from '@/core/types';

export type ChangeAction = 'add' | 'edit' | 'delete' | 'move';
export interface ChangedField {
  key: string;
  label?: L10n;
  before: unknown;
  after: unknown;
}
export interface Change {
  company_id: number;
  resource: string;
  id: number;
  action: ChangeAction;
  label: string;
  fields: ChangedField[];
  user?: string;
  at?: number;
}
export interface Problem {
  level: 'error' | 'warning';
  code: string;
  company_id: number;
  resource: string;
  id: number;
  label: string;
  message: L10n;
  field?: string;
}
export interface ConfigState {
  companies: ConfigCompany[];
  changes: Change[];
  problems: Problem[];
  draftHash: string;
  total?: number; /* changes in all; only so many are told in detail */
}
export interface Version {
  id: number;
  company_id: number;
  company?: string;
  at: number;
  user: string;
  user_name?: string;
  kind: 'apply' | 'return' | 'draft';
  note: string;
  changes: number;
  applied?: boolean;
}
export interface Applied {
  version: number;
  took_ms: number;
  companies: { id: number; version?: number }[];
}

export interface ChangeGroup {
  key: string;
  company: string;
  resource: string;
  items: Change[];
}
/* By company, then by page in the order of the menu. */
export function grouped(changes: Change[], companies: ConfigCompany[], order: string[]): ChangeGroup[] {
  const names = new Map(companies.map((c) => [c.id, c.name]));
  const rank = (r: string): number => (order.includes(r) ? order.indexOf(r) : order.length);
  const by = new Map<string, ChangeGroup>();
  for (const c of changes) {
    const key = `${c.company_id}/${c.resource}`;
    let g = by.get(key);
    if (!g) by.set(key, (g = { key, company: names.get(c.company_id) ?? '', resource: c.resource, items: [] }));
    g.items.push(c);
  }
  return [...by.values()].sort((a, b) => a.company.localeCompare(b.company, 'zh-CN') || rank(a.resource) - rank(b.resource));
}

/* One value in words: lists by their labels, yes and no, nothing as a dash. */
export function shown(v: unknown, words: { yes: string; no: string; none: string }): string {
  if (v === null || v === undefined || v === '') return words.none;
  if (v === true) return words.yes;
  if (v === false) return words.no;
  if (Array.isArray(v)) return v.length ? v.map((x) => shown(x, words)).join('、') : words.none;
  if (typeof v === 'object') {
    const o = v as Record<string, unknown>;
    if ('zh-CN' in o || 'en' in o) return tr(o as L10n);
    if (typeof o.label === 'string') return o.label;
    return Object.entries(o)
      .filter(([k]) => !(`${k}_label` in o) && !(k === 'param' && 'app_label' in o))
      .map(([, x]) => shown(x, words))
      .filter((s) => s !== words.none)
      .join(' ');
  }
  return String(v);
}

/* The lines of two lists that differ: what came, what went. Null when they are no lists. */
export function listDiff(before: unknown, after: unknown, text: (v: unknown) => string): { gone: string[]; come: string[]; moved: boolean } | null {
  if (!Array.isArray(before) || !Array.isArray(after)) return null;
  const a = before.map(text);
  const b = after.map(text);
  const gone = a.filter((x) => !b.includes(x));
  const come = b.filter((x) => !a.includes(x));
  return { gone, come, moved: !gone.length && !come.length };
}

/* A role's rights as a matrix of pages × actions. Plain functions over sets of "page:action". */
import type { L10n } from '@/core/types';

export interface MatrixAction {
  action: string;
  label: L10n;
  right: string;
}
export interface MatrixPage {
  name: string;
  title: L10n;
  actions: MatrixAction[];
}
export interface MatrixGroup {
  id?: string;
  title: L10n;
  pages: MatrixPage[];
}
export interface Matrix {
  groups: MatrixGroup[];
  scopes: { v: string; [lang: string]: string }[] | string[];
}

/* Actions that most pages have get a column; what only single pages have is named in the last one. */
export const COLUMNS = ['list', 'add', 'edit', 'delete', 'import', 'export'] as const;

export const pagesOf = (m: Matrix): MatrixPage[] => m.groups.flatMap((g) => g.pages);
export const allRights = (m: Matrix): string[] => [...new Set(pagesOf(m).flatMap((p) => p.actions.map((a) => a.right)))];

/* "*" and "page:*" written out, as far as the matrix knows them; what it does not know stays as it is. */
export function expand(rights: string[], m: Matrix): Set<string> {
  const out = new Set<string>();
  const all = allRights(m);
  for (const r of rights) {
    if (r === '*') all.forEach((x) => out.add(x));
    else if (r.endsWith(':*')) {
      const hit = all.filter((x) => x.startsWith(r.slice(0, -1)));
      if (hit.length) hit.forEach((x) => out.add(x));
      else out.add(r);
    } else out.add(r);
  }
  return out;
}
/* A role of all rights stays one of all rights to come. */
export function pack(set: Set<string>, original: string[], m: Matrix): string[] {
  if (original.includes('*') && allRights(m).every((r) => set.has(r))) return ['*'];
  return [...set].sort();
}

export const column = (p: MatrixPage, action: string): MatrixAction | undefined => p.actions.find((a) => a.action === action);
export const others = (p: MatrixPage): MatrixAction[] => p.actions.filter((a) => !(COLUMNS as readonly string[]).includes(a.action));

/* Whoever may press a button sees the page; who does not see it presses nothing there. */
export function give(set: Set<string>, p: MatrixPage, actions: MatrixAction[], on: boolean): Set<string> {
  const out = new Set(set);
  const list = column(p, 'list');
  for (const a of actions) {
    if (on) {
      out.add(a.right);
      if (list) out.add(list.right);
    } else {
      out.delete(a.right);
      if (a === list) p.actions.forEach((x) => out.delete(x.right));
    }
  }
  return out;
}
export type Mark = 'all' | 'some' | 'none';
export function mark(set: Set<string>, actions: MatrixAction[]): Mark {
  const n = actions.filter((a) => set.has(a.right)).length;
  return n === 0 ? 'none' : n === actions.length ? 'all' : 'some';
}
export function matching(m: Matrix, q: string, text: (l: L10n) => string): MatrixGroup[] {
  const s = q.trim().toLowerCase();
  if (!s) return m.groups;
  const hit = (l: L10n): boolean => [l['zh-CN'], l.en, text(l)].some((x) => x?.toLowerCase().includes(s));
  return m.groups
    .map((g) => (hit(g.title) ? g : { ...g, pages: g.pages.filter((p) => hit(p.title) || p.actions.some((a) => hit(a.label))) }))
    .filter((g) => g.pages.length);
}

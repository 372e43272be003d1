export interface ArticleRow {
  id: number;
  subject: string;
  category: string;
  body?: string;
  author: string;
  created: number;
  updated: number;
  rev: number;
  [key: string]: unknown;
}
/* an article in a window of its own, beside the call */
export function openWindow(id: number): void {
  window.open(`${location.pathname}#/kb/${id}`, `zx-kb-${id}`, 'popup,width=860,height=760');
}

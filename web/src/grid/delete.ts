/* Deleting says how many and which, and who uses them. */
import './grid.css';
import { ElMessage, ElMessageBox } from '@/element';
import { ApiError, del, get, post } from '@/core/api';
import { errorText } from '@/core/errors';
import { t, tr } from '@/core/i18n';
import { useSession } from '@/core/session';
import type { Descriptor, Row, Used } from '@/core/types';
import { h, type VNode } from 'vue';
import { extras } from './extras';

const NAMED = 6;
const ASKED = 20; /* of how many rows the users are looked for before deleting */
const SHOWN = 8;

type Line = string | VNode;
async function ask(title: string, lines: Line[], confirm: string): Promise<boolean> {
  try {
    await ElMessageBox.confirm(h('div', lines.map((l) => (typeof l === 'string' ? h('p', { class: 'zx-confirm' }, l) : l))), title, {
      confirmButtonText: confirm,
      cancelButtonText: t('grid.cancel'),
      confirmButtonClass: 'el-button--danger',
      autofocus: false,
    });
    return true;
  } catch {
    return false;
  }
}

async function send(d: Descriptor, rows: Row[], force: boolean): Promise<void> {
  if (rows.length === 1) {
    const p = new URLSearchParams();
    if (d.rev) p.set('rev', String(rows[0][d.rev]));
    if (force) p.set('force', '1');
    await del(`/${d.name}/${rows[0][d.key]}?${p}`);
  } else await post(`/${d.name}/delete`, { ids: rows.map((r) => r[d.key]), ...(force ? { force } : {}) });
}

/* "队列 客服": the page it is on, and its name */
export function usedText(u: Used): string {
  const page = useSession().pages.find((p) => p.item.resource === u.resource);
  return page ? `${tr(page.item.title)} · ${u.label}` : u.label;
}
function usedOf(e: ApiError): Used[] {
  const list = (e.body.used_by ?? (e.body.error as Row | undefined)?.used_by ?? []) as unknown[];
  return list.map((u) => (typeof u === 'object' && u ? ({ resource: String((u as Row).resource ?? ''), label: String((u as Row).label ?? (u as Row).name ?? (u as Row).login ?? '') } as Used) : { resource: '', label: String(u) }));
}
async function uses(d: Descriptor, rows: Row[]): Promise<Used[]> {
  if (rows.length > ASKED) return [];
  const lists = await Promise.all(rows.map((r) => get<{ used_by: Used[] }>(`/${d.name}/${r[d.key]}/uses`).then((a) => a.used_by ?? [], () => [])));
  const seen = new Set<string>();
  return lists.flat().filter((u) => {
    const k = `${u.resource} ${u.id ?? ''} ${u.label}`;
    return seen.has(k) ? false : seen.add(k);
  });
}
function usedLines(list: Used[], note: string): Line[] {
  if (!list.length) return [];
  return [
    h('div', { class: 'zx-used' }, [
      h('p', t('remove.usedBy', { n: list.length })),
      h('ul', [...list.slice(0, SHOWN).map((u) => h('li', usedText(u))), ...(list.length > SHOWN ? [h('li', t('remove.usedMore', { n: list.length }))] : [])]),
      h('p', note),
    ]),
  ];
}

export async function removeRows(d: Descriptor, rows: Row[]): Promise<boolean> {
  const names = rows.slice(0, NAMED).map((r) => String(r[d.label] ?? r[d.key])).join(t('grid.or'));
  const list = rows.length > NAMED ? t('grid.deleteMore', { list: names, n: rows.length }) : names;
  const note = extras[d.name]?.deleteNote;
  const used = await uses(d, rows);
  const lines = [t('grid.deleteText', { list }), ...usedLines(used, t('remove.usedNote')), ...(note ? [t(note)] : [])];
  if (!(await ask(t('grid.deleteTitle', { n: rows.length }), lines, t('grid.deleteButton', { n: rows.length })))) return false;
  try {
    await send(d, rows, false);
  } catch (e) {
    const refused = e instanceof ApiError && e.code === 'in_use';
    if (!refused) {
      const gone = e instanceof ApiError && e.status === 404;
      ElMessage({ message: e instanceof ApiError && e.code === 'conflict' ? t('grid.changedMeanwhile') : errorText(e), type: gone ? 'warning' : 'error', duration: 5000 });
      return gone || (e instanceof ApiError && e.status === 409);
    }
    const now = usedOf(e as ApiError);
    if (!(await ask(t('grid.inUseTitle'), [errorText(e), ...usedLines(now, t('grid.inUseText', { list: '' }).replace(/^[^。.]*[。.]\s*/, ''))], t('grid.deleteAnyway')))) return false;
    try {
      await send(d, rows, true);
    } catch (e2) {
      ElMessage({ message: errorText(e2), type: 'error', duration: 5000 });
      return false;
    }
  }
  ElMessage({ message: t('grid.deleted', { n: rows.length }), type: 'success' });
  return true;
}

/* 全部删除: the number must be typed, and must still be true. */
export async function removeAll(d: Descriptor, filter: string, total: number, filtered: boolean): Promise<boolean> {
  try {
    await ElMessageBox.prompt(h('div', [h('p', { class: 'zx-confirm' }, t(filtered ? 'remove.foundText' : 'remove.allText', { n: total })), h('p', { class: 'zx-confirm' }, t('remove.allType', { n: total }))]), t('remove.allTitle'), {
      confirmButtonText: t('remove.allButton', { n: total }),
      cancelButtonText: t('grid.cancel'),
      confirmButtonClass: 'el-button--danger',
      inputType: 'text',
      inputErrorMessage: t('remove.allMismatch'),
      inputValidator: (v: string) => (v ?? '').trim() === String(total) || t('remove.allMismatch'),
    });
  } catch {
    return false;
  }
  try {
    const a = await post<{ deleted: number }>(`/${d.name}/delete`, { all: true, filter, confirm: total });
    ElMessage({ message: t('grid.deleted', { n: a.deleted }), type: 'success' });
    return true;
  } catch (e) {
    const used = e instanceof ApiError && e.code === 'in_use' ? usedOf(e) : [];
    const changed = e instanceof ApiError && e.code === 'conflict';
    const text = changed ? t('remove.changed') : errorText(e);
    ElMessage({ message: used.length ? `${text} ${used.slice(0, SHOWN).map(usedText).join(t('grid.or'))}` : text, type: 'error', duration: 8000 });
    return changed;
  }
}

/* Deleting says how many and which, and who uses them. */
import { ElMessage, ElMessageBox } from '@/element';
import { ApiError, del, post } from '@/core/api';
import { errorText } from '@/core/errors';
import { t } from '@/core/i18n';
import type { Descriptor, Row } from '@/core/types';
import { h } from 'vue';
import { extras } from './extras';

const NAMED = 6;

async function ask(title: string, lines: string[], confirm: string): Promise<boolean> {
  try {
    await ElMessageBox.confirm(h('div', lines.map((l) => h('p', { class: 'zx-confirm' }, l))), title, {
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

/* Who uses it, as the server lists it: names where it has names. */
function users(e: ApiError): string {
  const list = (e.body.used_by ?? (e.body.error as Row | undefined)?.used_by ?? []) as unknown[];
  return list.map((u) => (typeof u === 'object' && u ? String((u as Row).name ?? (u as Row).label ?? (u as Row).login ?? JSON.stringify(u)) : String(u))).join('、');
}

export async function removeRows(d: Descriptor, rows: Row[]): Promise<boolean> {
  const names = rows.slice(0, NAMED).map((r) => String(r[d.label])).join('、');
  const list = rows.length > NAMED ? t('grid.deleteMore', { list: names, n: rows.length }) : names;
  const note = extras[d.name]?.deleteNote;
  const lines = [t('grid.deleteText', { list }), ...(note ? [t(note)] : [])];
  if (!(await ask(t('grid.deleteTitle', { n: rows.length }), lines, t('grid.deleteButton', { n: rows.length })))) return false;
  try {
    await send(d, rows, false);
  } catch (e) {
    const used = e instanceof ApiError && e.code === 'in_use';
    if (!used) {
      const gone = e instanceof ApiError && e.status === 404;
      ElMessage({ message: e instanceof ApiError && e.code === 'conflict' ? t('grid.changedMeanwhile') : errorText(e), type: gone ? 'warning' : 'error', duration: 5000 });
      return gone || (e instanceof ApiError && e.status === 409);
    }
    if (!(await ask(t('grid.inUseTitle'), [t('grid.inUseText', { list: users(e as ApiError) })], t('grid.deleteAnyway')))) return false;
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

/* Values in words, for cells, histories and comparisons. */
import { date, dateTime } from '@/core/format';
import { t, tr } from '@/core/i18n';
import type { Choice, Field, Option, Row } from '@/core/types';
import { appOf, labelKey } from './rules';

const NAMED = 3;
export const isEmpty = (v: unknown): boolean => v === null || v === undefined || v === '' || (Array.isArray(v) && !v.length);

/* 90 秒, 2 分钟, 1 小时 30 分钟 */
export function span(ms: number): string {
  const s = Math.round(ms / 1000);
  if (s < 120 || s % 60) return t('form.nSeconds', { n: ms % 1000 ? ms / 1000 : s });
  const m = s / 60;
  if (m < 120 || m % 60) return t('form.nMinutes', { n: m });
  return t('form.nHours', { n: m / 60 });
}
export function optionText(options: Option[] | undefined, v: unknown): string {
  const o = options?.find((x) => String(x.v) === String(v));
  return o ? tr(o, String(v)) : String(v);
}
export const listSeparator = (): string => t('grid.or');

function target(f: Field, row: Row): string {
  const app = row[f.key];
  const a = appOf(f, app);
  if (!a) return String(row[labelKey(f)] ?? app ?? '');
  const name = tr(a.label, a.app);
  const label = String(row[labelKey(f)] ?? '') || String(row[f.param ?? ''] ?? '');
  return label && (a.resource || a.text) ? `${name} · ${label}` : name;
}
function items(f: Field, v: unknown): string {
  const list = Array.isArray(v) ? v : [];
  const shown = list.slice(0, NAMED).map((x) => (f.single ? String((x as Choice).label ?? x) : itemWords(f, x as Row)));
  const text = shown.join(listSeparator());
  return list.length > NAMED ? t('form.andMore', { list: text, n: list.length }) : text;
}
/* one row of a list: its first two cells say which */
export const itemWords = (f: Field, row: Row): string =>
  (f.items ?? [])
    .map((c) => words(c, row))
    .filter(Boolean)
    .slice(0, 2)
    .join(' ');

export function words(f: Field, row: Row, refs?: Option[]): string {
  const v = row[f.key];
  switch (f.type) {
    case 'target':
      return target(f, row);
    case 'bool':
      return t(v === true || v === 1 || v === '1' ? 'grid.yes' : 'grid.no');
    case 'list':
      return typeof v === 'number' ? String(v) : items(f, v);
    default:
  }
  if (isEmpty(v)) return '';
  switch (f.type) {
    case 'ref': {
      if (v === 0) return '';
      const label = row[labelKey(f)];
      return isEmpty(label) ? optionText(f.options ?? refs, v) : String(label);
    }
    case 'datetime':
      return typeof v === 'number' ? dateTime(v) : String(v);
    case 'date':
      return typeof v === 'number' ? date(v) : String(v);
    case 'duration':
      return typeof v === 'number' ? span(v) : String(v);
    case 'order':
      return String(v)
        .split(',')
        .map((x) => optionText(f.options, x))
        .join(' › ');
    case 'enum':
    case 'radio':
      return optionText(f.options, v);
    case 'secret':
      return '••••••••';
    default:
      return typeof v === 'object' ? JSON.stringify(v) : String(v);
  }
}

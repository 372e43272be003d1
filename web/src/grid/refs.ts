/* What a field may point to: searched on the server, within the user's company. */
import { get, type RequestOptions } from '@/core/api';
import { tr } from '@/core/i18n';
import { useSession } from '@/core/session';
import type { Choice, Descriptor, Field, Option, Row } from '@/core/types';
import { reactive } from 'vue';
import { labelKey } from './rules';

export interface RefSource {
  resource: string; /* whose field it is */
  field: string; /* key, or LIST.COLUMN */
  app?: string; /* of a target */
  company?: unknown; /* of the row, where the user sees more than one */
}
export interface RefQuery {
  q?: string;
  size?: number;
  ids?: (string | number)[];
  page?: number;
}
interface Answer {
  rows: { id: number | string; label: string }[];
  total?: number;
}

export async function findRefs(s: RefSource, o: RefQuery, more?: RequestOptions): Promise<{ list: Choice[]; total?: number }> {
  const p = new URLSearchParams();
  if (o.q?.trim()) p.set('q', o.q.trim());
  if (o.ids) p.set('id', o.ids.join(','));
  p.set('size', String(o.size ?? (o.ids ? o.ids.length : 20)));
  if (o.page && o.page > 1) p.set('page', String(o.page));
  if (s.app) p.set('app', s.app);
  if (s.company && useSession().user?.scope === 'system') p.set('company_id', String(s.company));
  const a = await get<Answer>(`/${s.resource}/refs/${s.field}?${p}`, more);
  return { list: a.rows.map((r) => ({ v: r.id, label: r.label })), total: a.total };
}

/* Labels of ids a list shows without their words; asked for once. */
const known = reactive<Record<string, Option[]>>({});
export const refLabels = (resource: string, f: Field): Option[] | undefined => known[`${resource}.${f.key}`];
const CHUNK = 50;
export async function resolveRefs(d: Descriptor, rows: Row[]): Promise<void> {
  await Promise.all(
    d.fields
      .filter((f) => f.type === 'ref' && f.ref && !f.options && f.in?.includes('list'))
      .map(async (f) => {
        const name = `${d.name}.${f.key}`;
        const have = new Set((known[name] ?? []).map((o) => String(o.v)));
        const ids = [...new Set(rows.filter((r) => r[labelKey(f)] === undefined && r[f.key] != null && r[f.key] !== '').map((r) => r[f.key] as number))].filter((v) => !have.has(String(v)));
        for (let i = 0; i < ids.length; i += CHUNK) {
          const { list } = await findRefs({ resource: d.name, field: f.key }, { ids: ids.slice(i, i + CHUNK) });
          known[name] = [...(known[name] ?? []), ...list.map((c) => ({ v: c.v, 'zh-CN': c.label, en: c.label }))];
        }
      }),
  );
}

/* A new form: where there is only one choice, it is made. */
export async function onlyChoices(d: Descriptor, fields: Field[]): Promise<Row> {
  const out: Row = {};
  await Promise.all(
    fields
      .filter((f) => f.type === 'ref' && f.required && !f.readOnly)
      .map(async (f) => {
        try {
          const { list } = await findRefs({ resource: d.name, field: f.key }, { size: 2 });
          if (list.length === 1) Object.assign(out, { [f.key]: list[0].v, [labelKey(f)]: list[0].label });
        } catch {
          /* the field itself will say so when it is opened */
        }
      }),
  );
  return out;
}
export const optionText = (o: Option): string => tr(o, String(o.v));

/* The choices of fields that point to rows of another resource. */
import { get } from '@/core/api';
import { useSession } from '@/core/session';
import type { Descriptor, Field, Option, Page } from '@/core/types';

const MAX = 100;

async function options(f: Field): Promise<Option[]> {
  const session = useSession();
  /* a user within one company needs no list of companies */
  if (f.ref === 'companies' && (session.user?.scope !== 'system' || !session.meta.resources.includes('companies'))) return own();
  try {
    const p = await get<Page>(`/${f.ref}?size=${MAX}`);
    return p.rows.map((r) => {
      const text = String(r.name ?? r.title ?? r.number ?? r.id);
      return { v: r.id as number, 'zh-CN': text, en: text };
    });
  } catch {
    return f.ref === 'companies' ? own() : [];
  }
  function own(): Option[] {
    const u = session.user!;
    return [{ v: u.company_id, 'zh-CN': u.company, en: u.company }];
  }
}

export async function loadRefs(d: Descriptor, into: Record<string, Option[]>): Promise<void> {
  await Promise.all(
    d.fields.map(async (f) => {
      if (f.type === 'ref' && f.ref && !f.options && f.in?.length) into[f.key] = await options(f);
    }),
  );
}

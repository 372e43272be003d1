/* Which company a page is about: the user's own, or any of them for the administrator of the system. */
import { get } from '@/core/api';
import { useSession } from '@/core/session';
import { ref, shallowRef, type Ref, type ShallowRef } from 'vue';

export interface CompanyChoice {
  id: number;
  label: string;
}
export function useCompanies(): { companies: ShallowRef<CompanyChoice[]>; company: Ref<number> } {
  const session = useSession();
  const own = { id: session.user!.company_id, label: session.user!.company };
  const companies = shallowRef<CompanyChoice[]>([own]);
  const company = ref(own.id);
  if (session.user?.scope === 'system' && session.meta.resources.includes('companies')) {
    get<{ rows: { id: number; name: string }[] }>('/companies?size=100&sort=name').then(
      (r) => {
        companies.value = r.rows.map((c) => ({ id: c.id, label: c.name }));
        if (!companies.value.some((c) => c.id === company.value) && companies.value.length) company.value = companies.value[0].id;
      },
      () => {},
    );
  }
  return { companies, company };
}

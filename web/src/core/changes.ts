/* How many changes of the PBX configuration are not applied yet, for the chip in the toolbar and the page itself. */
import { defineStore } from 'pinia';
import { computed, ref } from 'vue';
import { get } from './api';
import { push } from './live';
import { useSession } from './session';

export interface ConfigCompany {
  id: number;
  name: string;
  dirty: number;
  hash?: string;
  applied: { version: number; at: number; user: string } | null;
}
const SETTLE = 400;

export const useChanges = defineStore('changes', () => {
  const session = useSession();
  const counts = ref<Record<string, number>>({});
  const may = computed(() => session.can('config', 'list'));
  const count = computed(() => Object.values(counts.value).reduce((a, b) => a + b, 0));
  const ticks = ref(0); /* moves with every news, for pages that show more than the number */
  let timer = 0;

  function take(companies: ConfigCompany[]): void {
    counts.value = Object.fromEntries(companies.map((c) => [c.id, c.dirty]));
  }
  async function refresh(): Promise<void> {
    if (!may.value) return;
    try {
      take((await get<{ companies: ConfigCompany[] }>('/config?brief=1')).companies);
    } catch {
      /* the next news asks again */
    }
  }
  push.on('config.dirty', (m) => {
    ticks.value++;
    if (typeof m.count === 'number' && m.company_id !== undefined) counts.value = { ...counts.value, [String(m.company_id)]: m.count };
    else {
      clearTimeout(timer);
      timer = window.setTimeout(refresh, SETTLE);
    }
  });
  push.on('config.applied', (m) => {
    ticks.value++;
    if (m.company_id !== undefined) counts.value = { ...counts.value, [String(m.company_id)]: 0 };
    clearTimeout(timer);
    timer = window.setTimeout(refresh, SETTLE);
  });
  push.on('resync', () => void refresh());
  return { count, may, ticks, take, refresh };
});

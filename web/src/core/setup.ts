/* The set-up checklist: what the server finds missing. The guide opens by itself on an empty system, once. */
import { defineStore } from 'pinia';
import { computed, ref } from 'vue';
import { get, post } from './api';
import { useSession } from './session';
import { remembered } from './storage';
import type { L10n } from './types';

export interface SetupStep {
  id: string;
  title: L10n;
  done: boolean;
  optional?: boolean;
  detail?: L10n;
  page?: string;
}
interface Setup {
  company_id?: number;
  steps: SetupStep[];
  done: boolean;
  dismissed?: boolean;
  quick?: boolean; /* nothing there yet: all of it can be made at once */
}

export const useSetup = defineStore('setup', () => {
  const session = useSession();
  const state = ref<Setup | null>(null);
  const guided = remembered(`zx.setup.guided.${session.user?.id ?? 0}`, false);
  const may = computed(() => session.pagePath('setup') !== undefined);
  const steps = computed(() => state.value?.steps ?? []);
  const left = computed(() => steps.value.filter((s) => !s.done && !s.optional).length);
  const shown = computed(() => !!state.value && !state.value.done && !state.value.dismissed);
  /* nothing was set up yet, and nobody said he does not want to be led */
  const fresh = computed(() => shown.value && state.value?.quick === true);

  async function refresh(): Promise<void> {
    if (!may.value) return;
    try {
      state.value = await get<Setup>('/setup');
    } catch {
      /* the page itself tells */
    }
  }
  async function dismiss(on = true): Promise<void> {
    await post('/setup/dismiss', { on });
    if (state.value) state.value = { ...state.value, dismissed: on };
  }
  return { state, steps, left, shown, fresh, guided, may, refresh, dismiss };
});

/* Screen pops: each call that rings my phone, on top of those before it, until I close it. They survive F5. */
import { defineStore } from 'pinia';
import { computed, ref, watch } from 'vue';
import { get } from './api';
import { push } from './live';
import { useSession } from './session';
import { read, write } from './storage';
import type { Call, HistoryCall, Location } from './types';

export interface Pop {
  call: Call;
  history: HistoryCall[] | null;
  location?: Location;
  open: boolean;
}
interface Shown {
  call: Call;
  history: HistoryCall[];
  location?: Location;
}
const KEY = 'zx.pops';
const MAX = 20;

export const usePops = defineStore('pops', () => {
  const session = useSession();
  const pops = ref<Pop[]>([]);
  const ringing = computed(() => pops.value.filter((p) => p.call.state === 'ringing'));
  watch(pops, (v) => write(sessionStorage, KEY, v.map((p) => p.call.id)), { deep: true });

  const mine = (c: Call): boolean => !!session.user?.extension && c.ext === session.user.extension;
  const find = (id: number): Pop | undefined => pops.value.find((p) => p.call.id === id);

  function show(call: Call, history: HistoryCall[] | null, location?: Location): void {
    const old = find(call.id);
    if (old) {
      old.call = call;
      if (history) old.history = history;
      return;
    }
    for (const p of pops.value) if (p.call.state !== 'talking' && p.call.state !== 'held') p.open = false;
    pops.value.unshift({ call, history, location, open: call.state !== 'ended' });
    if (pops.value.length > MAX) pops.value = pops.value.filter((p, i) => i < MAX || p.call.state !== 'ended');
  }
  async function restore(): Promise<void> {
    for (const id of read<number[]>(sessionStorage, KEY, []).reverse()) {
      try {
        const r = await get<Shown>(`/pop/${id}`);
        show(r.call, r.history, r.location);
      } catch {
        /* gone: nothing to show */
      }
    }
  }
  /* after a break: what happened to the calls still shown as running? */
  async function refresh(): Promise<void> {
    for (const p of pops.value.filter((q) => q.call.state !== 'ended')) {
      try {
        const r = await get<Shown>(`/pop/${p.call.id}`);
        p.call = r.call;
        p.history = r.history;
      } catch {
        p.call = { ...p.call, state: 'ended' };
      }
    }
  }

  push.on('call.ringing', (m) => {
    const c = m.call as Call;
    if (mine(c) && session.user?.pop !== false) show(c, (m.history as HistoryCall[]) ?? null, m.location as Location | undefined);
  });
  for (const t of ['call.answered', 'call.held', 'call.resumed', 'call.transferred', 'call.ended']) {
    push.on(t, (m) => {
      const c = m.call as Call;
      const p = mine(c) ? find(c.id) : undefined;
      if (p) p.call = { ...p.call, ...c };
    });
  }
  push.on('resync', refresh);

  const close = (id: number): void => {
    pops.value = pops.value.filter((p) => p.call.id !== id);
  };
  const clearEnded = (): void => {
    pops.value = pops.value.filter((p) => p.call.state !== 'ended');
  };
  return { pops, ringing, restore, refresh, close, clearEnded };
});

/* The phone of the logged-in user, as the server sees it: news by push, orders by REST, the truth from GET /phone. */
import { defineStore } from 'pinia';
import { computed, ref } from 'vue';
import { get, post } from './api';
import { push } from './live';
import { useSession } from './session';
import type { Call, PhoneInfo } from './types';

const SETTLE = 250;
const POLL = 3000;

export const usePhone = defineStore('phone', () => {
  const session = useSession();
  const info = ref<PhoneInfo | null>(null);
  const working = ref('');
  let timer = 0;
  let poll = 0;

  const ext = computed(() => session.user?.extension ?? '');
  const state = computed(() => {
    if (!ext.value) return 'none';
    if (!info.value) return 'idle';
    if (info.value.call && info.value.state !== 'idle') return info.value.state;
    return info.value.online ? 'idle' : 'offline';
  });
  const call = computed(() => info.value?.call ?? null);
  /* ringing at the other end, not at mine */
  const calling = computed(() => state.value === 'ringing' && call.value?.from === ext.value);
  const since = computed(() => (state.value === 'ringing' ? call.value?.start : call.value?.answered || call.value?.start) ?? 0);

  async function refresh(): Promise<void> {
    if (!ext.value || !session.can('phone', 'dial')) return;
    try {
      info.value = await get<PhoneInfo>('/phone');
    } catch {
      /* the next news asks again */
    }
    clearTimeout(poll);
    if (info.value && info.value.state !== 'idle') poll = window.setTimeout(refresh, POLL);
  }
  function settle(): void {
    clearTimeout(timer);
    timer = window.setTimeout(refresh, SETTLE);
  }

  function take(c: Call, s: PhoneInfo['state']): void {
    if (c.ext !== ext.value || !ext.value) return;
    const was = info.value ?? { extension: ext.value, online: true, state: 'idle' as const, call: null };
    if (s === 'idle') {
      if (was.call && was.call.id !== c.id) return settle();
      info.value = { ...was, state: 'idle', call: null };
    } else if (was.state === 'idle' || was.call?.id === c.id) {
      info.value = { ...was, state: s, call: c };
    }
    settle();
  }
  const on = (t: string, s: PhoneInfo['state']) => push.on(t, (m) => take(m.call as Call, s));
  on('call.ringing', 'ringing');
  on('call.answered', 'talking');
  on('call.held', 'held');
  on('call.resumed', 'talking');
  on('call.transferred', 'talking');
  on('call.ended', 'idle');
  push.on('live.call', (m) => {
    const c = m.call as Call;
    if (ext.value && (c.from === ext.value || c.ext === ext.value || c.peer === ext.value)) settle();
  });
  push.on('ext.reg', (m) => {
    if (m.ext === ext.value && info.value) info.value = { ...info.value, online: m.online === true };
  });
  push.on('resync', refresh);
  push.on('@state', () => {
    if (push.state === 'online') void refresh();
  });

  async function order(name: string, body: unknown = {}): Promise<void> {
    working.value = name;
    try {
      await post(`/phone/${name}`, body);
    } finally {
      working.value = '';
      void refresh();
    }
  }
  return {
    info,
    ext,
    state,
    call,
    calling,
    since,
    working,
    refresh,
    dial: (number: string) => order('dial', { number }),
    hold: (on: boolean) => order('hold', { on }),
    transfer: (number: string) => order('transfer', { number }),
    hangup: () => order('hangup'),
  };
});

/* What people paste: spaces, dashes and brackets are dropped. */
export function cleanNumber(s: string): string {
  return s.replace(/[\s\-().（）]/g, '').replace(/^\+/, '00');
}
export const validNumber = (s: string): boolean => /^[0-9*#]{1,32}$/.test(s);

/* Announcements that this user has not read: what the bell counts and what opens after login. */
import { defineStore } from 'pinia';
import { ref } from 'vue';
import { get, post } from './api';
import { push } from './live';

export interface Notice {
  id: number;
  subject: string;
  body?: string;
  author: string;
  created: number;
}
const SETTLE = 300;

export const useNotices = defineStore('notices', () => {
  const unread = ref<Notice[]>([]); /* the newest of them */
  const count = ref(0);
  const arrived = ref<Notice | null>(null); /* the one that was sent just now */
  let timer = 0;

  async function refresh(): Promise<void> {
    try {
      const r = await get<{ rows: Notice[]; n?: number }>('/notices/unread');
      unread.value = r.rows;
      count.value = r.n ?? r.rows.length;
    } catch {
      /* no announcements for this user */
    }
  }
  const soon = (): void => {
    clearTimeout(timer);
    timer = window.setTimeout(refresh, SETTLE);
  };
  async function read(n: Notice): Promise<void> {
    if (!unread.value.some((x) => x.id === n.id)) return;
    unread.value = unread.value.filter((x) => x.id !== n.id);
    count.value = Math.max(0, count.value - 1);
    try {
      await post(`/notices/${n.id}/read`);
    } catch {
      soon();
    }
  }
  async function readAll(): Promise<void> {
    unread.value = [];
    count.value = 0;
    try {
      await post('/notices/read');
    } catch {
      soon();
    }
  }
  push.on('notice.new', (m) => {
    arrived.value = m.notice as Notice;
    soon();
  });
  push.on('notice.changed', soon);
  push.on('resync', soon);
  return { unread, count, arrived, refresh, read, readAll };
});

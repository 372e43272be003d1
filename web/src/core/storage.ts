/* Storage that never throws, and a ref that remembers itself. */
import { ref, watch, type Ref } from 'vue';
import { Drafts } from './drafts';

export function read<T>(store: Storage, key: string, fallback: T): T {
  try {
    const s = store.getItem(key);
    return s === null ? fallback : (JSON.parse(s) as T);
  } catch {
    return fallback;
  }
}
export function write(store: Storage, key: string, v: unknown): void {
  try {
    store.setItem(key, JSON.stringify(v));
  } catch {
    /* full or switched off */
  }
}
/* survives F5, per browser tab */
export function remembered<T>(key: string, initial: T, store: Storage = sessionStorage): Ref<T> {
  const r = ref(read(store, key, initial)) as Ref<T>;
  watch(r, (v) => write(store, key, v), { deep: true });
  return r;
}

export const drafts = new Drafts(sessionStorage);

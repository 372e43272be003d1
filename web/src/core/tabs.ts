/* Open pages are tabs: they keep their state while open and come back after F5. */
import { defineStore } from 'pinia';
import { computed } from 'vue';
import { useRouter } from 'vue-router';
import { remembered } from './storage';
import { useSession } from './session';

export const useTabs = defineStore('tabs', () => {
  const router = useRouter();
  const session = useSession();
  const open = remembered<string[]>('zx.tabs', []);
  const active = computed(() => router.currentRoute.value.path);

  function visit(path: string): void {
    if (!open.value.includes(path) && session.pages.some((p) => p.path === path)) open.value = [...open.value, path];
  }
  function close(path: string): void {
    const i = open.value.indexOf(path);
    if (i < 0) return;
    open.value = open.value.filter((p) => p !== path);
    if (active.value === path) void router.replace(open.value[Math.min(i, open.value.length - 1)] ?? '/');
  }
  /* rights may have changed since the tabs were remembered */
  function prune(): void {
    open.value = open.value.filter((p) => session.pages.some((e) => e.path === p));
  }
  return { open, active, visit, close, prune };
});

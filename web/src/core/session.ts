import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import { ApiError, apiConfigure, get, login as apiLogin, request } from './api';
import { normal } from './descriptor';
import { setZone } from './format';
import { savedLang, setLang } from './i18n';
import { push } from './live';
import type { Descriptor, MenuItem, Meta, Session } from './types';

export type Stage = 'loading' | 'login' | 'password' | 'ready' | 'down';

export const useSession = defineStore('session', () => {
  const stage = ref<Stage>('loading');
  const session = shallowRef<Session | null>(null);
  const meta = shallowRef<Meta>({ menu: [], resources: [] });
  const expired = ref(false); /* the session ended while pages were open */
  const kicked = ref(false);
  const descriptors = new Map<string, Promise<Descriptor>>();

  const user = computed(() => session.value?.user);
  const can = (resource: string, action: string): boolean => {
    const r = session.value?.rights ?? [];
    return r.includes('*') || r.includes(`${resource}:*`) || r.includes(`${resource}:${action}`);
  };
  const pages = computed(() => [HOME, ...flatten(meta.value.menu)]);
  /* a page of the menu by its name, if this user has it */
  const pagePath = (page: string): string | undefined => pages.value.find((p) => p.item.page === page || p.item.resource === page)?.path;

  function take(s: Session): void {
    session.value = s;
    apiConfigure({ csrf: s.csrf });
    if (s.server?.tz) setZone(s.server.tz);
  }

  async function enter(s: Session): Promise<void> {
    take(s);
    if (!savedLang()) await setLang(s.lang ?? 'zh-CN', false);
    if (s.mustChange) {
      stage.value = 'password';
      return;
    }
    meta.value = await get<Meta>('/meta');
    descriptors.clear();
    stage.value = 'ready';
    push.start();
  }

  async function boot(): Promise<void> {
    stage.value = 'loading';
    apiConfigure({
      expired: () => {
        if (stage.value !== 'ready') stage.value = 'login';
        else expired.value = true;
      },
    });
    const l = savedLang();
    if (l) await setLang(l);
    try {
      await enter(await get<Session>('/session', { quiet401: true }));
    } catch (e) {
      stage.value = e instanceof ApiError && e.status === 401 ? 'login' : 'down';
    }
  }

  async function login(name: string, password: string, code = ''): Promise<void> {
    const before = session.value?.user.id;
    const s = await apiLogin(name, password, code);
    kicked.value = false;
    if (expired.value && before === s.user.id && !s.mustChange) {
      take(s);
      expired.value = false;
      push.stop();
      push.start();
      return;
    }
    if (expired.value) {
      location.reload(); /* somebody else: nothing of the former user may stay on the screen */
      return;
    }
    await enter(s);
  }

  async function changePassword(old: string, fresh: string): Promise<void> {
    await request('POST', '/session/password', { body: { old, new: fresh } });
    if (stage.value === 'password') await enter(await get<Session>('/session'));
  }

  /* rights, names or the menu may have changed */
  async function refresh(): Promise<void> {
    take(await get<Session>('/session'));
    meta.value = await get<Meta>('/meta');
    descriptors.clear();
  }

  async function logout(): Promise<void> {
    try {
      await request('DELETE', '/session', { quiet401: true });
    } finally {
      push.stop();
      sessionStorage.clear();
      location.hash = '';
      location.reload();
    }
  }

  function describe(name: string): Promise<Descriptor> {
    let d = descriptors.get(name);
    if (!d) {
      d = get<Descriptor>(`/meta/${name}`).then(normal);
      d.catch(() => descriptors.delete(name));
      descriptors.set(name, d);
    }
    return d;
  }

  push.on('session.kicked', () => {
    kicked.value = true;
    expired.value = true;
    push.stop();
  });

  return { stage, session, meta, expired, kicked, user, can, pages, pagePath, boot, login, changePassword, refresh, logout, describe };
});

export interface PageEntry {
  path: string;
  item: MenuItem;
}
/* Pages that are no grid, by the name the server's menu has for them; each is a route of its own. */
export const OWN_PAGES = ['live', 'config', 'params', 'status', 'maintenance', 'help', 'setup'] as const;
const HOME: PageEntry = { path: '/', item: { id: 'home', title: { 'zh-CN': '首页', en: 'Home' }, icon: 'home', page: 'home' } };

export function pathOf(item: MenuItem): string | null {
  if (item.page === 'grid') return item.resource ? `/r/${item.resource}` : null;
  return (OWN_PAGES as readonly string[]).includes(item.page ?? '') ? `/${item.page}` : null;
}
export function flatten(menu: MenuItem[]): PageEntry[] {
  const out: PageEntry[] = [];
  for (const m of menu) {
    const path = pathOf(m);
    if (path) out.push({ path, item: m });
    if (m.children) out.push(...flatten(m.children));
  }
  return out;
}

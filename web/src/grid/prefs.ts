/* What a user's browser keeps on the server, so that another workplace looks the same. The browser's own store is the cache. */
import { ApiError, del, get, put } from '@/core/api';
import { useSession } from '@/core/session';
import { read, write } from '@/core/storage';

const SETTLE = 600;
let all: Promise<Record<string, unknown>> | null = null;
let owner = 0;
const timers = new Map<string, number>();

function load(): Promise<Record<string, unknown>> {
  const me = useSession().user?.id ?? 0;
  if (!all || owner !== me) {
    owner = me;
    all = get<Record<string, unknown>>('/prefs').catch((e) => {
      if (!(e instanceof ApiError && e.status === 404)) all = null; /* again with the next page */
      return {};
    });
  }
  return all;
}
const cacheKey = (name: string): string => `zx.pref.${useSession().user?.id}.${name}`;
export const cachedPref = <T>(name: string): T | undefined => read<T | undefined>(localStorage, cacheKey(name), undefined);

export async function loadPref<T>(name: string): Promise<T | undefined> {
  const v = (await load())[name] as T | undefined;
  if (v !== undefined) write(localStorage, cacheKey(name), v);
  return v;
}
export function savePref(name: string, v: unknown): void {
  write(localStorage, cacheKey(name), v);
  clearTimeout(timers.get(name));
  timers.set(
    name,
    window.setTimeout(async () => {
      timers.delete(name);
      try {
        const known = await load();
        await put(`/prefs/${name}`, v);
        known[name] = v;
      } catch {
        /* kept here at least */
      }
    }, SETTLE),
  );
}
export async function dropPref(name: string): Promise<void> {
  clearTimeout(timers.get(name));
  try {
    localStorage.removeItem(cacheKey(name));
    const known = await load();
    delete known[name];
    await del(`/prefs/${name}`);
  } catch {
    /* nothing was kept */
  }
}

/* The rows of a page: where one is in the list, what is loaded, what is ticked. */
import { ApiError, get } from '@/core/api';
import { serverNow } from '@/core/clock';
import { errorText } from '@/core/errors';
import { remembered } from '@/core/storage';
import type { Descriptor, Page, Row } from '@/core/types';
import { computed, onScopeDispose, reactive, ref, shallowRef, type ShallowRef } from 'vue';
import { buildQuery, pageCount, shown, type ListState } from './query';
import { resolveRefs } from './refs';

const FLASH = 1800;
const SOON = 400;

export function useList(name: string, desc: ShallowRef<Descriptor | null>) {
  const state = remembered<ListState>(`zx.grid.${name}`, { q: '', filters: {}, sort: '', page: 1, size: 20 });
  const rows = shallowRef<Row[] | null>(null);
  const total = ref(0);
  const next = ref<string | null>(null);
  const loading = ref(false);
  const failure = ref('');
  const selected = reactive(new Map<unknown, Row>());
  const changed = reactive(new Set<unknown>());
  let running: AbortController | null = null;
  let later = 0;
  const key = computed(() => desc.value?.key ?? 'id');
  const span = computed(() => shown(state.value, total.value, rows.value?.length ?? 0));
  const pages = computed(() => pageCount(total.value, state.value.size));

  async function load(after: string | null = null): Promise<void> {
    if (!desc.value) return;
    running?.abort();
    const mine = (running = new AbortController());
    loading.value = true;
    try {
      const p = await get<Page>(`/${name}?${buildQuery(desc.value, state.value, serverNow(), after)}`, { signal: mine.signal });
      if (state.value.page > 1 && !p.rows.length && p.total) {
        state.value.page = pageCount(p.total, state.value.size);
        return void load();
      }
      rows.value = p.rows;
      total.value = p.total;
      next.value = p.next;
      failure.value = '';
      /* what was ticked is what it is now */
      for (const r of p.rows) if (selected.has(r[key.value])) selected.set(r[key.value], r);
      void resolveRefs(desc.value, p.rows).catch(() => {});
    } catch (e) {
      if (e instanceof ApiError && e.code === 'aborted') return;
      failure.value = errorText(e);
    } finally {
      if (running === mine) loading.value = false;
    }
  }
  function change(patch: Partial<ListState>): void {
    const forward = patch.page === state.value.page + 1 && Object.keys(patch).length === 1 ? next.value : null;
    if (patch.q !== undefined || patch.filters) selected.clear(); /* nothing is ticked that one cannot get to see */
    state.value = { ...state.value, page: 1, ...patch };
    void load(forward);
  }
  function select(list: Row[], on: boolean): void {
    for (const r of list) {
      if (on) selected.set(r[key.value], r);
      else selected.delete(r[key.value]);
    }
  }
  function mark(k: unknown): void {
    changed.add(k);
    setTimeout(() => changed.delete(k), FLASH);
  }
  const reloadSoon = (): void => {
    clearTimeout(later);
    later = window.setTimeout(() => void load(), SOON);
  };
  /* the conditions without the place in the list */
  function filter(): string {
    const p = new URLSearchParams(buildQuery(desc.value!, { ...state.value, page: 1 }, serverNow()));
    p.delete('size');
    return p.toString();
  }
  const whole = (row: Row): Promise<Row> => get<Row>(`/${name}/${row[key.value]}`);
  onScopeDispose(() => {
    running?.abort();
    clearTimeout(later);
  });
  return { state, rows, total, loading, failure, selected, changed, span, pages, load, change, select, mark, reloadSoon, filter, whole };
}

import { expect, test, vi } from 'vitest';
import { Drafts } from '@/core/drafts';
import { Hotkeys, label, type KeyLike } from '@/core/hotkeys';
import { Leader } from '@/core/leader';
import { randomSecret, strength } from '@/core/password';

class MemoryStorage implements Storage {
  map = new Map<string, string>();
  full = false;
  get length(): number {
    return this.map.size;
  }
  key = (i: number): string | null => [...this.map.keys()][i] ?? null;
  getItem = (k: string): string | null => this.map.get(k) ?? null;
  setItem(k: string, v: string): void {
    if (this.full) throw new Error('QuotaExceededError');
    this.map.set(k, v);
  }
  removeItem(k: string): void {
    this.map.delete(k);
  }
  clear(): void {
    this.map.clear();
  }
}

test('drafts: kept, dropped, forgotten after a week, silent when the store is full', () => {
  const store = new MemoryStorage();
  let now = 1000;
  const d = new Drafts(store, () => now);
  d.put('a', { text: '写了一半' });
  expect(d.get('a')).toEqual({ text: '写了一半' });
  d.drop('a');
  expect(d.get('a')).toBeUndefined();
  d.put('b', 1);
  store.setItem('other', 'x');
  store.setItem('zx.draft.bad', '{');
  now += 8 * 86_400_000;
  d.sweep();
  expect(store.getItem('zx.draft.b')).toBeNull();
  expect(store.getItem('other')).toBe('x');
  store.full = true;
  expect(() => d.put('c', 1)).not.toThrow();
});

const key = (code: string, o: Partial<KeyLike> = {}): KeyLike => ({ altKey: true, ctrlKey: false, metaKey: false, isComposing: false, keyCode: 0, code, preventDefault: () => {}, ...o });
test('chords: by place on the board, not with AltGr, not while composing', () => {
  const h = new Hotkeys();
  const run = vi.fn();
  const off = h.add({ code: 'KeyH', title: 'hold', run });
  expect(h.handle(key('KeyH'))).toBe(true);
  for (const o of [{ altKey: false }, { ctrlKey: true }, { metaKey: true }, { isComposing: true }, { keyCode: 229 }, { repeat: true }]) expect(h.handle(key('KeyH', o))).toBe(false);
  expect(h.handle(key('KeyX'))).toBe(false);
  expect(run).toHaveBeenCalledTimes(1);
  const second = vi.fn();
  const off2 = h.add({ code: 'KeyH', title: 'other', run: second });
  h.handle(key('KeyH'));
  expect(second).toHaveBeenCalledTimes(1);
  expect(h.list()).toEqual([{ keys: 'Alt+H', title: 'other' }]);
  off2();
  h.handle(key('KeyH'));
  expect(run).toHaveBeenCalledTimes(2);
  off();
  expect(h.list()).toEqual([]);
  expect(label('Digit3')).toBe('Alt+3');
});

test('without Web Locks one tab leads, and another takes over when it falls silent', () => {
  const store = new MemoryStorage();
  let now = 0;
  const beats: (() => void)[] = [];
  const tab = (id: string): Leader => new Leader({ store, now: () => now, id, every: (f) => (beats.push(f), () => void beats.splice(beats.indexOf(f), 1)) }, 'lead');
  const [a, b] = [tab('a'), tab('b')];
  a.start();
  b.start();
  expect([a.leading, b.leading]).toEqual([true, false]);
  now = 2000;
  beats.forEach((f) => f());
  expect([a.leading, b.leading]).toEqual([true, false]);
  beats.shift(); /* tab a is frozen */
  now = 9000;
  beats.forEach((f) => f());
  expect(b.leading).toBe(true);
  b.stop();
  expect(store.getItem('lead')).toBeNull();
});
test('with Web Locks the lock decides', async () => {
  const queue: (() => Promise<void>)[] = [];
  let held = false;
  const next = (): void => {
    const f = held ? undefined : queue.shift();
    if (!f) return;
    held = true;
    void f().then(() => {
      held = false;
      next();
    });
  };
  const locks = { request: async (_: string, cb: () => Promise<void>) => (queue.push(cb), next()) };
  const tab = (): Leader => new Leader({ locks, store: new MemoryStorage(), now: Date.now, id: '', every: () => () => {} }, 'l');
  const [a, b] = [tab(), tab()];
  a.start();
  b.start();
  expect([a.leading, b.leading]).toEqual([true, false]);
  a.stop();
  await new Promise((r) => setTimeout(r));
  expect([a.leading, b.leading]).toEqual([false, true]);
});

test('passwords', () => {
  expect(strength('short1A')).toBe(0);
  expect(strength('abcdefgh')).toBe(0);
  expect(strength('Abcdefg1')).toBeGreaterThan(0);
  expect(strength('aaaaaaaaaa')).toBe(1);
  expect(strength('Correct-Horse-Battery-9')).toBe(4);
  const s = new Set(Array.from({ length: 50 }, () => randomSecret(16)));
  expect(s.size).toBe(50);
  for (const x of s) expect(x).toMatch(/^[a-zA-Z2-9]{16}$/);
});

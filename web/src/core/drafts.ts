/*
 * Half-typed text is never lost: a draft per key in a Storage, written with every change, dropped on save. Drafts older
 * than a week are swept. Secrets never go in: the caller leaves them out.
 */
const PREFIX = 'zx.draft.';
const MAX_AGE = 7 * 86_400_000;

interface Stored<T> {
  at: number;
  v: T;
}

export class Drafts {
  constructor(
    private store: Storage,
    private now: () => number = Date.now,
  ) {}

  get<T>(key: string): T | undefined {
    try {
      const s = this.store.getItem(PREFIX + key);
      if (!s) return undefined;
      const d = JSON.parse(s) as Stored<T>;
      if (this.now() - d.at > MAX_AGE) {
        this.drop(key);
        return undefined;
      }
      return d.v;
    } catch {
      return undefined;
    }
  }

  put<T>(key: string, v: T): void {
    try {
      this.store.setItem(PREFIX + key, JSON.stringify({ at: this.now(), v } satisfies Stored<T>));
    } catch {
      /* full or switched off: the page still holds the text */
    }
  }

  drop(key: string): void {
    try {
      this.store.removeItem(PREFIX + key);
    } catch {
      /* switched off */
    }
  }

  /* at start */
  sweep(): void {
    const keys: string[] = [];
    for (let i = 0; i < this.store.length; i++) {
      const k = this.store.key(i);
      if (k?.startsWith(PREFIX)) keys.push(k.slice(PREFIX.length));
    }
    for (const k of keys) this.get(k);
  }
}

/*
 * Of all tabs of a user in this browser, one makes the sound and the desktop notification. Web Locks where the page is
 * secure; else a heartbeat in localStorage, taken over when it stops.
 */
const BEAT = 2000;
const DEAD = 5000;

export interface LeaderEnv {
  locks?: { request(name: string, cb: () => Promise<void>): Promise<unknown> };
  store: Storage;
  now(): number;
  id: string;
  every(fn: () => void, ms: number): () => void;
}

export class Leader {
  leading = false;
  private release: (() => void) | null = null;

  constructor(
    private env: LeaderEnv,
    private name: string,
  ) {}

  start(): void {
    if (this.release) return;
    if (this.env.locks) {
      let done: () => void = () => {};
      const held = new Promise<void>((r) => (done = r));
      this.release = () => done();
      void this.env.locks
        .request(this.name, () => {
          this.leading = this.release !== null;
          return held;
        })
        .catch(() => {});
      return;
    }
    const stop = this.env.every(() => this.beat(), BEAT);
    this.release = () => {
      stop();
      if (this.leading) this.env.store.removeItem(this.name);
    };
    this.beat();
  }

  stop(): void {
    this.release?.();
    this.release = null;
    this.leading = false;
  }

  private beat(): void {
    const [id, at] = (this.env.store.getItem(this.name) ?? '').split(' ');
    this.leading = id === this.env.id || !id || this.env.now() - Number(at) > DEAD;
    if (this.leading) this.env.store.setItem(this.name, `${this.env.id} ${this.env.now()}`);
  }
}

export function browserLeader(name: string): Leader {
  return new Leader(
    {
      locks: navigator.locks as LeaderEnv['locks'],
      store: localStorage,
      now: () => Date.now(),
      id: Math.random().toString(36).slice(2),
      every: (fn, ms) => {
        const h = setInterval(fn, ms);
        return () => clearInterval(h);
      },
    },
    name,
  );
}

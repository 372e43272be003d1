/*
 * Push over one WebSocket: numbered messages, replayed from the last number after a break, or "refetch" when the server
 * cannot. Knows nothing of Vue; the socket and the timers are given from outside so that tests can hold them.
 */
export interface PushMessage {
  t: string;
  seq?: number;
  ts?: number;
  epoch?: number | string;
  [key: string]: unknown;
}
export type PushState = 'connecting' | 'online' | 'offline';
type Handler = (m: PushMessage) => void;

export interface SocketLike {
  send(data: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((e: { data: unknown }) => void) | null;
  onclose: ((e: { code: number }) => void) | null;
}
export interface PushEnv {
  open(): SocketLike;
  now(): number;
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(h: unknown): void;
  random(): number;
}

const BACKOFF_MIN = 500;
const BACKOFF_MAX = 15_000;
const SILENCE_MIN = 45_000;
const OPEN_TIMEOUT = 10_000;

/* Full jitter: a server that comes back is not met by all browsers in the same instant. */
export function backoff(attempt: number, random: number): number {
  const top = Math.min(BACKOFF_MAX, BACKOFF_MIN * 2 ** Math.min(attempt, 10));
  return Math.round(top / 2 + (random * top) / 2);
}

export class Push {
  state: PushState = 'offline';
  lastSeq = 0;
  skew = 0; /* server clock minus ours, ms */
  retryAt = 0;
  private epoch: number | string | undefined;
  private attempt = 0;
  private socket: SocketLike | null = null;
  private retry: unknown;
  private watch: unknown;
  private lastPing = 0;
  private silence = 0;
  private wanted = false;
  private handlers = new Map<string, Set<Handler>>();

  constructor(private env: PushEnv) {}

  on(t: string, h: Handler): () => void {
    let set = this.handlers.get(t);
    if (!set) this.handlers.set(t, (set = new Set()));
    set.add(h);
    return () => set.delete(h);
  }

  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.connect();
  }

  stop(): void {
    this.wanted = false;
    this.env.clearTimeout(this.retry);
    this.drop();
    this.lastSeq = 0;
    this.epoch = undefined;
    this.attempt = 0;
    this.silence = 0;
    this.set('offline');
  }

  /* the user pressed "now", or the network came back */
  kick(): void {
    if (!this.wanted || this.state !== 'offline') return;
    this.env.clearTimeout(this.retry);
    this.connect();
  }

  private emit(t: string, m: PushMessage): void {
    for (const h of this.handlers.get(t) ?? []) {
      try {
        h(m);
      } catch (e) {
        console.error(`push handler of ${t}`, e);
      }
    }
  }

  private set(s: PushState): void {
    if (this.state === s) return;
    this.state = s;
    this.emit('@state', { t: '@state' });
  }

  private drop(): void {
    const s = this.socket;
    this.socket = null;
    this.env.clearTimeout(this.watch);
    if (!s) return;
    s.onopen = s.onmessage = s.onclose = null;
    s.close();
  }

  private connect(): void {
    this.drop();
    this.set('connecting');
    const s = this.env.open();
    this.socket = s;
    s.onopen = () => s.send(JSON.stringify({ t: 'hello', last: this.lastSeq, epoch: this.epoch }));
    s.onmessage = (e) => this.read(e.data);
    s.onclose = () => this.broken();
    this.listen(OPEN_TIMEOUT);
  }

  private broken(): void {
    this.drop();
    if (!this.wanted) return;
    const ms = backoff(this.attempt++, this.env.random());
    this.retryAt = this.env.now() + ms;
    this.retry = this.env.setTimeout(() => this.connect(), ms);
    this.set('offline');
  }

  /* A half-dead connection says nothing: give up on it after three of its own ping intervals. */
  private listen(ms: number): void {
    this.env.clearTimeout(this.watch);
    if (ms > 0) this.watch = this.env.setTimeout(() => this.broken(), ms);
  }

  private read(data: unknown): void {
    let m: PushMessage;
    try {
      m = JSON.parse(String(data));
    } catch {
      return;
    }
    if (!m || typeof m.t !== 'string') return;
    if (typeof m.ts === 'number') this.skew = m.ts - this.env.now();
    if (m.t === 'ping') this.ping();
    this.listen(this.silence);
    if (m.t === 'hello') return this.hello(m);
    if (m.t === 'ping') return;
    if (m.t === 'resync') {
      if (typeof m.seq === 'number') this.lastSeq = m.seq;
      return this.emit('resync', m);
    }
    if (typeof m.seq === 'number' && m.seq > 0) {
      if (m.seq <= this.lastSeq) return; /* seen before the break */
      this.lastSeq = m.seq;
    }
    this.emit(m.t, m);
    this.emit('*', m);
  }

  private ping(): void {
    this.socket?.send('{"t":"pong"}');
    const now = this.env.now();
    if (this.lastPing) this.silence = Math.max(SILENCE_MIN, 3 * Math.min(now - this.lastPing, 60_000));
    this.lastPing = now;
  }

  private hello(m: PushMessage): void {
    const restarted = this.epoch !== undefined && m.epoch !== undefined && m.epoch !== this.epoch;
    this.attempt = 0;
    this.lastPing = 0;
    if (m.epoch !== undefined) this.epoch = m.epoch;
    /* A first hello has nothing to replay: start from the server's number. A restarted server counts anew. */
    if ((restarted || this.lastSeq === 0) && typeof m.seq === 'number') this.lastSeq = m.seq;
    this.set('online');
    if (restarted) this.emit('resync', m);
  }
}

/* The browser's own: same origin, same scheme. */
export function browserEnv(): PushEnv {
  return {
    open: () => new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`) as unknown as SocketLike,
    now: () => Date.now(),
    setTimeout: (fn, ms) => window.setTimeout(fn, ms),
    clearTimeout: (h) => window.clearTimeout(h as number),
    random: () => Math.random(),
  };
}

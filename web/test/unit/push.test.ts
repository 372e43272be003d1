import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { backoff, Push, type PushMessage, type SocketLike } from '@/core/push';

class FakeSocket implements SocketLike {
  sent: string[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  send(d: string): void {
    this.sent.push(d);
  }
  close(): void {
    this.closed = true;
  }
  say(m: unknown): void {
    this.onmessage?.({ data: typeof m === 'string' ? m : JSON.stringify(m) });
  }
  break(): void {
    this.onclose?.({ code: 1006 });
  }
}

let sockets: FakeSocket[];
let push: Push;
let seen: PushMessage[];
const last = (): FakeSocket => sockets[sockets.length - 1];

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  seen = [];
  push = new Push({
    open: () => {
      const s = new FakeSocket();
      sockets.push(s);
      return s;
    },
    now: () => Date.now(),
    setTimeout: (f, ms) => setTimeout(f, ms),
    clearTimeout: (h) => clearTimeout(h as never),
    random: () => 1,
  });
  push.on('*', (m) => seen.push(m));
  push.on('resync', (m) => seen.push(m));
  push.start();
  last().onopen?.();
});
afterEach(() => {
  push.stop();
  vi.useRealTimers();
});
const greet = (seq: number, epoch: number | string = 1): void => last().say({ t: 'hello', seq, epoch, ts: Date.now() });

test('greets with its last number and takes the first hello as its start', () => {
  expect(JSON.parse(last().sent[0])).toMatchObject({ t: 'hello', last: 0 });
  greet(41);
  expect(push.state).toBe('online');
  expect(push.lastSeq).toBe(41);
  last().say({ t: 'ext.reg', seq: 42 });
  expect(seen.map((m) => m.seq)).toEqual([42]);
});
test('after a break: backs off, asks for what it missed, ignores what it saw', () => {
  greet(10);
  last().say({ t: 'a', seq: 11 });
  last().break();
  expect(push.state).toBe('offline');
  expect(sockets.length).toBe(1);
  vi.advanceTimersByTime(500);
  expect(sockets.length).toBe(2);
  last().onopen?.();
  expect(JSON.parse(last().sent[0])).toMatchObject({ last: 11, epoch: 1 });
  greet(13);
  for (const seq of [11, 12, 13]) last().say({ t: 'a', seq });
  expect(seen.map((m) => m.seq)).toEqual([11, 12, 13]);
});
test('a server that began anew is met with a refetch, and its numbers count', () => {
  greet(900, 'x');
  last().break();
  vi.advanceTimersByTime(500);
  last().onopen?.();
  greet(3, 'y');
  expect(seen.map((m) => m.t)).toEqual(['hello']); /* handed to the resync handlers */
  last().say({ t: 'a', seq: 4 });
  expect(seen.at(-1)).toMatchObject({ t: 'a', seq: 4 });
});
test('resync from the server moves the number on', () => {
  greet(5);
  last().say({ t: 'resync', seq: 50 });
  expect(push.lastSeq).toBe(50);
  expect(seen.at(-1)!.t).toBe('resync');
});
test('answers pings, and leaves a connection that has gone quiet', () => {
  greet(1);
  last().say({ t: 'ping' });
  expect(last().sent.at(-1)).toBe('{"t":"pong"}');
  vi.advanceTimersByTime(20_000);
  last().say({ t: 'ping' });
  vi.advanceTimersByTime(59_000);
  expect(sockets.length).toBe(1);
  vi.advanceTimersByTime(2_000);
  expect(push.state).not.toBe('online');
});
test('a connection that never opens is given up', () => {
  vi.advanceTimersByTime(10_500);
  expect(sockets.length).toBe(2);
  expect(sockets[0].closed).toBe(true);
});
test('rubbish and a throwing handler harm nobody', () => {
  const error = vi.spyOn(console, 'error').mockImplementation(() => {});
  push.on('a', () => {
    throw new Error('mine');
  });
  greet(1);
  last().say('{');
  last().say('null');
  last().say({ t: 'a', seq: 2 });
  expect(seen.map((m) => m.seq)).toEqual([2]);
  expect(error).toHaveBeenCalled();
});
test('stop is stop', () => {
  greet(1);
  push.stop();
  vi.advanceTimersByTime(60_000);
  expect(sockets.length).toBe(1);
  expect(push.lastSeq).toBe(0);
});
test('waits longer each time, never beyond 15 s, never all at once', () => {
  expect(backoff(0, 1)).toBe(500);
  expect(backoff(0, 0)).toBe(250);
  expect(backoff(4, 1)).toBe(8000);
  expect(backoff(50, 1)).toBe(15_000);
});

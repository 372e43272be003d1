/* Times are shown in the server's zone, whatever the browser's: a call at 09:00 is at 09:00 on every screen. */
import type { Lang } from './types';

let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
let parts: Intl.DateTimeFormat;

export function setZone(tz: string): void {
  zone = tz;
  try {
    parts = make(tz);
  } catch {
    zone = 'UTC';
    parts = make(zone);
  }
}
function make(tz: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone: tz,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
}
setZone(zone);

/* A wall clock reading, months from 1. */
export interface Wall {
  y: number;
  m: number;
  d: number;
  h: number;
  mi: number;
  s: number;
}

export function wall(ms: number): Wall {
  const v: Record<string, number> = {};
  for (const p of parts.formatToParts(ms)) if (p.type !== 'literal') v[p.type] = Number(p.value);
  return { y: v.year, m: v.month, d: v.day, h: v.hour, mi: v.minute, s: v.second };
}

/* The instant at which the server's wall clock reads this. Two steps settle the days on which the clock changes. */
export function epoch(w: Wall): number {
  const naive = Date.UTC(w.y, w.m - 1, w.d, w.h, w.mi, w.s);
  let t = naive;
  for (let i = 0; i < 2; i++) {
    const r = wall(t);
    t += naive - Date.UTC(r.y, r.m - 1, r.d, r.h, r.mi, r.s);
  }
  return t;
}

const p2 = (n: number): string => String(n).padStart(2, '0');

export function dateTime(ms: number | null | undefined): string {
  if (!ms) return '';
  const w = wall(ms);
  return `${w.y}-${p2(w.m)}-${p2(w.d)} ${p2(w.h)}:${p2(w.mi)}:${p2(w.s)}`;
}
export function date(ms: number | null | undefined): string {
  return dateTime(ms).slice(0, 10);
}
export function clock(ms: number | null | undefined): string {
  return dateTime(ms).slice(11);
}

/* 00:01:09, as in call lists: rounded down, hours may pass 99 */
export function duration(ms: number | null | undefined): string {
  const s = Math.max(0, Math.floor((ms ?? 0) / 1000));
  return `${p2(Math.floor(s / 3600))}:${p2(Math.floor(s / 60) % 60)}:${p2(s % 60)}`;
}
/* 1:09, for small places */
export function short(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const h = Math.floor(s / 3600);
  return h ? `${h}:${p2(Math.floor(s / 60) % 60)}:${p2(s % 60)}` : `${Math.floor(s / 60)}:${p2(s % 60)}`;
}

export function latency(us: unknown): string {
  if (typeof us !== 'number' || us < 0) return '';
  return us < 10_000 ? `${(us / 1000).toFixed(1)} ms` : `${Math.round(us / 1000)} ms`;
}

/* Today: the time; this year: month and day; else the date. For histories. */
export function brief(ms: number, now: number, lang: Lang): string {
  const a = wall(ms);
  const b = wall(now);
  if (a.y === b.y && a.m === b.m && a.d === b.d) return `${p2(a.h)}:${p2(a.mi)}`;
  const y = wall(now - 86_400_000);
  if (a.y === y.y && a.m === y.m && a.d === y.d) return `${lang === 'en' ? 'yesterday' : '昨天'} ${p2(a.h)}:${p2(a.mi)}`;
  return a.y === b.y ? `${p2(a.m)}-${p2(a.d)} ${p2(a.h)}:${p2(a.mi)}` : `${a.y}-${p2(a.m)}-${p2(a.d)}`;
}

export type RangeName = 'today' | 'yesterday' | 'week' | 'month';
/* From the first to the last millisecond, both included. Weeks start on Monday. */
export function range(name: RangeName, now: number): [number, number] {
  const w = wall(now);
  const day = (d: number): number => {
    const n = new Date(Date.UTC(w.y, w.m - 1, d));
    return epoch({ y: n.getUTCFullYear(), m: n.getUTCMonth() + 1, d: n.getUTCDate(), h: 0, mi: 0, s: 0 });
  };
  const weekday = (new Date(Date.UTC(w.y, w.m - 1, w.d)).getUTCDay() + 6) % 7;
  const first = { today: w.d, yesterday: w.d - 1, week: w.d - weekday, month: 1 }[name];
  const end = { today: w.d + 1, yesterday: w.d, week: w.d - weekday + 7, month: 0 }[name];
  if (name !== 'month') return [day(first), day(end) - 1];
  const next = w.m === 12 ? { y: w.y + 1, m: 1 } : { y: w.y, m: w.m + 1 };
  return [day(1), epoch({ ...next, d: 1, h: 0, mi: 0, s: 0 }) - 1];
}

/* The date picker thinks in the browser's zone: a Date whose local reading equals the server's wall clock. */
export function toPicker(ms: number): Date {
  const w = wall(ms);
  return new Date(w.y, w.m - 1, w.d, w.h, w.mi, w.s);
}
export function fromPicker(d: Date): number {
  return epoch({ y: d.getFullYear(), m: d.getMonth() + 1, d: d.getDate(), h: d.getHours(), mi: d.getMinutes(), s: d.getSeconds() });
}

/* CSV for Excel: BOM, CRLF, formulas defused, long numbers kept as text. */
export function csv(rows: string[][]): string {
  const cell = (v: string): string => {
    const safe = /^[=+\-@\t\r]/.test(v) ? `'${v}` : v;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return '\ufeff' + rows.map((r) => r.map(cell).join(',')).join('\r\n') + '\r\n';
}

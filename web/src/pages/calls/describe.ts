/* A call's path and quality in plain words; pure. */
export interface TimelineEvent {
  t: number;
  e: string;
  d?: string;
}
export interface LegQuality {
  leg: string;
  num?: string;
  codec?: string;
  rx?: number;
  tx?: number;
  loss?: number; /* % */
  jitter?: number; /* ms */
  rtt?: number; /* ms, < 0 unknown */
  mos?: number;
}

/* The wire has a list; an object by side is understood too. */
export function legs(q: unknown): LegQuality[] {
  if (Array.isArray(q)) return q.filter((l): l is LegQuality => !!l && typeof l === 'object');
  if (!q || typeof q !== 'object') return [];
  return Object.entries(q).flatMap(([leg, v]) => (v && typeof v === 'object' ? [{ ...(v as LegQuality), leg }] : []));
}
export function events(t: unknown): TimelineEvent[] {
  return Array.isArray(t) ? t.filter((e): e is TimelineEvent => !!e && typeof e.t === 'number' && typeof e.e === 'string') : [];
}

/* MOS as words: 4 good, 3 fair, 2 poor, 1 bad, 0 unknown (ITU-T G.107 Annex B) */
export function grade(mos: number | undefined): 0 | 1 | 2 | 3 | 4 {
  if (!mos || mos <= 0) return 0;
  if (mos >= 4) return 4;
  if (mos >= 3.6) return 3;
  return mos >= 3.1 ? 2 : 1;
}
export const gradeTone = (g: number): string => ['', 'danger', 'warning', 'primary', 'success'][g];

/* older and newer names of the same */
const ALIAS: Record<string, string> = { ringing: 'ring', answered: 'answer', held: 'hold', resumed: 'resume', noanswer: 'no-answer', notfound: 'not-found', ended: 'end' };
export const canonical = (e: string): string => ALIAS[e] ?? e;

const BAD = ['no-answer', 'busy', 'rejected', 'refused', 'cancelled', 'unreachable', 'not-found', 'failed', 'interrupted'];
export function eventTone(name: string): string {
  const e = canonical(name);
  if (e === 'answer' || e === 'pick-up' || e === 'resume') return 'success';
  if (e === 'hold' || e === 'ring' || e === 'early') return 'warning';
  return BAD.includes(e) || /failed|problem|lost|^no-|bad-/.test(e) ? 'danger' : 'primary';
}

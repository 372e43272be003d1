/* A descriptor's fields as rules of a form: pure, so that they can be tested without a page. */
import type { Descriptor, Field, Place, Row } from '@/core/types';

export interface Problem {
  code: string;
  [k: string]: unknown;
}

export const fieldsIn = (d: Descriptor, place: Place): Field[] => d.fields.filter((f) => (f.in ?? []).includes(place));

/* The one company one works in need not be chosen. */
export const singleOption = (f: Field, options: unknown[]): boolean => f.type === 'ref' && options.length === 1;

const isIp4 = (s: string): boolean => /^(\d{1,3})(\.\d{1,3}){3}$/.test(s) && s.split('.').every((p) => Number(p) < 256);
const isIp6 = (s: string): boolean => {
  if (!/^[0-9a-f:.]+$/i.test(s) || !s.includes(':')) return false;
  try {
    new URL(`http://[${s}]/`);
    return true;
  } catch {
    return false;
  }
};
export function validCidr(s: string): boolean {
  const [ip, len, more] = s.split('/');
  if (more !== undefined || (len !== undefined && !/^\d{1,3}$/.test(len))) return false;
  if (isIp4(ip)) return len === undefined || Number(len) <= 32;
  return isIp6(ip) && (len === undefined || Number(len) <= 128);
}

const digitRange = /^\^\[0-9\]\{(\d+),(\d+)\}\$$/;

/* null when good. fresh: a new row, where required secrets are asked for unless the server makes them. */
export function check(f: Field, value: unknown, fresh: boolean): Problem | null {
  const s = value === null || value === undefined ? '' : String(value).trim();
  if (s === '') {
    const optional = !f.required || (f.type === 'secret' && (!fresh || f.generate));
    return optional ? null : { code: 'required' };
  }
  if (f.type === 'int' || f.type === 'number') {
    const n = Number(s);
    if (!Number.isFinite(n) || (f.type === 'int' && !Number.isInteger(n))) return { code: 'pattern' };
    if (f.min !== undefined && f.max !== undefined && (n < f.min || n > f.max)) return { code: 'between', min: f.min, max: f.max };
    if (f.min !== undefined && n < f.min) return { code: 'atLeast', min: f.min };
    if (f.max !== undefined && n > f.max) return { code: 'atMost', max: f.max };
    return null;
  }
  if (f.pattern && !new RegExp(f.pattern).test(s)) {
    const m = digitRange.exec(f.pattern);
    return m ? { code: 'digitsRange', min: m[1], max: m[2] } : { code: f.type === 'digits' ? 'digits' : 'pattern' };
  }
  if (f.type === 'digits' && !/^[0-9]+$/.test(s)) return { code: 'digits' };
  if (f.type === 'cidr' && !validCidr(s)) return { code: 'cidr' };
  if (f.minLen !== undefined && s.length < f.minLen) return { code: 'minLen', n: f.minLen };
  if (f.maxLen !== undefined && s.length > f.maxLen) return { code: 'maxLen', n: f.maxLen };
  return null;
}

export function checkAll(fields: Field[], values: Row, fresh: boolean): Record<string, Problem> {
  const out: Record<string, Problem> = {};
  for (const f of fields) {
    const p = check(f, values[f.key], fresh);
    if (p) out[f.key] = p;
  }
  return out;
}

export function initial(f: Field): unknown {
  if (f.default !== undefined) return f.default;
  return f.type === 'bool' ? false : '';
}
/* What the form begins with: a row to edit, or nothing. */
export function start(fields: Field[], row?: Row): Row {
  const out: Row = {};
  for (const f of fields) out[f.key] = row && !f.writeOnly ? (row[f.key] ?? initial(f)) : initial(f);
  return out;
}
/* What goes to the server: trimmed, numbers as numbers, an untouched secret left out. */
export function payload(fields: Field[], values: Row): Row {
  const out: Row = {};
  for (const f of fields) {
    if (f.readOnly) continue;
    let v = values[f.key];
    if (typeof v === 'string' && f.type !== 'textarea') v = v.trim();
    if ((f.type === 'secret' || f.type === 'ref' || f.writeOnly) && v === '') continue;
    if ((f.type === 'int' || f.type === 'number') && v !== '' && v !== null) v = Number(v);
    out[f.key] = v;
  }
  return out;
}

export interface Merge {
  merged: Row; /* theirs where only they changed, mine where only I did */
  both: string[]; /* changed by both, differently */
  theirs: string[]; /* changed by them alone */
}
/* Three-way: what I opened, what I made of it, what is there now. */
export function merge(fields: Field[], base: Row, mine: Row, current: Row): Merge {
  const out: Merge = { merged: { ...mine }, both: [], theirs: [] };
  const same = (a: unknown, b: unknown): boolean => String(a ?? '') === String(b ?? '');
  for (const f of fields) {
    if (f.writeOnly || f.readOnly) continue;
    const [b, m, c] = [base[f.key], mine[f.key], current[f.key]];
    if (same(b, c) || same(m, c)) continue;
    if (same(b, m)) {
      out.merged[f.key] = c;
      out.theirs.push(f.key);
    } else out.both.push(f.key);
  }
  return out;
}

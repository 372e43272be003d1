/* A descriptor's fields as rules of a form: pure, so that they can be tested without a page. */
import type { App, Choice, Descriptor, Field, Place, Row } from '@/core/types';

export interface Problem {
  code: string;
  [k: string]: unknown;
}

export const fieldsIn = (d: Descriptor, place: Place): Field[] => d.fields.filter((f) => (f.in ?? []).includes(place));
export const labelKey = (f: Field): string => `${f.key}_label`;
/* Everything of a row that belongs to a field: a target has a parameter, a reference its words. */
export const keysOf = (f: Field): string[] => [f.key, ...(f.type === 'target' && f.param ? [f.param] : []), ...(f.type === 'ref' || f.type === 'target' ? [labelKey(f)] : [])];
export const appOf = (f: Field, app: unknown): App | undefined => f.apps?.find((a) => a.app === app);

/* The one company one works in need not be chosen. */
export const singleOption = (f: Field, options: unknown[]): boolean => f.type === 'ref' && options.length === 1;

/* 更改多项: what may be the same in many rows */
export const forMany = (f: Field): boolean =>
  ['bool', 'enum', 'radio', 'ref', 'duration', 'int'].includes(f.type) && !f.unique && !f.readOnly && !f.createOnly && !f.writeOnly && (f.in ?? []).includes('form');

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
export function validDate(s: string): boolean {
  const m = /^(\d{4})-(\d\d)-(\d\d)$/.exec(s);
  if (!m) return false;
  const d = new Date(Date.UTC(Number(m[1]), Number(m[2]) - 1, Number(m[3])));
  return d.getUTCMonth() === Number(m[2]) - 1 && d.getUTCDate() === Number(m[3]);
}
/* "9", "930", "9:3", "09：30" as 09:30; null when it is no time */
export function asTime(s: string): string | null {
  const t = s.trim().replace('：', ':');
  const m = /^(\d{1,2}):(\d{1,2})$/.exec(t) ?? /^(\d{1,2})()$/.exec(t) ?? /^(\d{1,2})(\d\d)$/.exec(t);
  if (!m) return null;
  const [h, mi] = [Number(m[1]), Number(m[2] || 0)];
  return h < 24 && mi < 60 ? `${String(h).padStart(2, '0')}:${String(mi).padStart(2, '0')}` : null;
}

const digitRange = /^\^\[0-9\]\{(\d+),(\d+)\}\$$/;
const blank = (v: unknown): boolean => v === null || v === undefined || String(v).trim() === '';
/* a duration's limits may come as those of a number or of a text */
export const limits = (f: Field): { min?: number; max?: number } => ({ min: f.min ?? (f.type === 'duration' ? f.minLen : undefined), max: f.max ?? (f.type === 'duration' ? f.maxLen : undefined) });

function checkNumber(f: Field, s: string): Problem | null {
  const n = Number(s);
  if (!Number.isFinite(n) || (f.type !== 'number' && !Number.isInteger(n))) return { code: f.type === 'duration' ? 'duration' : 'pattern' };
  const { min, max } = limits(f);
  const k = f.type === 'duration' ? 1000 : 1;
  const unit = f.type === 'duration' ? 'Seconds' : '';
  if (min !== undefined && max !== undefined && (n < min || n > max)) return { code: `between${unit}`, min: min / k, max: max / k };
  if (min !== undefined && n < min) return { code: `atLeast${unit}`, min: min / k };
  if (max !== undefined && n > max) return { code: `atMost${unit}`, max: max / k };
  return null;
}
function checkTarget(f: Field, row: Row): Problem | null {
  const app = String(row[f.key] ?? '');
  if (!app) return f.required ? { code: 'required' } : null;
  const a = appOf(f, app);
  const param = String(row[f.param ?? ''] ?? '').trim();
  if (a && (a.resource || a.text) && !param) return { code: a.text ? 'targetNumber' : 'targetRow' };
  if (a?.text && !/^[+]?[0-9*#]{1,32}$/.test(param)) return { code: 'phone' };
  return null;
}

/* null when good. fresh: a new row, where required secrets are asked for unless the server makes them. row: for a target's parameter. */
export function check(f: Field, value: unknown, fresh: boolean, row: Row = {}): Problem | null {
  if (f.type === 'target') return checkTarget(f, { ...row, [f.key]: value });
  if (f.type === 'list') return f.required && !(value as unknown[] | undefined)?.length ? { code: 'requiredList' } : null;
  if (f.type === 'bool') return null;
  const s = blank(value) ? '' : String(value).trim();
  if (s === '') {
    const optional = !f.required || (f.type === 'secret' && (!fresh || f.generate));
    return optional ? null : { code: 'required' };
  }
  if (f.type === 'int' || f.type === 'number' || f.type === 'duration') return checkNumber(f, s);
  if (f.type === 'time') return asTime(s) ? null : { code: 'time' };
  if (f.type === 'date') return validDate(s) ? null : { code: 'date' };
  if (f.pattern && !new RegExp(f.pattern).test(s)) {
    const m = digitRange.exec(f.pattern);
    return m ? { code: 'digitsRange', min: m[1], max: m[2] } : { code: f.type === 'digits' ? 'digits' : 'pattern' };
  }
  if (f.type === 'digits' && !/^[0-9]+$/.test(s)) return { code: 'digits' };
  if (f.type === 'cidr' && !validCidr(s)) return { code: 'cidr' };
  const long = [...s].length;
  if (f.minLen !== undefined && long < f.minLen) return { code: 'minLen', n: f.minLen };
  if (f.maxLen !== undefined && long > f.maxLen) return { code: 'maxLen', n: f.maxLen };
  return null;
}

/* Which cells of a list are wrong: "2.app" and so on. A key that stands twice is wrong where it stands again. */
export function checkItems(f: Field, value: unknown): Record<string, Problem> {
  const out: Record<string, Problem> = {};
  if (f.type !== 'list' || f.single || !Array.isArray(value)) return out;
  const seen = new Set<string>();
  (value as Row[]).forEach((item, i) => {
    for (const c of f.items ?? []) {
      const p = check(c, item[c.key], true, item);
      if (p) out[`${i}.${c.key}`] = p;
    }
    const from = f.items?.find((c) => c.key.endsWith('_from') && c.type === 'date');
    const to = f.items?.find((c) => c.key.endsWith('_to') && c.type === 'date');
    if (from && to && String(item[to.key] ?? '') && String(item[to.key]) < String(item[from.key])) out[`${i}.${to.key}`] ??= { code: 'before' };
    const k = keyColumn(f);
    if (!k || blank(item[k.key])) return;
    const v = String(item[k.key]);
    if (seen.has(v)) out[`${i}.${k.key}`] ??= { code: 'twice' };
    seen.add(v);
  });
  return out;
}
/* The column that says which row it is, once each: an IVR's key. */
export const keyColumn = (f: Field): Field | undefined => f.items?.find((c) => c.unique || c.key === 'key');
const PAD = '123456789*0#';
/* Are the rows of this list keys of a phone? */
export function keypadOf(f: Field): Field | undefined {
  const k = keyColumn(f);
  if (!k) return undefined;
  if (k.options) return k.options.every((o) => PAD.includes(String(o.v)) && String(o.v).length === 1) ? k : undefined;
  return k.maxLen === 1 && k.key === 'key' ? k : undefined;
}

export function checkAll(fields: Field[], values: Row, fresh: boolean): Record<string, Problem> {
  const out: Record<string, Problem> = {};
  for (const f of fields) {
    const p = check(f, values[f.key], fresh, values);
    if (p) out[f.key] = p;
    for (const [at, q] of Object.entries(checkItems(f, values[f.key]))) out[`${f.key}.${at}`] = q;
  }
  return out;
}

export function initial(f: Field): unknown {
  const def = f.def ?? f.default;
  if (def !== undefined && def !== null) return f.type === 'list' ? choices(def) : def;
  if (f.type === 'list') return [];
  return f.type === 'bool' ? false : '';
}
/* members of a list as the server has them, or bare ids */
export const choices = (v: unknown): unknown[] =>
  Array.isArray(v) ? v.map((x) => (typeof x === 'object' && x !== null ? { ...(x as Row) } : { v: x as number, label: String(x) })) : [];

/* What the form begins with: a row to edit, or nothing. */
export function start(fields: Field[], row?: Row): Row {
  const out: Row = {};
  for (const f of fields) {
    const has = row && !f.writeOnly;
    out[f.key] = has ? (f.type === 'list' ? choices(row[f.key]) : (row[f.key] ?? (f.type === 'bool' ? false : ''))) : initial(f);
    for (const k of keysOf(f).slice(1)) out[k] = has ? (row[k] ?? '') : '';
  }
  return out;
}
/* A copy is a new row with everything but what may be there only once. */
export function copyOf(fields: Field[], row: Row): Row {
  const out = start(fields, row);
  for (const f of fields) if (f.unique || f.type === 'secret' || f.writeOnly || f.type === 'upload') out[f.key] = initial(f);
  return out;
}

function one(f: Field, v: unknown): unknown {
  if (typeof v === 'string' && f.type !== 'textarea') v = v.trim();
  if (f.type === 'time') return asTime(String(v ?? '')) ?? '';
  if (['int', 'number', 'duration'].includes(f.type)) return v === '' || v === null || v === undefined ? null : Number(v);
  if (f.type === 'ref') return v === '' || v === undefined ? null : v;
  if (f.type === 'date' || f.type === 'enum') return v ?? '';
  return v;
}
function item(f: Field, v: unknown): unknown {
  if (f.single) return (v as Choice).v;
  const row = v as Row;
  const out: Row = {};
  for (const c of f.items ?? []) {
    out[c.key] = one(c, row[c.key]);
    if (c.type === 'target' && c.param) out[c.param] = param(c, row);
  }
  return out;
}
/* kept from a target chosen before, a parameter of another application is none */
function param(f: Field, row: Row): string {
  const a = appOf(f, row[f.key]);
  return a && !a.resource && !a.text ? '' : String(row[f.param ?? ''] ?? '').trim();
}
/* What goes to the server: trimmed, numbers as numbers, an untouched secret left out. */
export function payload(fields: Field[], values: Row, fresh = true): Row {
  const out: Row = {};
  for (const f of fields) {
    if (f.readOnly || f.type === 'upload') continue;
    const v = values[f.key];
    if (f.type === 'list') {
      out[f.key] = ((v as unknown[]) ?? []).map((x) => item(f, x));
      continue;
    }
    if ((f.type === 'secret' || f.writeOnly) && (v === '' || v === undefined)) continue;
    const s = one(f, v);
    const def = f.def ?? f.default;
    if (s === null && fresh && (f.type === 'ref' || def === undefined)) continue; /* the server's own default */
    out[f.key] = s === null && f.type !== 'ref' && def !== undefined ? def : s;
    if (f.type === 'target' && f.param) out[f.param] = param(f, values);
  }
  return out;
}

export interface Merge {
  merged: Row; /* theirs where only they changed, mine where only I did */
  both: string[]; /* changed by both, differently */
  theirs: string[]; /* changed by them alone */
}
/* A field's value in one text, to see whether it changed. */
export function print(f: Field, row: Row): string {
  const v = payload([{ ...f, readOnly: false }], start([f], row), false);
  return Object.keys(v).length ? JSON.stringify(v) : String(row[f.key] ?? '');
}
export const carry = (f: Field, from: Row): Row => Object.fromEntries(keysOf(f).map((k) => [k, from[k]]));
/* Three-way: what I opened, what I made of it, what is there now. */
export function merge(fields: Field[], base: Row, mine: Row, current: Row): Merge {
  const out: Merge = { merged: { ...mine }, both: [], theirs: [] };
  for (const f of fields) {
    if (f.writeOnly || f.readOnly || f.type === 'upload') continue;
    const [b, m, c] = [print(f, base), print(f, mine), print(f, current)];
    if (b === c || m === c) continue;
    if (b === m) {
      Object.assign(out.merged, start([f], current));
      out.theirs.push(f.key);
    } else out.both.push(f.key);
  }
  return out;
}

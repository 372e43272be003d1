export interface QuickUser {
  login: string;
  name: string;
  extension: string;
  extension_id: number;
  password: string;
  secret: string;
}
export interface QuickResult {
  company_id: number;
  company: string;
  department: string;
  queue: { id: number; name: string; number: string };
  users: QuickUser[];
  version: number;
}
export interface QuickForm {
  company: string;
  area_code: string;
  department: string;
  agents: string;
  first: string;
  queue: string;
  queue_number: string;
}
export const AGENTS_MAX = 200;

/* What the server would refuse, said while typing: codes of ../../locales field.* */
export function checkQuick(f: QuickForm): Partial<Record<keyof QuickForm, string>> {
  const out: Partial<Record<keyof QuickForm, string>> = {};
  const n = Number(f.agents);
  if (!f.company.trim()) out.company = 'required';
  if (f.area_code && !/^0\d{2,3}$/.test(f.area_code)) out.area_code = 'pattern';
  if (!/^\d+$/.test(f.agents) || n < 1 || n > AGENTS_MAX) out.agents = 'range';
  if (!/^\d{3,8}$/.test(f.first)) out.first = f.first ? 'pattern' : 'required';
  if (!/^\d{3,8}$/.test(f.queue_number)) out.queue_number = f.queue_number ? 'pattern' : 'required';
  if (!out.first && !out.agents) {
    const first = Number(f.first);
    if (first + n > 10 ** f.first.length) out.agents = 'range';
    const queue = Number(f.queue_number);
    if (!out.queue_number && f.queue_number.length === f.first.length && queue >= first && queue < first + n) out.queue_number = 'unique';
  }
  return out;
}
export const lastNumber = (f: QuickForm): string => String(Number(f.first) + Number(f.agents) - 1).padStart(f.first.length, '0');

export type StepId = 'begin' | 'passwords' | 'phone' | 'call' | 'more';
export const ORDER: StepId[] = ['begin', 'passwords', 'phone', 'call', 'more'];
/* Where one who comes back goes on. */
export function resume(done: (id: string) => boolean, quick: boolean): StepId {
  if (quick) return 'begin';
  if (!done('phone')) return 'phone';
  return done('call') ? 'more' : 'call';
}

/* Is this a range of numbers that can be made at once? */
export const MAX_BATCH = 5000;

export interface BatchProblem {
  at: 'from' | 'to';
  text: string;
  args?: Record<string, unknown>;
}
export function batchProblem(from: string, to: string, pattern = '^[0-9]{3,8}$'): BatchProblem | null {
  const re = new RegExp(pattern);
  const m = /\{(\d+),(\d+)\}/.exec(pattern);
  const args = { min: m?.[1] ?? 3, max: m?.[2] ?? 8 };
  if (!re.test(from)) return { at: 'from', text: 'field.digitsRange', args };
  if (!re.test(to)) return { at: 'to', text: 'field.digitsRange', args };
  if (from.length !== to.length) return { at: 'to', text: 'batch.lengths' };
  if (Number(to) < Number(from)) return { at: 'to', text: 'batch.order' };
  if (Number(to) - Number(from) + 1 > MAX_BATCH) return { at: 'to', text: 'batch.tooMany', args: { n: MAX_BATCH } };
  return null;
}

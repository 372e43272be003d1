/* Values of the log: objects, or texts of them. */
export function parse(v: unknown): Record<string, unknown> | null {
  let o = v;
  if (typeof v === 'string') {
    if (!v) return null;
    try {
      o = JSON.parse(v);
    } catch {
      return null;
    }
  }
  return o && typeof o === 'object' && !Array.isArray(o) ? (o as Record<string, unknown>) : null;
}
const NOISE = new Set(['rev']);
/* What differs, or everything; labels go with their keys. */
export function changedKeys(before: Record<string, unknown> | null, after: Record<string, unknown> | null, all: boolean): string[] {
  const keys = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...keys].filter((k) => {
    if (NOISE.has(k) || (k.endsWith('_label') && keys.has(k.slice(0, -6)))) return false;
    if (all || !before || !after) return true;
    return JSON.stringify(before[k]) !== JSON.stringify(after[k]);
  });
}

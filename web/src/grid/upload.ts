/* Files that go up. */
/* ".wav,audio/*": is this one of them? */
export function accepted(file: { name: string; type: string }, accept: string | undefined): boolean {
  if (!accept) return true;
  return accept.split(',').some((a) => {
    const w = a.trim().toLowerCase();
    if (w.startsWith('.')) return file.name.toLowerCase().endsWith(w);
    if (w.endsWith('/*')) return file.type.startsWith(w.slice(0, -1));
    return w !== '' && file.type === w;
  });
}
export function fileSize(n: number): string {
  if (n < 1024) return `${n} B`;
  return n < 1024 * 1024 ? `${(n / 1024).toFixed(n < 10_240 ? 1 : 0)} KB` : `${(n / 1048576).toFixed(1)} MB`;
}

/* On plain HTTP there is no clipboard API; the old way still works there. */
export async function copyText(s: string): Promise<boolean> {
  try {
    /* some browsers neither do it nor say no */
    await Promise.race([navigator.clipboard.writeText(s), new Promise((_, no) => setTimeout(no, 700))]);
    return true;
  } catch {
    const a = document.createElement('textarea');
    a.value = s;
    a.setAttribute('readonly', '');
    a.className = 'zx-sr';
    /* a dialog keeps the focus to itself; one that is closed cannot take it */
    ([...document.querySelectorAll('[role=dialog]')].find((d) => d.getClientRects().length > 0) ?? document.body).append(a);
    a.select();
    const ok = document.execCommand('copy');
    a.remove();
    return ok;
  }
}
export function downloadText(name: string, text: string, type = 'text/csv'): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  downloadUrl(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
export function downloadUrl(url: string, name = ''): void {
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  document.body.append(a);
  a.click();
  a.remove();
}

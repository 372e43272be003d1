/* Sorting by a grip: mouse, pen and finger alike. The list's own keys do the same without one. */
import { onScopeDispose, ref } from 'vue';

export interface Dragging {
  from: number;
  to: number;
}
export function useDragSort(items: () => HTMLElement[], drop: (from: number, to: number) => void) {
  const dragging = ref<Dragging | null>(null);
  let stop: (() => void) | null = null;

  function grab(e: PointerEvent, from: number): void {
    if (e.button !== 0) return;
    e.preventDefault();
    const grip = e.currentTarget as HTMLElement;
    grip.setPointerCapture(e.pointerId);
    dragging.value = { from, to: from };
    const move = (m: PointerEvent): void => {
      const list = items();
      let to = list.findIndex((el) => {
        const r = el.getBoundingClientRect();
        return m.clientY < r.top + r.height / 2;
      });
      if (to < 0) to = list.length;
      if (to > from) to--;
      dragging.value = { from, to: Math.max(0, to) };
      list[Math.min(list.length - 1, Math.max(0, to))]?.scrollIntoView({ block: 'nearest' });
    };
    const end = (ok: boolean): void => {
      const d = dragging.value;
      stop?.();
      if (ok && d && d.to !== d.from) drop(d.from, d.to);
    };
    const up = (): void => end(true);
    const off = (): void => end(false);
    const key = (k: KeyboardEvent): void => {
      if (k.key !== 'Escape') return;
      k.stopPropagation();
      end(false);
    };
    stop = () => {
      dragging.value = null;
      stop = null;
      grip.removeEventListener('pointermove', move);
      grip.removeEventListener('pointerup', up);
      grip.removeEventListener('pointercancel', off);
      document.removeEventListener('keydown', key, true);
    };
    grip.addEventListener('pointermove', move);
    grip.addEventListener('pointerup', up);
    grip.addEventListener('pointercancel', off);
    document.addEventListener('keydown', key, true);
  }
  onScopeDispose(() => stop?.());
  /* where the dragged one would land: a line above or below this one */
  const mark = (i: number): 'above' | 'below' | 'moving' | '' => {
    const d = dragging.value;
    if (!d) return '';
    if (i === d.from) return 'moving';
    if (i === d.to) return d.to < d.from ? 'above' : 'below';
    return '';
  };
  return { dragging, grab, mark };
}
export function moved<T>(list: T[], from: number, to: number): T[] {
  const out = [...list];
  const [x] = out.splice(from, 1);
  out.splice(to, 0, x);
  return out;
}

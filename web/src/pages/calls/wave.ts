/* Two waveforms on one canvas, left above right, the played part in colour. Drawn from peaks that the server made. */
export interface WaveColors {
  left: string;
  right: string;
  idle: string;
  line: string;
}
const BAR = 2;
const GAP = 1;

/* Peaks of the server resampled to so many bars: the largest of those that fall into a bar. */
export function bars(peaks: number[], n: number): number[] {
  const out = new Array<number>(n).fill(0);
  if (!peaks.length) return out;
  for (let i = 0; i < n; i++) {
    const a = Math.floor((i * peaks.length) / n);
    const b = Math.max(a + 1, Math.floor(((i + 1) * peaks.length) / n));
    for (let k = a; k < b; k++) out[i] = Math.max(out[i], peaks[k] ?? 0);
  }
  return out;
}

export function draw(c: HTMLCanvasElement, left: number[], right: number[], played: number, colors: WaveColors, off: 'left' | 'right' | ''): void {
  const ratio = window.devicePixelRatio || 1;
  const w = c.clientWidth;
  const h = c.clientHeight;
  if (!w || !h) return;
  if (c.width !== Math.round(w * ratio) || c.height !== Math.round(h * ratio)) {
    c.width = Math.round(w * ratio);
    c.height = Math.round(h * ratio);
  }
  const g = c.getContext('2d')!;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  const n = Math.floor(w / (BAR + GAP));
  const half = h / 2;
  const amp = half / 2 - 3;
  const side = (peaks: number[], mid: number, colour: string, mute: boolean): void => {
    g.globalAlpha = mute ? 0.25 : 1;
    bars(peaks, n).forEach((p, i) => {
      /* a logarithmic eye: quiet speech is still to be seen */
      const v = Math.max(1, Math.sqrt(p / 255) * amp);
      g.fillStyle = i / n <= played ? colour : colors.idle;
      g.fillRect(i * (BAR + GAP), mid - v, BAR, v * 2);
    });
    g.globalAlpha = 1;
  };
  side(left, half / 2, colors.left, off === 'left');
  side(right, half + half / 2, colors.right, off === 'right');
  g.fillStyle = colors.line;
  g.fillRect(0, half - 0.5, w, 1);
  g.fillRect(Math.min(w - 1, played * w), 0, 1.5, h);
}

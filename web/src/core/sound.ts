/* The ring, made of two soft notes by WebAudio: nothing to load, nothing to license. */
const PERIOD = 3;

let ctx: AudioContext | null = null;
let playing: { gain: GainNode; timer: number } | null = null;

export function audioContext(): AudioContext | null {
  if (!ctx && typeof AudioContext !== 'undefined') ctx = new AudioContext();
  return ctx;
}

/* To be called from a click: browsers block sound before one. */
export async function unlock(): Promise<boolean> {
  const c = audioContext();
  if (!c) return false;
  try {
    if (c.state !== 'running') await c.resume();
  } catch {
    return false;
  }
  return c.state === 'running';
}
export function unlocked(): boolean {
  return ctx?.state === 'running';
}

function note(c: AudioContext, out: AudioNode, hz: number, at: number, len: number): void {
  const o = c.createOscillator();
  const g = c.createGain();
  o.type = 'triangle';
  o.frequency.value = hz;
  g.gain.setValueAtTime(0, at);
  g.gain.linearRampToValueAtTime(1, at + 0.015);
  g.gain.exponentialRampToValueAtTime(0.001, at + len);
  o.connect(g).connect(out);
  o.start(at);
  o.stop(at + len);
}

function phrase(c: AudioContext, out: AudioNode): void {
  const t = c.currentTime + 0.02;
  for (let i = 0; i < 2; i++) {
    note(c, out, 659, t + i * 0.62, 0.35);
    note(c, out, 880, t + i * 0.62 + 0.16, 0.5);
  }
}

export function ringStart(): void {
  const c = audioContext();
  if (!c || playing) return;
  const gain = c.createGain();
  gain.gain.value = 0.25;
  gain.connect(c.destination);
  phrase(c, gain);
  playing = { gain, timer: window.setInterval(() => phrase(c, gain), PERIOD * 1000) };
}
export function ringStop(): void {
  if (!playing) return;
  clearInterval(playing.timer);
  playing.gain.disconnect();
  playing = null;
}
export function ringing(): boolean {
  return playing !== null;
}

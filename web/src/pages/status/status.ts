/* GET /system/status */
import type { L10n } from '@/core/types';

export interface Lamp {
  state: 'ok' | 'warn' | 'bad';
  message: L10n;
  [key: string]: unknown;
}
export interface Net {
  name: string;
  up: boolean;
  rx: number | null;
  tx: number | null;
  rx_total: number;
  tx_total: number;
}
export interface Disk {
  path: string;
  device: string;
  type: string;
  use: string[];
  total: number;
  used: number;
  free: number;
  percent: number | null;
  low: boolean;
  days_left: number | null;
}
export interface Status {
  time: number;
  tz: string;
  lang: string;
  os: { name: string; kernel: string; arch: string; host: string };
  machine: { boot_at: number; uptime_s: number | null };
  service: { version: string; started_at: number; uptime_s: number; pid: number; rss: number | null; cpu: number | null };
  load: number[];
  cpu: { model: string; cores: number; percent: number | null };
  memory: { total: number; used: number; available: number; buffers: number; cached: number };
  swap?: { total: number; used: number };
  network: Net[];
  disks: Disk[];
  lamps: Record<string, Lamp>;
  calls: number | null;
  streams: number | null;
  phones_online: number | null;
  users_online: number;
  extensions: number;
  licence: { limit: number; used: number };
}

export const SHOWN = 60;
/* The last values of each curve. */
export class Curves {
  readonly of: Record<string, number[]> = {};
  add(values: Record<string, number | null | undefined>): void {
    for (const [k, v] of Object.entries(values)) {
      if (typeof v !== 'number') continue;
      const list = (this.of[k] ??= []);
      list.push(v);
      if (list.length > SHOWN) list.shift();
    }
  }
}
export function uptime(seconds: number | null): { d: number; h: number; m: number } {
  const s = Math.max(0, Math.floor(seconds ?? 0));
  return { d: Math.floor(s / 86_400), h: Math.floor(s / 3600) % 24, m: Math.floor(s / 60) % 60 };
}
export const tone = (percent: number | null): 'ok' | 'warn' | 'bad' => (percent === null || percent < 80 ? 'ok' : percent < 92 ? 'warn' : 'bad');

/* GET /system/maintenance and /system/backups */
import type { L10n } from '@/core/types';

export interface Care {
  at: number;
  ms: number;
  ok: boolean;
  problems: string[];
  done?: { message: L10n }[];
  rebuild?: boolean;
}
export interface BackupSettings {
  auto: boolean;
  at: string;
  keep: number;
  recordings: boolean;
}
export interface Maintenance {
  power: boolean;
  restart: 'idle' | 'none';
  restore: { id?: number; created_at?: number | null; version?: string | null } | null;
  rebuild: boolean;
  last: { check: Care | null; repair: Care | null; backup: { at: number; auto: boolean; error: string | null; name: string; size: number; ms: number } | null };
  backups: { dir: string; free: number; needed: number; recordings: number };
  settings: BackupSettings;
}
export interface Backup {
  id: number;
  name: string;
  size: number;
  encrypted: boolean;
  readable: boolean;
  created_at: number | null;
  version: string | null;
  recordings: boolean | null;
  auto: boolean | null;
  company: string | null;
  host: string | null;
  companies: number | null;
  users: number | null;
  extensions: number | null;
  calls: number | null;
}
export interface Verified {
  id: number;
  ok: boolean;
  version: string | null;
  created_at: number | null;
  company: string | null;
  recordings: boolean | null;
  problems: { code: string; detail: string }[];
  counts?: { companies: number; users: number; extensions: number; calls: number };
  ready: boolean;
}
export const PASS_MIN = 10;

import { post } from '@/core/api';
import type { L10n } from '@/core/types';

export interface HelpInfo {
  host: string;
  addresses: string[];
  sip: { udp: number; tcp: number; tls: number };
  realm: string;
  codecs: string[];
  http: { port: number; https: number };
  ca: boolean;
  extension: { id: number; number: string; name: string } | null;
  others: boolean; /* may look at other people's accounts */
  apps: { id: string; name: string; note: L10n }[];
}
export interface PhoneAccount {
  app: string;
  svg: string;
  text: string | null;
  expires_at: number | null;
  account: { number: string; name: string; server: string; port: number; transport: string; realm: string; secret: string };
}
export const account = (app: string, extension: number | null, host: string): Promise<PhoneAccount> =>
  post<PhoneAccount>('/help/qr', { app, host, ...(extension ? { extension_id: extension } : {}) });
export const picture = (svg: string): string => `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
/* where a phone should look for us: what the browser used, unless that is this very machine */
export const bestHost = (h: HelpInfo): string => (/^(localhost|127\.|::1$|\[::1\])/.test(h.host) && h.addresses[0] ? h.addresses[0] : h.host);

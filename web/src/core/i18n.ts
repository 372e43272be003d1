import { createI18n } from 'vue-i18n';
import zh, { type Messages } from '../locales/zh-CN';
import { apiConfigure } from './api';
import type { L10n, Lang } from './types';

const KEY = 'zx.lang';

export const i18n = createI18n<[Messages], Lang, false>({
  legacy: false,
  locale: 'zh-CN',
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': zh } as never,
});
export const t = i18n.global.t;

export function lang(): Lang {
  return i18n.global.locale.value as Lang;
}
export function savedLang(): Lang | null {
  try {
    const v = localStorage.getItem(KEY);
    return v === 'en' || v === 'zh-CN' ? v : null;
  } catch {
    return null;
  }
}

/* The texts of the administrators' pages come with the first such page. */
type Pack = { default: object };
const packs: Record<Lang, () => Promise<Pack>> = { 'zh-CN': () => import('../locales/admin.zh-CN'), en: () => import('../locales/admin.en') };
const packed = new Set<Lang>();
let adminWanted = false;

async function loadPack(l: Lang): Promise<void> {
  if (packed.has(l)) return;
  i18n.global.mergeLocaleMessage(l, (await packs[l]()).default as never);
  packed.add(l);
}
export async function adminTexts(): Promise<void> {
  adminWanted = true;
  await loadPack(lang());
}
/* a component that is loaded together with its texts */
export const withTexts =
  <T>(load: () => Promise<T>): (() => Promise<T>) =>
  async () =>
    (await Promise.all([load(), adminTexts()]))[0];

/* Chinese is in the first load; English comes when asked for. */
export async function setLang(l: Lang, remember = true): Promise<void> {
  if (l === 'en' && !i18n.global.availableLocales.includes('en')) {
    i18n.global.setLocaleMessage('en', (await import('../locales/en')).default as never);
  }
  if (adminWanted) await loadPack(l);
  i18n.global.locale.value = l;
  document.documentElement.lang = l;
  apiConfigure({ lang: l });
  if (!remember) return;
  try {
    localStorage.setItem(KEY, l);
  } catch {
    /* switched off */
  }
}

/* A text that the server carries in both languages. */
export function tr(s: L10n | undefined, fallback = ''): string {
  if (!s) return fallback;
  return s[lang()] ?? s['zh-CN'] ?? s.en ?? fallback;
}

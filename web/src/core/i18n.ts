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

/* Chinese is in the first load; English comes when asked for. */
export async function setLang(l: Lang, remember = true): Promise<void> {
  if (l === 'en' && !i18n.global.availableLocales.includes('en')) {
    i18n.global.setLocaleMessage('en', (await import('../locales/en')).default as never);
  }
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

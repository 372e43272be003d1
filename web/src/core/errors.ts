/* Errors in words that say what to do next. */
import { ApiError } from './api';
import { i18n, t } from './i18n';

export function errorText(e: unknown): string {
  if (!(e instanceof ApiError)) return t('error.unknown');
  const key = `error.${e.code}`;
  if (e.status === 0 || !e.message) {
    if (i18n.global.te(key)) return t(key);
    if (e.status >= 500) return t('error.server', { status: e.status });
    return e.message || t('error.unknown');
  }
  return e.message;
}
export function fieldText(code: string): string {
  const key = `field.${code}`;
  return i18n.global.te(key) ? t(key) : code;
}

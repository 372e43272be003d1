/* REST: one door for every request. Errors become ApiError with the server's code, message and field errors. */
import type { Lang, Session } from './types';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: Record<string, string> = {},
    readonly body: Record<string, unknown> = {},
    readonly retryAfter = 0,
  ) {
    super(message);
  }
}

export const BASE = '/api/v1';
const TIMEOUT = 20_000;
let csrf = '';
let lang: Lang = 'zh-CN';
let expired: () => void = () => {};

export function apiConfigure(o: { csrf?: string; lang?: Lang; expired?: () => void }): void {
  if (o.csrf !== undefined) csrf = o.csrf;
  if (o.lang) lang = o.lang;
  if (o.expired) expired = o.expired;
}

async function errorFrom(r: Response): Promise<ApiError> {
  let body: Record<string, unknown> = {};
  try {
    body = await r.json();
  } catch {
    /* a proxy's page, or nothing: the status says enough */
  }
  const e = (body.error ?? {}) as { code?: string; message?: string; fields?: Record<string, string> };
  return new ApiError(r.status, e.code ?? `http_${r.status}`, e.message ?? '', e.fields, body, Number(r.headers.get('Retry-After')) || 0);
}

export interface RequestOptions {
  body?: unknown;
  signal?: AbortSignal;
  /* the login page asks about a session that may not be there */
  quiet401?: boolean;
}

export async function request<T>(method: string, path: string, o: RequestOptions = {}): Promise<T> {
  const headers: Record<string, string> = { 'Accept-Language': lang, Accept: 'application/json' };
  if (o.body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET' && csrf) headers['X-CSRF-Token'] = csrf;
  const timeout = AbortSignal.timeout(TIMEOUT);
  const stop = new AbortController();
  const abort = () => stop.abort();
  timeout.addEventListener('abort', abort);
  o.signal?.addEventListener('abort', abort);
  let r: Response;
  try {
    r = await fetch(BASE + path, {
      method,
      headers,
      body: o.body === undefined ? undefined : JSON.stringify(o.body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: stop.signal,
    });
  } catch {
    throw new ApiError(0, o.signal?.aborted ? 'aborted' : timeout.aborted ? 'timeout' : 'network', '');
  }
  if (!r.ok) {
    const e = await errorFrom(r);
    if (r.status === 401 && !o.quiet401) expired();
    throw e;
  }
  if (r.status === 204) return undefined as T;
  return (await r.json()) as T;
}

export const get = <T>(path: string, o?: RequestOptions): Promise<T> => request<T>('GET', path, o);
export const post = <T>(path: string, body: unknown = {}, o?: RequestOptions): Promise<T> => request<T>('POST', path, { ...o, body });
export const put = <T>(path: string, body: unknown): Promise<T> => request<T>('PUT', path, { body });
export const del = <T>(path: string): Promise<T> => request<T>('DELETE', path);

export const login = (name: string, password: string): Promise<Session> =>
  request<Session>('POST', '/session', { body: { login: name, password }, quiet401: true });

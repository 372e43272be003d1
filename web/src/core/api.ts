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
  timeout?: number;
}

export async function request<T>(method: string, path: string, o: RequestOptions = {}): Promise<T> {
  const headers: Record<string, string> = { 'Accept-Language': lang, Accept: 'application/json' };
  if (o.body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET' && csrf) headers['X-CSRF-Token'] = csrf;
  const timeout = AbortSignal.timeout(o.timeout ?? TIMEOUT);
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
export const del = <T>(path: string, body?: unknown): Promise<T> => request<T>('DELETE', path, { body });

/* code: of the second factor, or a recovery code */
export const login = (name: string, password: string, code = ''): Promise<Session> =>
  request<Session>('POST', '/session', { body: { login: name, password, ...(code ? { code } : {}) }, quiet401: true });

export interface UploadOptions {
  method?: string;
  type?: string;
  progress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}
/* A file as it is. XMLHttpRequest, since fetch tells nothing about the way up. */
export function upload<T>(path: string, file: Blob, o: UploadOptions = {}): Promise<T> {
  return new Promise((ok, bad) => {
    const x = new XMLHttpRequest();
    x.open(o.method ?? 'POST', BASE + path);
    x.setRequestHeader('Accept-Language', lang);
    if (csrf) x.setRequestHeader('X-CSRF-Token', csrf);
    x.setRequestHeader('Content-Type', o.type ?? (file.type || 'application/octet-stream'));
    if (file instanceof File) x.setRequestHeader('X-File-Name', encodeURIComponent(file.name));
    x.upload.onprogress = (e) => o.progress?.(e.loaded, e.lengthComputable ? e.total : file.size);
    x.onerror = () => bad(new ApiError(0, 'network', ''));
    x.onabort = () => bad(new ApiError(0, 'aborted', ''));
    x.onload = () => {
      let body: Record<string, unknown> = {};
      try {
        body = JSON.parse(x.responseText || '{}');
      } catch {
        /* a proxy's page */
      }
      if (x.status >= 200 && x.status < 300) return ok(body as T);
      if (x.status === 401) expired();
      const e = (body.error ?? {}) as { code?: string; message?: string; fields?: Record<string, string> };
      bad(new ApiError(x.status, e.code ?? `http_${x.status}`, e.message ?? '', e.fields, body, Number(x.getResponseHeader('Retry-After')) || 0));
    };
    o.signal?.addEventListener('abort', () => x.abort());
    x.send(file);
  });
}

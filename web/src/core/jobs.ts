/* Long work on the server: started by an order that answers with a job, followed until it ends. */
import { ApiError, get } from './api';
import { push } from './live';

export interface Job<R = Record<string, unknown>> {
  id: number | string;
  kind: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  done: number;
  total: number;
  result?: R;
  error?: string; /* in words */
  code?: string;
  file?: string | null;
  size?: number;
}

type RawJob<R> = Omit<Job<R>, 'error' | 'code'> & { error: { code: string; message: string } | null };

const POLL = 1500;
const LOST = 5;

/* Resolves with the ended job; rejects with the server's words when it failed. News come by push, a slow poll covers their loss. */
export function follow<R>(id: number | string, progress: (j: Job<R>) => void = () => {}): Promise<Job<R>> {
  return new Promise((ok, bad) => {
    let timer = 0;
    let over = false;
    let lost = 0;
    const off = push.on('job.progress', (m) => {
      const j = m.job as RawJob<R> | undefined;
      if (j && j.id === id) take(j);
    });
    function end(): void {
      over = true;
      clearTimeout(timer);
      off();
    }
    function take(raw: RawJob<R>): void {
      if (over) return;
      const j: Job<R> = { ...raw, error: raw.error?.message, code: raw.error?.code };
      progress(j);
      if (j.state === 'running') return;
      end();
      if (j.state === 'done') ok(j);
      else bad(new ApiError(422, j.state === 'cancelled' ? 'cancelled' : (j.code ?? 'job_failed'), j.error ?? '', {}, { job: j }));
    }
    async function poll(): Promise<void> {
      try {
        take(await get<RawJob<R>>(`/jobs/${id}`));
        lost = 0;
      } catch (e) {
        /* a blink of the network is not the end of the job */
        if (!over && (++lost >= LOST || (e instanceof ApiError && e.status !== 0))) {
          end();
          bad(e);
        }
      }
      if (!over) timer = window.setTimeout(poll, POLL);
    }
    void poll();
  });
}
export const percent = (j: { done: number; total: number } | null): number => (j && j.total > 0 ? Math.min(100, Math.round((j.done / j.total) * 100)) : 0);
export function bytes(n: number | undefined): string {
  if (n === undefined || n < 0) return '';
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let i = 0;
  let v = n;
  while (v >= 1024 && i < units.length - 1) {
    v /= 1024;
    i++;
  }
  return `${i === 0 || v >= 100 ? Math.round(v) : v.toFixed(1)} ${units[i]}`;
}

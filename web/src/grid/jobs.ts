/* A job of the server in a dialog: its progress, its end, the way to stop it. */
import { ApiError, del, get } from '@/core/api';
import { downloadUrl } from '@/core/clipboard';
import { errorText } from '@/core/errors';
import { i18n, t } from '@/core/i18n';
import { follow as followJob, type Job } from '@/core/jobs';
import { computed, ref } from 'vue';

export function jobError(j: Job): string {
  if (j.state === 'cancelled') return t('job.cancelled');
  const key = j.error ?? '';
  return i18n.global.te(`error.${key}`) ? t(`error.${key}`) : key || t('error.unknown');
}
export const jobFile = (id: Job['id']): string => `/api/v1/jobs/${id}/file`;
export const downloadJob = (j: Job): void => downloadUrl(jobFile(j.id), j.file ?? '');

export function useJob() {
  const job = ref<Job | null>(null);
  const failure = ref('');
  const running = computed(() => job.value?.state === 'running');
  /* Resolves when it has ended, however; null when the server does not know it any more. */
  async function follow(id: Job['id']): Promise<Job | null> {
    failure.value = '';
    job.value = { id, kind: '', state: 'running', done: 0, total: 0 };
    try {
      await followJob<Record<string, unknown>>(id, (j) => {
        if (job.value?.id === j.id) job.value = { ...job.value, ...j };
      });
    } catch (e) {
      /* how it ended is in the job itself */
      if (!(e instanceof ApiError && e.status === 422)) failure.value = errorText(e);
    }
    try {
      return (job.value = await get<Job>(`/jobs/${id}`));
    } catch (e) {
      if (job.value?.state === 'running') {
        job.value = null;
        failure.value ||= errorText(e);
      }
      return job.value;
    }
  }
  async function cancel(): Promise<void> {
    if (!job.value || !running.value) return;
    try {
      await del(`/jobs/${job.value.id}`);
    } catch (e) {
      if (!(e instanceof ApiError && e.status === 404)) failure.value = errorText(e);
    }
  }
  return { job, failure, running, follow, cancel };
}

/* One sound at a time, from the rows of a list. */
import { ElMessage } from '@/element';
import { t } from '@/core/i18n';
import { reactive } from 'vue';

export const player = reactive({ src: '', label: '' });
let audio: HTMLAudioElement | null = null;

export function stop(): void {
  audio?.pause();
  audio = null;
  player.src = '';
}
export function toggle(src: string, label: string): void {
  const same = player.src === src;
  stop();
  if (same) return;
  const mine = (audio = new Audio(src));
  Object.assign(player, { src, label });
  const end = (): void => {
    if (audio === mine) stop();
  };
  const broken = (): void => {
    if (audio !== mine) return;
    stop();
    ElMessage({ message: t('upload.broken', { name: label }), type: 'error' });
  };
  mine.onended = end;
  mine.onerror = broken;
  mine.play().catch(broken);
}

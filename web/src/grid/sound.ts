/* Where a row's sound is, if it has one. */
import { BASE } from '@/core/api';
import type { Field, Row } from '@/core/types';

const AUDIO = /\.(wav|mp3|ogg|flac|opus)|audio\//;
export const isSound = (f: Field): boolean => f.type === 'upload' && AUDIO.test(f.accept ?? '');
export function soundOf(resource: string, f: Field, row: Row): string {
  if (!isSound(f) || !row.id || !row[f.key] || row[f.key] instanceof File) return '';
  return `${BASE}/${resource}/${row.id}/audio?v=${row.rev ?? 0}`; /* a replaced one is not the cached one */
}

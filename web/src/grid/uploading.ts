/* The upload that goes on while a form is saved, for the input that shows it. */
import type { Row } from '@/core/types';
import type { InjectionKey, Ref } from 'vue';

export interface Uploading {
  key: string;
  part: number;
  cancel: () => void;
}
export const uploading: InjectionKey<Uploading> = Symbol('uploading');
/* the row as it is on the server */
export const formRow: InjectionKey<Ref<Row>> = Symbol('formRow');

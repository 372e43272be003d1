/* What single resources have beyond their descriptor. Loaded when used. */
import { defineAsyncComponent, type Component } from 'vue';

export interface Extra {
  icon?: string;
  note?: Component; /* beside the title */
  batch?: Component;
  detail?: Component;
  created?: Component; /* shown once after an addition, with what only that answer carries */
  empty?: string;
  deleteNote?: string;
  follows?: 'calls'; /* reloads when a call ends */
}

export const extras: Record<string, Extra | undefined> = {
  extensions: {
    icon: 'extensions',
    note: defineAsyncComponent(() => import('@/pages/extensions/Note.vue')),
    batch: defineAsyncComponent(() => import('@/pages/extensions/BatchAdd.vue')),
    created: defineAsyncComponent(() => import('@/pages/extensions/Account.vue')),
    deleteNote: 'grid.deleteExt',
  },
  calls: {
    icon: 'calls',
    detail: defineAsyncComponent(() => import('@/pages/calls/CallDetail.vue')),
    empty: 'grid.emptyCalls',
    follows: 'calls',
  },
};

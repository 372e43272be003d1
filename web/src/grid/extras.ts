/* What single resources have beyond their descriptor. Loaded when used. */
import type { Row, User } from '@/core/types';
import { withTexts } from '@/core/i18n';
import { defineAsyncComponent, type Component } from 'vue';

export interface Extra {
  icon?: string;
  note?: Component; /* beside the title */
  batch?: Component;
  detail?: Component;
  more?: Component; /* in a row's actions, beside edit and delete: props row, can (the descriptor's actions); emits changed. GridPage draws it (helper GRID) */
  created?: Component; /* shown once after an addition, with what only that answer carries */
  empty?: string;
  deleteNote?: string;
  order?: string[]; /* of the columns, until the user has his own */
  hidden?: (u: User) => string[]; /* columns that are off until asked for */
  defaults?: Row; /* of a new row, where the field's own kind of empty is not it */
  follows?: 'calls'; /* reloads when a call ends */
}

export const extras: Record<string, Extra | undefined> = {
  extensions: {
    icon: 'extensions',
    note: defineAsyncComponent(() => import('@/pages/extensions/Note.vue')),
    batch: defineAsyncComponent(() => import('@/pages/extensions/BatchAdd.vue')),
    more: defineAsyncComponent(() => import('@/pages/extensions/SecretAction.vue')),
    created: defineAsyncComponent(() => import('@/pages/extensions/Account.vue')),
    deleteNote: 'grid.deleteExt',
    defaults: { record: true },
    order: ['number', 'name', 'company', 'reg', 'agent', 'caller_id', 'record', 'bind_ip', 'created'],
    hidden: (u) => (u.scope === 'system' ? ['created'] : ['company', 'company_id', 'created']),
  },
  calls: {
    icon: 'calls',
    detail: defineAsyncComponent(() => import('@/pages/calls/CallDetail.vue')),
    empty: 'grid.emptyCalls',
    hidden: () => (window.innerWidth < 1200 ? ['transfer_to', 'app', 'ring'] : []),
    follows: 'calls',
  },
  users: {
    more: defineAsyncComponent(withTexts(() => import('@/pages/users/UserActions.vue'))),
    created: defineAsyncComponent(withTexts(() => import('@/pages/users/NewPassword.vue'))),
  },
  companies: { more: defineAsyncComponent(withTexts(() => import('@/pages/companies/LogoAction.vue'))) },
  notices: { detail: defineAsyncComponent(withTexts(() => import('@/pages/notices/NoticeView.vue'))) },
  audit: { detail: defineAsyncComponent(withTexts(() => import('@/pages/audit/AuditDetail.vue'))) },
  locations: { note: defineAsyncComponent(withTexts(() => import('@/pages/locations/AreaNote.vue'))) },
};

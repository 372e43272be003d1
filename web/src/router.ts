/* The address after # names the page; shell/Frame keeps one living page per open tab. */
import { createRouter, createWebHashHistory, type RouteRecordRaw } from 'vue-router';
import { withTexts } from './core/i18n';

const GridPage = () => import('./grid/GridPage.vue');
const LivePage = () => import('./pages/live/LivePage.vue');
const Missing = () => import('./pages/Missing.vue');

/* Resources whose rows are not best shown as a grid have a page of their own at the grid's address. */
const own: RouteRecordRaw[] = [
  { path: '/', component: () => import('./pages/home/HomePage.vue') },
  { path: '/r/roles', component: () => import('./pages/roles/RolesPage.vue') },
  { path: '/r/articles', component: () => import('./pages/kb/KbPage.vue') },
  { path: '/config', component: () => import('./pages/config/ConfigPage.vue') },
  { path: '/params', component: () => import('./pages/params/ParamsPage.vue') },
  { path: '/status', component: () => import('./pages/status/StatusPage.vue') },
  { path: '/maintenance', component: () => import('./pages/maintenance/MaintenancePage.vue') },
  { path: '/help', component: () => import('./pages/help/HelpPage.vue') },
  { path: '/setup', component: () => import('./pages/setup/SetupPage.vue') },
];

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    ...own.map((r) => ({ ...r, component: withTexts(r.component as () => Promise<unknown>) }) as RouteRecordRaw),
    { path: '/r/:name', component: GridPage, props: true },
    { path: '/live', component: LivePage },
    { path: '/:rest(.*)*', component: Missing },
  ],
});

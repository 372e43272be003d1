/* The address after # names the page; shell/Frame keeps one living page per open tab. */
import { createRouter, createWebHashHistory } from 'vue-router';

const GridPage = () => import('./grid/GridPage.vue');
const LivePage = () => import('./pages/live/LivePage.vue');
const Missing = () => import('./pages/Missing.vue');

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', component: Missing, meta: { home: true } },
    { path: '/r/:name', component: GridPage, props: true },
    { path: '/live', component: LivePage },
    { path: '/:rest(.*)*', component: Missing },
  ],
});

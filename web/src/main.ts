import { createPinia } from 'pinia';
import { createApp } from 'vue';
import './element';
import './style.css';
import { i18n } from './core/i18n';
import { drafts } from './core/storage';
import { router } from './router';
import App from './shell/App.vue';

drafts.sweep();
createApp(App).use(createPinia()).use(i18n).use(router).mount('#app');

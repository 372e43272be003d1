/* The one push connection of this page, and its state for the eyes. */
import { onScopeDispose, ref } from 'vue';
import { browserEnv, Push, type PushMessage, type PushState } from './push';

export const push = new Push(browserEnv());
export const pushState = ref<PushState>('offline');
export const retryAt = ref(0);
push.on('@state', () => {
  pushState.value = push.state;
  retryAt.value = push.retryAt;
});
window.addEventListener('online', () => push.kick());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) push.kick();
});

/* for the life of a component */
export function usePush(t: string, h: (m: PushMessage) => void): void {
  onScopeDispose(push.on(t, h));
}
/* Whatever was shown may be old: after a resync, and whenever the connection comes (back) up. */
export function useResync(h: () => void): void {
  usePush('resync', h);
  usePush('@state', () => {
    if (push.state === 'online') h();
  });
}

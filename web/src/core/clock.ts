/* One ticking clock for every running duration, in the server's time. */
import { onScopeDispose, ref, type Ref } from 'vue';
import { push } from './live';

const now = ref(Date.now());
let users = 0;
let timer = 0;

export const serverNow = (): number => Date.now() + push.skew;

export function useNow(): Ref<number> {
  if (users++ === 0) timer = window.setInterval(() => (now.value = serverNow()), 1000);
  now.value = serverNow();
  onScopeDispose(() => {
    if (--users === 0) clearInterval(timer);
  });
  return now;
}

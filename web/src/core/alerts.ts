/* Ring sound, desktop notification, title: for the calls that ring now. One tab of a user makes sound and notification. */
import { ref, watch } from 'vue';
import { t } from './i18n';
import { browserLeader } from './leader';
import { usePops } from './pops';
import { useSession } from './session';
import { ringStart, ringStop, unlock, unlocked } from './sound';
import { read, write } from './storage';

const KEY = 'zx.alerts';
/* undecided, on, off: by the user; ready: the browser lets us play */
export const wanted = ref<'ask' | 'on' | 'off'>(read(localStorage, KEY, 'ask'));
export const ready = ref(false);
export const canNotify = (): boolean => typeof Notification !== 'undefined' && window.isSecureContext;

/* Called in the handler of a click. */
export async function enable(): Promise<'ok' | 'denied'> {
  wanted.value = 'on';
  write(localStorage, KEY, 'on');
  ready.value = await unlock();
  if (canNotify() && Notification.permission === 'default') await Notification.requestPermission();
  return canNotify() && Notification.permission === 'denied' ? 'denied' : 'ok';
}
export function disable(): void {
  wanted.value = 'off';
  write(localStorage, KEY, 'off');
  ringStop();
}

export function startAlerts(): () => void {
  const pops = usePops();
  const session = useSession();
  const leader = browserLeader(`zx.ring.${session.user?.id ?? 0}`);
  const shown = new Map<number, Notification>();
  leader.start();

  const gesture = async () => {
    if (wanted.value === 'on' && !unlocked()) ready.value = await unlock();
    update();
  };
  const events = ['pointerdown', 'keydown'] as const;
  for (const e of events) document.addEventListener(e, gesture, { passive: true });
  ready.value = unlocked();
  if (wanted.value === 'on') void unlock().then((ok) => (ready.value = ok));

  function notify(id: number, number: string, name: string): void {
    if (shown.has(id) || !canNotify() || Notification.permission !== 'granted') return;
    const n = new Notification(t('pop.notification', { number }), { body: name, tag: `zx-call-${id}`, requireInteraction: true });
    n.onclick = () => {
      window.focus();
      n.close();
    };
    shown.set(id, n);
  }

  function update(): void {
    const now = pops.ringing;
    const loud = wanted.value === 'on' && leader.leading && now.length > 0;
    if (loud && unlocked()) ringStart();
    else ringStop();
    const ids = new Set(now.map((p) => p.call.id));
    for (const [id, n] of shown) {
      if (!ids.has(id)) {
        n.close();
        shown.delete(id);
      }
    }
    if (loud) for (const p of now) notify(p.call.id, p.call.from, p.call.from_name);
  }
  const stopWatch = watch(() => [pops.ringing.map((p) => p.call.id).join(), wanted.value], update, { flush: 'sync' });

  const title = document.title;
  let flip = false;
  const flash = setInterval(() => {
    const p = pops.ringing[0];
    flip = !flip;
    document.title = p && flip ? t('pop.titleFlash', { number: p.call.from }) : title;
  }, 800);

  return () => {
    stopWatch();
    clearInterval(flash);
    document.title = title;
    leader.stop();
    ringStop();
    for (const n of shown.values()) n.close();
    for (const e of events) document.removeEventListener(e, gesture);
  };
}

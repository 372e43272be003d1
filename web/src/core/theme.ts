/* Dark or light: as chosen, else as the system has it (public/theme.js does the same before the first paint). */
import { ref } from 'vue';

export const dark = ref(document.documentElement.classList.contains('dark'));

export function toggleDark(): void {
  dark.value = !dark.value;
  document.documentElement.classList.toggle('dark', dark.value);
  try {
    localStorage.setItem('zx.theme', dark.value ? 'dark' : 'light');
  } catch {
    /* switched off */
  }
}

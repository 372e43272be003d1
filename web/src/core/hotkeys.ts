/*
 * Alt chords. By the key's place (code), since Alt changes the letter on a Mac; never with Ctrl (AltGr) or Meta; never
 * while an input method composes.
 */
export interface Chord {
  code: string;
  run: () => void;
  /* what it does, for the list of shortcuts: an i18n key */
  title: string;
}
export interface KeyLike {
  altKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  isComposing: boolean;
  keyCode: number;
  code: string;
  repeat?: boolean;
  preventDefault(): void;
}

const IME_KEY = 229; /* Safari reports this key code, and isComposing false, for the last key of a composition */

export class Hotkeys {
  private chords: Chord[] = [];

  /* The one registered last wins, so that an open page's key hides the frame's; returns the way to take it back. */
  add(c: Chord): () => void {
    this.chords.push(c);
    return () => {
      const i = this.chords.indexOf(c);
      if (i >= 0) this.chords.splice(i, 1);
    };
  }

  handle(e: KeyLike): boolean {
    if (!e.altKey || e.ctrlKey || e.metaKey || e.isComposing || e.keyCode === IME_KEY || e.repeat) return false;
    for (let i = this.chords.length - 1; i >= 0; i--) {
      if (this.chords[i].code !== e.code) continue;
      e.preventDefault();
      this.chords[i].run();
      return true;
    }
    return false;
  }

  list(): { keys: string; title: string }[] {
    const seen = new Map<string, { keys: string; title: string }>();
    for (const c of this.chords) seen.set(c.code, { keys: label(c.code), title: c.title });
    return [...seen.values()];
  }
}

export function label(code: string): string {
  return 'Alt+' + code.replace(/^(Key|Digit)/, '');
}

export const hotkeys = new Hotkeys();

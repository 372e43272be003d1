/* The little markup articles may have: # headings, - and 1. lists, > quotes, **bold**, `code`, links. Never HTML: blocks of plain text to draw. */
export type Inline = { t: 'text' | 'bold' | 'code'; s: string } | { t: 'link'; s: string; href: string };
export type Block =
  | { t: 'h'; level: 1 | 2 | 3; in: Inline[] }
  | { t: 'p'; lines: Inline[][] }
  | { t: 'quote'; lines: Inline[][] }
  | { t: 'ul'; items: Inline[][] }
  | { t: 'ol'; items: Inline[][] }
  | { t: 'pre'; s: string }
  | { t: 'hr' };

const INLINE = /\*\*([^*\n]+)\*\*|`([^`\n]+)`|\[([^\]\n]+)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>"'，。；、）)]+)/g;

export function inline(s: string): Inline[] {
  const out: Inline[] = [];
  let at = 0;
  for (const m of s.matchAll(INLINE)) {
    if (m.index > at) out.push({ t: 'text', s: s.slice(at, m.index) });
    if (m[1] !== undefined) out.push({ t: 'bold', s: m[1] });
    else if (m[2] !== undefined) out.push({ t: 'code', s: m[2] });
    else out.push({ t: 'link', s: m[3] ?? m[5], href: m[4] ?? m[5] });
    at = m.index + m[0].length;
  }
  if (at < s.length) out.push({ t: 'text', s: s.slice(at) });
  return out;
}

export function blocks(text: string): Block[] {
  const out: Block[] = [];
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  const last = (): Block | undefined => out[out.length - 1];
  let open = false; /* does the next line go on with the last block? */
  for (let i = 0; i < lines.length; i++) {
    const l = lines[i];
    const h = /^(#{1,3})\s+(.+)$/.exec(l);
    const item = /^\s*(?:([-*•])|(\d+)[.、)])\s+(.+)$/.exec(l);
    const quote = /^>\s?(.*)$/.exec(l);
    const b = last();
    if (l.startsWith('```')) {
      const code: string[] = [];
      while (++i < lines.length && !lines[i].startsWith('```')) code.push(lines[i]);
      out.push({ t: 'pre', s: code.join('\n') });
      open = false;
    } else if (!l.trim()) open = false;
    else if (h) {
      out.push({ t: 'h', level: h[1].length as 1 | 2 | 3, in: inline(h[2]) });
      open = false;
    } else if (/^(-{3,}|\*{3,})$/.test(l.trim())) {
      out.push({ t: 'hr' });
      open = false;
    } else if (item) {
      const t = item[1] ? 'ul' : 'ol';
      if (open && b?.t === t) b.items.push(inline(item[3]));
      else out.push({ t, items: [inline(item[3])] });
      open = true;
    } else {
      const t = quote ? 'quote' : 'p';
      const part = inline(quote ? quote[1] : l);
      if (open && b?.t === t) b.lines.push(part);
      else out.push({ t, lines: [part] });
      open = true;
    }
  }
  return out;
}

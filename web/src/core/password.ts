/* A rough strength, 0 (refused) to 4, and random secrets without letters that are read wrongly. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

export function strength(p: string): 0 | 1 | 2 | 3 | 4 {
  if (p.length < 8) return 0;
  let kinds = 0;
  for (const re of [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/]) if (re.test(p)) kinds++;
  if (new Set(p).size < 4) return 1;
  const points = kinds + (p.length >= 12 ? 1 : 0) + (p.length >= 16 ? 1 : 0);
  return Math.max(1, Math.min(4, points)) as 1 | 2 | 3 | 4;
}

export function randomSecret(length = 16): string {
  const out: string[] = [];
  const limit = 256 - (256 % ALPHABET.length); /* no letter likelier than another */
  while (out.length < length) {
    for (const b of crypto.getRandomValues(new Uint8Array(length))) {
      if (b < limit && out.length < length) out.push(ALPHABET[b % ALPHABET.length]);
    }
  }
  return out.join('');
}

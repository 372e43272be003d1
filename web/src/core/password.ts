/* A rough strength, 0 (refused) to 4, and random secrets without letters that are read wrongly. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/* As the server has it: 10 characters, or 8 of three kinds. */
export function strength(p: string): 0 | 1 | 2 | 3 | 4 {
  let kinds = 0;
  for (const re of [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/]) if (re.test(p)) kinds++;
  if (p.length < 8 || (p.length < 10 && kinds < 3)) return 0;
  if (new Set(p).size < 5) return 1;
  const points = kinds + (p.length >= 12 ? 1 : 0) + (p.length >= 16 ? 1 : 0);
  return Math.max(1, Math.min(4, points - 1)) as 1 | 2 | 3 | 4;
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

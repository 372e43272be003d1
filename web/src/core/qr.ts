/*
 * QR codes (ISO/IEC 18004) in byte mode, level M: the second factor's secret must not leave the browser to be drawn. Versions 1 to 20 hold
 * 666 bytes, far more than an otpauth: address has.
 */
const EC_M = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26]; /* check bytes a block */
const BLOCKS_M = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];
const MAX = 20;
type Grid = boolean[][];

/* GF(256) over x^8 + x^4 + x^3 + x^2 + 1 */
function times(a: number, b: number): number {
  let z = 0;
  for (let i = 7; i >= 0; i--) {
    z = (z << 1) ^ ((z >>> 7) * 0x11d);
    z ^= ((b >>> i) & 1) * a;
  }
  return z & 255;
}
function divisor(degree: number): number[] {
  const d = new Array<number>(degree).fill(0);
  d[degree - 1] = 1;
  let root = 1;
  for (let i = 0; i < degree; i++) {
    for (let j = 0; j < degree; j++) {
      d[j] = times(d[j], root);
      if (j + 1 < degree) d[j] ^= d[j + 1];
    }
    root = times(root, 2);
  }
  return d;
}
function remainder(data: number[], div: number[]): number[] {
  const r = new Array<number>(div.length).fill(0);
  for (const b of data) {
    const f = b ^ (r.shift() as number);
    r.push(0);
    div.forEach((c, i) => (r[i] ^= times(c, f)));
  }
  return r;
}

function rawBits(v: number): number {
  let n = (16 * v + 128) * v + 64;
  if (v >= 2) {
    const a = Math.floor(v / 7) + 2;
    n -= (25 * a - 10) * a - 55;
    if (v >= 7) n -= 36;
  }
  return n;
}
const dataBytes = (v: number): number => Math.floor(rawBits(v) / 8) - EC_M[v - 1] * BLOCKS_M[v - 1];

function codewords(bytes: Uint8Array, v: number): number[] {
  const bits: number[] = [];
  const put = (value: number, n: number): void => {
    for (let i = n - 1; i >= 0; i--) bits.push((value >>> i) & 1);
  };
  put(4, 4);
  put(bytes.length, v < 10 ? 8 : 16);
  for (const b of bytes) put(b, 8);
  const room = dataBytes(v) * 8;
  put(0, Math.min(4, room - bits.length));
  put(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < room; pad ^= 0xec ^ 0x11) put(pad, 8);
  const out: number[] = [];
  for (let i = 0; i < bits.length; i += 8) out.push(bits.slice(i, i + 8).reduce((a, b) => (a << 1) | b, 0));
  return out;
}
/* blocks with their check bytes, taken in turn */
function interleave(data: number[], v: number): number[] {
  const blocks = BLOCKS_M[v - 1];
  const ec = EC_M[v - 1];
  const raw = Math.floor(rawBits(v) / 8);
  const short = blocks - (raw % blocks);
  const len = Math.floor(raw / blocks);
  const div = divisor(ec);
  const all: number[][] = [];
  for (let i = 0, k = 0; i < blocks; i++) {
    const part = data.slice(k, k + len - ec + (i < short ? 0 : 1));
    k += part.length;
    const check = remainder(part, div);
    if (i < short) part.push(-1);
    all.push(part.concat(check));
  }
  const out: number[] = [];
  for (let i = 0; i < all[0].length; i++) for (const b of all) if (b[i] >= 0) out.push(b[i]);
  return out;
}

function alignments(v: number): number[] {
  if (v === 1) return [];
  const n = Math.floor(v / 7) + 2;
  const step = Math.ceil((v * 4 + 4) / (n * 2 - 2)) * 2;
  const out = [6];
  for (let pos = v * 4 + 10; out.length < n; pos -= step) out.splice(1, 0, pos);
  return out;
}
function frame(v: number): { grid: Grid; fixed: Grid } {
  const size = v * 4 + 17;
  const grid: Grid = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  const fixed: Grid = grid.map((r) => [...r]);
  const set = (x: number, y: number, on: boolean): void => {
    if (x < 0 || y < 0 || x >= size || y >= size) return;
    grid[y][x] = on;
    fixed[y][x] = true;
  };
  for (let i = 0; i < size; i++) {
    set(6, i, i % 2 === 0);
    set(i, 6, i % 2 === 0);
  }
  for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]])
    for (let dy = -4; dy <= 4; dy++)
      for (let dx = -4; dx <= 4; dx++) {
        const d = Math.max(Math.abs(dx), Math.abs(dy));
        set(cx + dx, cy + dy, d !== 2 && d !== 4);
      }
  const al = alignments(v);
  al.forEach((x, i) =>
    al.forEach((y, j) => {
      const corner = (i === 0 && j === 0) || (i === 0 && j === al.length - 1) || (i === al.length - 1 && j === 0);
      if (corner) return;
      for (let dy = -2; dy <= 2; dy++) for (let dx = -2; dx <= 2; dx++) set(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
    }),
  );
  formatBits(set, size, 0);
  if (v >= 7) {
    let rem = v;
    for (let i = 0; i < 12; i++) rem = (rem << 1) ^ ((rem >>> 11) * 0x1f25);
    const bits = (v << 12) | rem;
    for (let i = 0; i < 18; i++) {
      const on = ((bits >>> i) & 1) === 1;
      const a = size - 11 + (i % 3);
      const b = Math.floor(i / 3);
      set(a, b, on);
      set(b, a, on);
    }
  }
  return { grid, fixed };
}
function formatBits(set: (x: number, y: number, on: boolean) => void, size: number, mask: number): void {
  let rem = mask; /* level M is 00 */
  for (let i = 0; i < 10; i++) rem = (rem << 1) ^ ((rem >>> 9) * 0x537);
  const bits = ((mask << 10) | rem) ^ 0x5412;
  const on = (i: number): boolean => ((bits >>> i) & 1) === 1;
  for (let i = 0; i <= 5; i++) set(8, i, on(i));
  set(8, 7, on(6));
  set(8, 8, on(7));
  set(7, 8, on(8));
  for (let i = 9; i < 15; i++) set(14 - i, 8, on(i));
  for (let i = 0; i < 8; i++) set(size - 1 - i, 8, on(i));
  for (let i = 8; i < 15; i++) set(8, size - 15 + i, on(i));
  set(8, size - 8, true);
}

const MASKS: ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];
function penalty(g: Grid): number {
  const size = g.length;
  let p = 0;
  const line = (at: (i: number) => boolean): void => {
    let run = 0;
    let last: boolean | null = null;
    let s = '';
    for (let i = 0; i < size; i++) {
      const c = at(i);
      s += c ? '1' : '0';
      if (c === last) {
        run++;
        if (run === 5) p += 3;
        else if (run > 5) p++;
      } else {
        last = c;
        run = 1;
      }
    }
    for (const m of ['10111010000', '00001011101']) for (let i = s.indexOf(m); i >= 0; i = s.indexOf(m, i + 1)) p += 40;
  };
  for (let i = 0; i < size; i++) {
    line((j) => g[i][j]);
    line((j) => g[j][i]);
  }
  let dark = 0;
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      if (g[y][x]) dark++;
      if (x + 1 < size && y + 1 < size && g[y][x] === g[y][x + 1] && g[y][x] === g[y + 1][x] && g[y][x] === g[y + 1][x + 1]) p += 3;
    }
  return p + Math.floor(Math.abs(dark * 20 - size * size * 10) / (size * size)) * 10;
}

/* The dark modules, without the quiet zone of four around them. */
export function qr(text: string): Grid {
  const bytes = new TextEncoder().encode(text);
  let v = 1;
  while (v <= MAX && bytes.length + (v < 10 ? 2 : 3) > dataBytes(v)) v++;
  if (v > MAX) throw new RangeError('too long for a QR code');
  const words = interleave(codewords(bytes, v), v);
  const { grid, fixed } = frame(v);
  const size = grid.length;
  let i = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let n = 0; n < size; n++)
      for (let j = 0; j < 2; j++) {
        const x = right - j;
        const y = ((right + 1) & 2) === 0 ? size - 1 - n : n;
        if (fixed[y][x] || i >= words.length * 8) continue;
        grid[y][x] = ((words[i >>> 3] >>> (7 - (i & 7))) & 1) === 1;
        i++;
      }
  }
  let best: Grid | null = null;
  let least = Infinity;
  MASKS.forEach((mask, k) => {
    const g = grid.map((r, y) => r.map((c, x) => (fixed[y][x] ? c : c !== mask(x, y))));
    formatBits((x, y, on) => (g[y][x] = on), size, k);
    const p = penalty(g);
    if (p < least) {
      least = p;
      best = g;
    }
  });
  return best as unknown as Grid;
}
/* One path for an SVG whose view box is "-4 -4 size+8 size+8". */
export function qrPath(g: Grid): string {
  let d = '';
  g.forEach((row, y) => row.forEach((on, x) => (d += on ? `M${x} ${y}h1v1h-1z` : '')));
  return d;
}

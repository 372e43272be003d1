"""G.711, tones and Goertzel in pure Python: what the test phones speak and hear."""
import array
import math

RATE = 8000


def _ulaw_dec(u):
    u = ~u & 0xFF
    t = (((u & 0x0F) << 3) + 0x84) << ((u & 0x70) >> 4)
    return (0x84 - t) if u & 0x80 else (t - 0x84)


def _alaw_dec(a):
    a ^= 0x55
    t = (a & 0x0F) << 4
    seg = (a & 0x70) >> 4
    t = t + 8 if seg == 0 else (t + 0x108) << (seg - 1)
    return t if a & 0x80 else -t


ULAW = [_ulaw_dec(i) for i in range(256)]
ALAW = [_alaw_dec(i) for i in range(256)]


def _nearest(table):
    """sample >> 4 (offset 2048) -> code, by the nearest entry"""
    codes = sorted(range(256), key=lambda c: table[c])
    vals = [table[c] for c in codes]
    out, j = bytearray(4096), 0
    for i in range(4096):
        s = (i - 2048) * 16 + 8
        while j + 1 < 256 and abs(vals[j + 1] - s) <= abs(vals[j] - s):
            j += 1
        out[i] = codes[j]
    return bytes(out)


_ENC = {0: _nearest(ULAW), 8: _nearest(ALAW)}
_DEC = {0: ULAW, 8: ALAW}


def encode(samples, pt):
    t = _ENC[pt]
    return bytes(t[(max(-32768, min(32767, s)) >> 4) + 2048] for s in samples)


def decode(payload, pt):
    t = _DEC[pt]
    return [t[b] for b in payload]


def tone(freq, n, phase=0, amp=8000):
    w = 2 * math.pi * freq / RATE
    return [int(amp * math.sin(w * (i + phase))) for i in range(n)]


def power(samples, freq, rate=RATE):
    """share of the energy of `samples` that is at freq, 0..1"""
    n = len(samples)
    if not n:
        return 0.0
    total = sum(s * s for s in samples)
    if total < n * 100:
        return 0.0
    k = 2 * math.cos(2 * math.pi * freq / rate)
    s1 = s2 = 0.0
    for s in samples:
        s0 = s + k * s1 - s2
        s2, s1 = s1, s0
    mag = s1 * s1 + s2 * s2 - k * s1 * s2
    return min(1.0, 2 * mag / (n * total))


def level(samples):
    """root mean square"""
    return math.sqrt(sum(s * s for s in samples) / len(samples)) if samples else 0.0


def wav_channels(path):
    """(rate, left samples, right samples) of a 16 bit WAV file, also of one whose header was never completed"""
    d = open(path, "rb").read()
    assert d[:4] == b"RIFF" and d[8:12] == b"WAVE", "not a WAV file"
    pos, rate, ch, data = 12, RATE, 1, b""
    while pos + 8 <= len(d):
        cid, size = d[pos:pos + 4], int.from_bytes(d[pos + 4:pos + 8], "little")
        if cid == b"fmt ":
            ch = int.from_bytes(d[pos + 10:pos + 12], "little")
            rate = int.from_bytes(d[pos + 12:pos + 16], "little")
        if cid == b"data":
            data = d[pos + 8:pos + 8 + size]
            break
        pos += 8 + size + (size & 1)
    a = array.array("h")
    a.frombytes(data[:len(data) - len(data) % (2 * ch)])
    return rate, a[0::ch].tolist(), a[1::ch].tolist() if ch > 1 else []

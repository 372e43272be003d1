"""An RTP end with a tone generator and an ear. RFC 3550, RFC 4733."""
import os
import socket
import struct
import threading
import time

from . import audio

FRAME = 160


class Rtp:
    def __init__(self, host="127.0.0.1"):
        fam = socket.AF_INET6 if ":" in host else socket.AF_INET
        while True:
            self.sock = socket.socket(fam, socket.SOCK_DGRAM)
            self.sock.bind((host, 0))
            self.port = self.sock.getsockname()[1]
            if self.port % 2 == 0:
                break
            self.sock.close()
        self.host = host
        self.remote = None
        self.pt = 0
        self.te_pt = 101
        self.freq = 0
        self.muted = False
        self.cond = threading.Condition()
        self.packets = []  # (arrival, marker, pt, seq, ts, ssrc, payload)
        self.samples = []
        self.sources = set()
        self.sent = 0
        self._ssrc = int.from_bytes(os.urandom(4), "big")
        self._seq = int.from_bytes(os.urandom(2), "big")
        self._ts = int.from_bytes(os.urandom(4), "big")
        self._te = []
        self._stop = threading.Event()
        self._threads = []

    def start(self, remote=None, freq=None, pt=None):
        """begin (or change) sending; safe to call again"""
        if remote:
            self.remote = remote
        if freq is not None:
            self.freq = freq
        if pt is not None:
            self.pt = pt
        if not self._threads:
            self._threads = [threading.Thread(target=t, daemon=True) for t in (self._send_loop, self._recv_loop)]
            for t in self._threads:
                t.start()

    def close(self):
        self._stop.set()
        self.sock.close()

    def dtmf(self, digits):
        """queue key presses of 100 ms each"""
        for d in digits:
            self._te.append(["0123456789*#ABCD".index(d), 0])

    def raw(self, data, to=None):
        self.sock.sendto(data, to or self.remote)

    def _send_loop(self):
        nxt, phase, te_ts = time.monotonic(), 0, 0
        while not self._stop.is_set():
            nxt += 0.02
            self._stop.wait(max(0.0, nxt - time.monotonic()))
            if self.remote and not self.muted:
                marker, pt, ts = 0, self.pt, self._ts
                if self._te:
                    ev = self._te[0]
                    if ev[1] == 0:
                        te_ts, marker = self._ts, 0x80
                    ev[1] += 1
                    end = ev[1] >= 6
                    body = struct.pack("!BBH", ev[0], (0x80 if end else 0) | 10, min(ev[1], 6) * FRAME)
                    pt, ts = self.te_pt, te_ts
                    if ev[1] >= 8:
                        self._te.pop(0)
                else:
                    body = audio.encode(audio.tone(self.freq, FRAME, phase) if self.freq else [0] * FRAME, self.pt)
                try:
                    self.sock.sendto(struct.pack("!BBHII", 0x80, marker | pt, self._seq, ts & 0xFFFFFFFF, self._ssrc) + body, self.remote)
                    self.sent += 1
                except OSError:
                    pass
                self._seq = (self._seq + 1) & 0xFFFF
            self._ts = (self._ts + FRAME) & 0xFFFFFFFF
            phase += FRAME

    def _recv_loop(self):
        while not self._stop.is_set():
            try:
                d, src = self.sock.recvfrom(2048)
            except OSError:
                return
            if len(d) < 12 or d[0] >> 6 != 2:
                continue
            b0, b1, seq, ts, ssrc = struct.unpack("!BBHII", d[:12])
            pt, payload = b1 & 0x7F, d[12 + 4 * (b0 & 15):]
            with self.cond:
                self.packets.append((time.monotonic(), b1 >> 7, pt, seq, ts, ssrc, payload))
                self.sources.add(src[:2])
                if pt in (0, 8):
                    self.samples.extend(audio.decode(payload, pt))
                self.cond.notify_all()

    def clear(self):
        with self.cond:
            self.packets.clear()
            self.samples.clear()
            self.sources.clear()

    def wait(self, pred, timeout=5.0):
        """wait for pred(self) under the lock"""
        end = time.monotonic() + timeout
        with self.cond:
            while not pred(self):
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self.cond.wait(left)
        return True

    def hears(self, freq, timeout=5.0, window=1600, share=0.7):
        """the last 200 ms are mostly this tone, some time before the deadline"""
        seen = [0]

        def check(r):
            if len(r.samples) < window or len(r.samples) == seen[0]:
                return False
            seen[0] = len(r.samples)
            return audio.power(r.samples[-window:], freq) >= share
        return self.wait(check, timeout)

    def heard(self, *freqs, timeout=5.0, window=400, share=0.25):
        """these tones together, for 50 ms, at any time since the last clear()"""
        done = [0]

        def check(r):
            while done[0] + window <= len(r.samples):
                part = r.samples[done[0]:done[0] + window]
                if audio.level(part) > 200 and all(audio.power(part, f) >= share for f in freqs):
                    return True
                done[0] += window // 4
            return False
        return self.wait(check, timeout)

    def hears_nothing(self, seconds=0.5):
        """no packet at all, or silence, for so long from now on"""
        self.clear()
        self.wait(lambda r: False, seconds)
        return audio.level(self.samples) < 50

    def keys(self):
        """key presses received by RFC 4733, in order"""
        out, last = [], None
        with self.cond:
            for _, _, pt, _, ts, ssrc, payload in self.packets:
                if pt == self.te_pt and len(payload) >= 4 and (ts, ssrc) != last:
                    out.append("0123456789*#ABCD"[payload[0] & 15])
                    last = (ts, ssrc)
        return "".join(out)

    def continuity(self):
        """(number of SSRCs, gaps in sequence numbers) of what was received, in order of arrival"""
        with self.cond:
            p = list(self.packets)
        gaps = sum(1 for a, b in zip(p, p[1:]) if (b[3] - a[3]) & 0xFFFF != 1)
        return len({x[5] for x in p}), gaps

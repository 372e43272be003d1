"""Two real softphones (baresip) on the daemon: they register, one calls the other, each hears the other, and the recording has both.

Debian's baresip has no G.729; that codec is tested against its reference in tests/unit.
"""
import glob
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

import pytest
from lib.audio import power, wav_channels
from lib.daemon import free_port

pytestmark = pytest.mark.skipif(not shutil.which("baresip"), reason="baresip is not installed (packaging/deps-test.txt)")


def module_path():
    for p in ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"):
        if os.path.isdir(p):
            return p
    return "/usr/lib/baresip/modules"


APPS = ["account.so", "menu.so", "ctrl_tcp.so"]


class Baresip:
    """commanded by its ctrl_tcp module (netstrings of JSON)"""

    def __init__(self, ext, password, port, freq, codec, extra=""):
        self.dir = tempfile.mkdtemp(prefix=f"baresip-{ext}-")
        self.ctrl = free_port()
        mods = APPS + ["g711.so", "g722.so", "srtp.so", "ausine.so", "aubridge.so", "sndfile.so"]
        with open(f"{self.dir}/config", "w") as f:
            f.write(f"module_path {module_path()}\n" + "".join(f"module{'_app' if m in APPS else ''} {m}\n" for m in mods) +
                    # ausine speaks 48 kHz stereo only; sndfile writes what is sent and what is heard; aubridge is the ear that needs no sound card
                    f"audio_source ausine,{freq}\naudio_player aubridge,ear\nsnd_path {self.dir}\nausrc_srate 48000\nausrc_channels 2\n"
                    f"ctrl_tcp_listen 127.0.0.1:{self.ctrl}\nsip_listen 127.0.0.1:0\nrtp_timeout 0\n")
        with open(f"{self.dir}/accounts", "w") as f:
            f.write(f"<sip:{ext}@127.0.0.1:{port}>;auth_pass={password};audio_codecs={codec};regint=120{extra}\n")
        open(f"{self.dir}/contacts", "w").close()
        self.out = open(f"{self.dir}/log", "wb")
        self.proc = subprocess.Popen(["baresip", "-f", self.dir], stdout=self.out, stderr=self.out, stdin=subprocess.DEVNULL)
        self.sock, self.buf = None, b""
        end = time.monotonic() + 20
        while not self.sock:
            try:
                self.sock = socket.create_connection(("127.0.0.1", self.ctrl), 1)
            except OSError:
                assert time.monotonic() < end and self.proc.poll() is None, f"baresip did not start:\n{self.log()}"
                time.sleep(0.05)  # lint: poll of a port
        self.sock.settimeout(0.5)
        self.events = []

    def log(self):
        with open(f"{self.dir}/log", errors="replace") as f:
            return "".join(x for x in f if x.strip() and "audio=" not in x)

    def command(self, name, params=""):
        body = json.dumps({"command": name, "params": params, "token": name}).encode()
        self.sock.sendall(b"%d:%s," % (len(body), body))

    def wait(self, pred, timeout=15, what="event"):
        end = time.monotonic() + timeout
        while True:
            while self.events:
                e = self.events.pop(0)
                if pred(e):
                    return e
            assert time.monotonic() < end, f"no {what} from baresip:\n{self.log()}"
            try:
                d = self.sock.recv(65536)
                assert d, f"baresip closed its control connection:\n{self.log()}"
                self.buf += d
            except socket.timeout:
                continue
            while b":" in self.buf:
                n, _, rest = self.buf.partition(b":")
                if len(rest) < int(n) + 1:
                    break
                self.events.append(json.loads(rest[:int(n)]))
                self.buf = rest[int(n) + 1:]

    def event(self, name, **kw):
        return self.wait(lambda e: e.get("type") == name, what=name, **kw)

    def close(self):
        self.proc.terminate()
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
        self.out.close()
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.mark.parametrize("codec_a,codec_b,extra,proof", [
    ("pcma", "pcma", "", "Set audio encoder: PCMA"),
    ("g722/16000/1", "pcmu", "", "Set audio encoder: G722"),
    ("pcmu", "g722/16000/1", ";mediaenc=srtp-mand", "starting mediaenc 'srtp"),
    ("pcmu", "pcmu", ";mediaenc=srtp-mand", "starting mediaenc 'srtp-mand'"),  # takes no call without keys
    ("pcma", "pcma", ";mediaenc=srtp", "starting mediaenc 'srtp'"),  # offers keys with RTP/AVP: best effort
])
def test_baresip_pair(daemon, codec_a, codec_b, extra, proof):
    phones, n = [], len(daemon.sql("SELECT id FROM calls WHERE ended > 0"))
    try:
        a = Baresip(8000, daemon.password(8000), daemon.port, 440, codec_a, extra)
        phones.append(a)
        b = Baresip(8001, daemon.password(8001), daemon.port, 1000, codec_b)
        phones.append(b)
        registered(daemon, 8000, 8001)
        a.command("dial", f"sip:8001@127.0.0.1:{daemon.port}")
        b.event("CALL_INCOMING")
        b.command("accept")
        answer = b.wait(lambda e: e.get("response"), what="answer to accept")
        assert answer.get("ok"), answer
        a.event("CALL_ESTABLISHED")
        b.event("CALL_ESTABLISHED")
        assert proof in a.log(), a.log()
        recorded(daemon, 2.0)
        a.command("hangup")
        b.event("CALL_CLOSED")
        row = daemon.call_rows(n + 1)[-1]
        assert row["state"] == "answered"
        rate, left, right = wav_channels(daemon.recording(row))
        assert share(left, rate, 440) > 0.6, "the first phone's tone is not in the left channel"
        assert share(right, rate, 1000) > 0.6, "the second phone's tone is not in the right channel"
        heard(a, 1000)
        heard(b, 440)
    finally:
        for p in phones:
            p.close()
        for ext in (8000, 8001):
            u = daemon.ua(ext, register=False)
            u.register(contact="*", expires=0)


def registered(d, *exts):
    """a phone may be through before its control connection is there to tell"""
    end = time.monotonic() + 15
    while any(not d.sql("SELECT 1 FROM bindings WHERE ext = ?", str(e)) for e in exts):
        assert time.monotonic() < end, "the phones do not register"
        time.sleep(0.05)  # lint: poll of a table


def share(samples, rate, freq):
    """of the tone in 200 ms from the middle"""
    mid = len(samples) // 2
    return power(samples[mid - rate // 10:mid + rate // 10], freq, rate)


def recorded(d, seconds):
    """until the call's recording has grown to so many seconds"""
    end = time.monotonic() + 15
    while True:
        rows = d.sql("SELECT recording, ended, talk FROM calls WHERE state = 'talking'")
        if rows and os.path.exists(d.recording(rows[0])) and os.path.getsize(d.recording(rows[0])) > seconds * 32000:
            return
        assert time.monotonic() < end, "the recording does not grow"
        time.sleep(0.05)  # lint: poll of a file


def heard(phone, freq):
    """what the phone itself decoded; its file is complete when the phone has ended the call"""
    end = time.monotonic() + 5
    while True:
        files = glob.glob(f"{phone.dir}/dump-*-dec.wav")
        if files and os.path.getsize(files[0]) > 16000:
            rate, s, _ = wav_channels(files[0])
            if share(s, rate, freq) > 0.5:
                return
        assert time.monotonic() < end, f"the phone did not hear {freq} Hz:\n{phone.log()}"
        time.sleep(0.05)  # lint: poll of a file

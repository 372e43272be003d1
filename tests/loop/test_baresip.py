"""Two real softphones (baresip) on the daemon: they register, one calls the other, and both are heard in the recording."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

import pytest
from lib.audio import power, wav_channels
from lib.daemon import Daemon, free_port

pytestmark = pytest.mark.skipif(not shutil.which("baresip"), reason="baresip is not installed (packaging/deps-test.txt)")


def module_path():
    for p in ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"):
        if os.path.isdir(p):
            return p
    return "/usr/lib/baresip/modules"


class Baresip:
    """commanded by its ctrl_tcp module (netstrings of JSON)"""

    def __init__(self, ext, password, port, freq, codec, extra=""):
        self.dir = tempfile.mkdtemp(prefix=f"baresip-{ext}-")
        self.ctrl = free_port()
        mods = ["account.so", "menu.so", "ctrl_tcp.so", "g711.so", "ausine.so", "aufile.so", "auconv.so", "auresamp.so", "srtp.so", "g722.so"]
        mods = [m for m in mods if os.path.exists(os.path.join(module_path(), m))]
        with open(f"{self.dir}/config", "w") as f:
            f.write(f"module_path {module_path()}\n" + "".join(f"module{'_app' if m in ('account.so', 'menu.so', 'ctrl_tcp.so') else ''} {m}\n" for m in mods) +
                    f"audio_source ausine,{freq}\naudio_player aufile,{self.dir}/heard.wav\nausrc_srate 8000\nauplay_srate 8000\n"
                    f"ausrc_channels 1\nauplay_channels 1\nctrl_tcp_listen 127.0.0.1:{self.ctrl}\nsip_listen 127.0.0.1:0\nrtp_timeout 0\n")
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
        return open(f"{self.dir}/log", errors="replace").read()[-3000:]

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


@pytest.mark.parametrize("codec_a,codec_b,extra", [("pcma", "pcma", ""), ("g722", "pcmu", ""), ("pcmu", "pcmu", ";mediaenc=srtp")])
def test_baresip_pair(codec_a, codec_b, extra):
    with Daemon() as d:
        phones = []
        try:
            a = Baresip(8000, d.password(8000), d.port, 440, codec_a, extra)
            phones.append(a)
            b = Baresip(8001, d.password(8001), d.port, 1000, codec_b)
            phones.append(b)
            a.wait(lambda e: e.get("type") == "REGISTER_OK" or "registered" in str(e).lower(), what="registration") if not registered(d, 8000) else None
            b.wait(lambda e: e.get("type") == "REGISTER_OK" or "registered" in str(e).lower(), what="registration") if not registered(d, 8001) else None
            a.command("dial", f"sip:8001@127.0.0.1:{d.port}")
            b.event("CALL_INCOMING")
            b.command("accept")
            answer = b.wait(lambda e: e.get("response"), what="answer to accept")
            assert answer.get("ok"), answer
            a.event("CALL_ESTABLISHED")
            b.event("CALL_ESTABLISHED")
            recorded(d, 3.0)
            a.command("hangup")
            b.event("CALL_CLOSED")
            row = d.call_rows(1)[0]
            assert row["state"] == "answered"
            _, left, right = wav_channels(d.recording(row))
            mid = len(left) // 2
            assert power(left[mid - 800:mid + 800], 440) > 0.6, "the first phone's tone is not in the left channel"
            assert power(right[mid - 800:mid + 800], 1000) > 0.6, "the second phone's tone is not in the right channel"
            for p, f in ((a, 1000), (b, 440)):
                heard(p, f)
        finally:
            for p in phones:
                p.close()


def registered(d, ext):
    return bool(d.sql("SELECT 1 FROM bindings WHERE ext = ?", str(ext)))


def recorded(d, seconds):
    """until the call's recording has grown to so many seconds"""
    end = time.monotonic() + 15
    while True:
        rows = d.sql("SELECT recording FROM calls WHERE state = 'talking'")
        if rows and os.path.exists(d.recording(rows[0])) and os.path.getsize(d.recording(rows[0])) > seconds * 32000:
            return
        assert time.monotonic() < end, "the recording does not grow"
        time.sleep(0.05)  # lint: poll of a file


def heard(phone, freq):
    """what the phone itself played"""
    path = f"{phone.dir}/heard.wav"
    end = time.monotonic() + 5
    while not os.path.exists(path) or os.path.getsize(path) < 16000:
        assert time.monotonic() < end, f"the phone heard nothing:\n{phone.log()}"
        time.sleep(0.05)  # lint: poll of a file
    d = open(path, "rb").read()[44:]
    import array
    s = array.array("h")
    s.frombytes(d[:len(d) // 2 * 2])
    mid = len(s) // 2
    assert power(s[mid - 800:mid + 800].tolist(), freq) > 0.5, f"the phone did not hear {freq} Hz"

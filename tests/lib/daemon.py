"""A zuoxid of one's own: free ports, its own data folder, demo company, REST client. Sanitizer reports fail the test."""
import atexit
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from .sipua import Ua

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get("ZUOXID", os.path.join(ROOT, "build/asan/zuoxid")))
READY = 60.0


PORTS = range(26000, 32760)  # below the ephemeral ones: nobody is given one of these by chance between our look and the use
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 2
_ports = itertools.islice(itertools.cycle(range(PORTS.start + _worker, PORTS.stop, 2)), os.getpid() * 37 % 3000, None)


def free_port():
    """free for UDP and TCP; not given again soon, nor to the other test process"""
    for p in _ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            try:
                t.bind(("127.0.0.1", p))
                u.bind(("127.0.0.1", p))
                return p
            except OSError:
                pass


class HttpError(Exception):
    def __init__(self, status, body, headers):
        super().__init__(f"HTTP {status}: {body}")
        self.status, self.body, self.headers = status, body, headers


class Api:
    """a logged-in REST client"""

    def __init__(self, base):
        self.base, self.cookie, self.csrf = base, "", ""

    def raw(self, method, path, body=None, headers=None):
        h = {"Accept-Language": "en", **(headers or {})}
        if self.cookie:
            h.setdefault("Cookie", self.cookie)
        if self.csrf and method != "GET":
            h.setdefault("X-CSRF-Token", self.csrf)
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            h.setdefault("Content-Type", "application/json")
        req = urllib.request.Request(self.base + path, data=data, method=method, headers=h)
        try:
            with urllib.request.urlopen(req, timeout=20) as r:
                return r.status, r.read(), r.headers
        except urllib.error.HTTPError as e:
            return e.code, e.read(), e.headers

    def __call__(self, method, path, body=None, headers=None):
        status, data, h = self.raw(method, "/api/v1" + path, body, headers)
        js = json.loads(data) if data and "json" in h.get("Content-Type", "") else data
        if status >= 400:
            raise HttpError(status, js, h)
        return js

    def get(self, path):
        return self("GET", path)

    def post(self, path, body=None):
        return self("POST", path, body if body is not None else {})

    def login(self, user, password):
        status, data, h = self.raw("POST", "/api/v1/session", {"login": user, "password": password})
        if status != 200:
            raise HttpError(status, data, h)
        self.cookie = h["Set-Cookie"].split(";")[0]
        s = json.loads(data)
        self.csrf = s["csrf"]
        return s


_template = None


def template():
    """a data folder with the demo company; making its passwords takes a second, copying it does not"""
    global _template
    if not _template:
        d = Daemon(data=tempfile.mkdtemp(prefix="zuoxi-demo-"))
        atexit.register(shutil.rmtree, d.data, True)
        d.stop()
        for f in ("test.log", "notify.sock"):
            os.unlink(os.path.join(d.data, f))
        _template = d.data
    return _template


class Daemon:
    def __init__(self, sets=None, demo=True, start=True, data=None, ipv6=False, env=None):
        self.data = data or tempfile.mkdtemp(prefix="zuoxi-test-")
        self.own_data = data is None
        self.port, self.tls_port, self.http = free_port(), free_port(), free_port()
        base = 10000 + (os.getpid() * 7 + int(time.time() * 50)) % 40 * 400
        self.sets = {"sip.listen": "127.0.0.1,::1" if ipv6 else "127.0.0.1", "sip.port": self.port, "sip.tls_port": self.tls_port,
                     "http.listen": "127.0.0.1", "http.port": self.http, "https.port": 0, "rtp.port_min": base, "rtp.port_max": base + 399,
                     "log.level": "debug", "sip.options_interval": 0, "media.threads": 2, "http.threads": 16, "recordings.min_free_mb": 1}
        self.sets.update(sets or {})
        self.demo, self.env = demo, env or {}
        self.proc = None
        self.uas = []
        self.creds = {}
        self._api = None
        if start:
            self.start()

    # ---- process
    def command(self, *extra):
        cmd = [BINARY, "--data", self.data] + (["--demo"] if self.demo else [])
        for k, v in self.sets.items():
            cmd += ["--set", f"{k}={v}"]
        return cmd + list(extra)

    @property
    def logfile(self):
        return os.path.join(self.data, "test.log")

    def log(self):
        return open(self.logfile, errors="replace").read() if os.path.exists(self.logfile) else ""

    def start(self):
        os.makedirs(self.data, exist_ok=True)
        if self.demo and self.own_data and not os.path.exists(os.path.join(self.data, "zuoxi.db")):
            shutil.copytree(template(), self.data, dirs_exist_ok=True)
        note = os.path.join(self.data, "notify.sock")
        if os.path.exists(note):
            os.unlink(note)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ns:
            ns.bind(note)
            env = {**os.environ, "NOTIFY_SOCKET": note, "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:exitcode=99",
                   "UBSAN_OPTIONS": "print_stacktrace=1", "TSAN_OPTIONS": "exitcode=98:second_deadlock_stack=1",
                   "LSAN_OPTIONS": f"suppressions={ROOT}/tests/lib/lsan.supp:print_suppressions=0", **self.env}
            env.pop("JOURNAL_STREAM", None)
            self.proc = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=open(self.logfile, "ab"), env=env)
            end = time.monotonic() + READY
            ns.settimeout(0.2)
            while True:
                try:
                    if b"READY=1" in ns.recv(4096):
                        break
                except socket.timeout:
                    pass
                if self.proc.poll() is not None:
                    raise AssertionError(f"zuoxid ended with {self.proc.returncode}:\n{self.log()[-4000:]}")
                if time.monotonic() > end:
                    self.proc.kill()
                    raise AssertionError(f"zuoxid not ready in {READY} s:\n{self.log()[-4000:]}")
        self.creds = self.read_creds()
        self._api = None

    def read_creds(self):
        out, path = {}, os.path.join(self.data, "demo-credentials.txt")
        if os.path.exists(path):
            for line in open(path):
                f = line.split()
                if len(f) == 3 and not line.startswith("#"):
                    out[(f[0], f[1])] = f[2]
        return out

    def kill9(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait(10)

    def terminate(self, timeout=30):
        """SIGTERM and the exit code"""
        self.proc.send_signal(signal.SIGTERM)
        return self.proc.wait(timeout)

    def stop_keep(self):
        """a clean stop; the data stays for the next start()"""
        assert self.terminate() == 0

    def where(self):
        """what its threads are doing"""
        if shutil.which("gdb"):
            r = subprocess.run(["gdb", "-p", str(self.proc.pid), "-batch", "-ex", "thread apply all bt 12"], capture_output=True, text=True, timeout=60)
            return r.stdout[-12000:]
        out = []
        for t in os.listdir(f"/proc/{self.proc.pid}/task"):
            out += [open(f"/proc/{self.proc.pid}/task/{t}/{f}").read().split("\n")[0] for f in ("comm", "stat", "wchan", "syscall")]
        return "\n".join(out)

    def stop(self):
        for u in self.uas:
            u.close()
        self.uas = []
        code = 0
        if self.proc and self.proc.poll() is None:
            try:
                code = self.terminate()
            except subprocess.TimeoutExpired:
                where = self.where()
                self.proc.kill()
                self.proc.wait(10)
                raise AssertionError(f"zuoxid did not end on SIGTERM:\n{where}\n{self.log()[-4000:]}") from None
        log = self.log()
        bad = re.search(r"ERROR: (Address|Leak|Thread)Sanitizer|runtime error:|WARNING: ThreadSanitizer", log)
        if self.own_data:
            shutil.rmtree(self.data, ignore_errors=True)
        assert not bad, f"sanitizer report:\n{log[bad.start():bad.start() + 6000]}"
        assert code == 0, f"exit code {code}:\n{log[-4000:]}"

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.stop()

    # ---- phones
    def password(self, ext):
        return self.creds[("extension", str(ext))]

    def ua(self, ext, register=True, transport="udp", host="127.0.0.1", **kw):
        port = self.tls_port if transport == "tls" else self.port
        server = ("::1" if ":" in host else "127.0.0.1", port)
        u = Ua(str(ext), self.password(ext), server, transport, host, **kw)
        self.uas.append(u)
        if register:
            u.register()
        return u

    # ---- web and store
    @property
    def api(self):
        if not self._api:
            self._api = self.client("admin")
        return self._api

    def client(self, user):
        a = Api(f"http://127.0.0.1:{self.http}")
        a.login(user, self.creds[("user", user)])
        return a

    def apply(self, note="", api=None):
        """更新配置: what was edited goes live"""
        api = api or self.api
        return api.post("/config/apply", {"hash": api.get("/config?brief=1")["draftHash"], "note": note})

    def sql(self, query, *args):
        # closed at once: Python's own reference cycle would keep it, and its lock, until the next garbage collection
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/zuoxi.db?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            return [dict(r) for r in db.execute(query, args)]

    def call_rows(self, n=1, timeout=5.0, state=None):
        """call records, oldest first, as soon as n of them are complete"""
        end = time.monotonic() + timeout
        while True:
            rows = self.sql("SELECT * FROM calls LEFT JOIN call_details ON call_id = id WHERE ended > 0 ORDER BY start, id")
            if len(rows) >= n or time.monotonic() > end:
                assert len(rows) >= n, f"{len(rows)} call records, not {n}"
                return rows
            time.sleep(0.02)  # lint: poll of a file; SQLite has no notification

    def recording(self, row, timeout=5.0):
        """path of the complete recording of an ended call; the writer is allowed a moment after the row"""
        path = os.path.join(self.data, "recordings", row["recording"])
        end = time.monotonic() + timeout
        while row["ended"] and (not os.path.exists(path) or os.path.getsize(path) < 44 + (row["talk"] - 200) * 32):
            assert time.monotonic() < end, f"the recording has {os.path.getsize(path) if os.path.exists(path) else 'no'} bytes for {row['talk']} ms"
            time.sleep(0.02)  # lint: poll of a file
        return path

"""The server against clients that behave badly; files; TLS."""
import http.client
import json
import os
import socket
import ssl
import subprocess
import threading
import time

import pytest
from lib.daemon import Daemon, free_port

from .conftest import Web, until

HEADERS = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"}


def talk(port, data, timeout=5.0, shut=False):
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        out = b""
        try:
            s.sendall(data)
            if shut:
                s.shutdown(socket.SHUT_WR)
            while True:
                part = s.recv(65536)
                if not part:
                    return out
                out += part
                if b"\r\n\r\n" in out and (b" 413 " in out or b"HTTP/1.1 200" in out) and b"}" in out:
                    return out
        except OSError:
            return out


def hello(port):
    """is a handshake done there"""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as raw, ssl._create_unverified_context().wrap_socket(raw):
            return True
    except OSError:
        return False


def alive(web):
    return json.loads(web.anonymous().raw("GET", "/api/v1/health")[1])["ok"]


def test_headers_on_everything(web, admin):
    for path in ["/", "/api/v1/health", "/api/v1/nothing", "/ca.crt", "/assets/nothing.js", "/api/v1/extensions/export.csv"]:
        h = admin.raw("GET", path)[2]
        for k, v in HEADERS.items():
            assert h[k] == v, path
        csp = h["Content-Security-Policy"]
        for part in ["default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "connect-src 'self' wss:"]:
            assert part in csp
        assert "microphone=(self)" in h["Permissions-Policy"]
        assert "Server" not in h
        assert path.startswith("/api") is False or h["Cache-Control"] == "no-store"


@pytest.mark.parametrize("body,status", [(b"", 400), (b"{", 400), (b"[]", 400), (b"null", 400), (b"{}x", 400), (b'{"a":1}\0', 400), (b'{"a":"\xff"}', 400),
                                         (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", 400), (b"[" * 200000, 400), (b'{"login":' * 5000, 400),
                                         (b'{"a":1e999}', 401), (b'{"a":"\\ud800"}', 400), (b'{"login":"x","password":"' + b"y" * 5000 + b'"}', 401)])
def test_bodies(web, body, status):
    a = web.anonymous()
    assert a.raw("POST", "/api/v1/session", body)[0] == status
    assert alive(web)


def test_body_limit(web):
    big = b'{"a":"' + b"x" * (1 << 20) + b'"}'
    assert web.anonymous().raw("POST", "/api/v1/session", big)[0] == 413
    port = web.d.http
    out = talk(port, b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n")
    assert b" 413 " in out.split(b"\r\n")[0]
    # chunked, without an announced length
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    out = talk(port, b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 20)
    assert b" 413 " in out.split(b"\r\n")[0]
    ok = b'{"login":"x","password":"y"}'
    out = talk(port, b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
               + b"%x\r\n%s\r\n0\r\n\r\n" % (len(ok), ok))
    assert b" 401 " in out.split(b"\r\n")[0]


GARBAGE = [b"\x00" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
           b"GET " + b"/x" * 9000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost\r\n: x\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
           b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
           b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /api/v1/health?%00 HTTP/1.1\r\nHost: x\r\n\r\n",
           b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /..%5c..%5cx HTTP/1.1\r\nHost: x\r\n\r\n", b"GET http://x/api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n",
           b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
           b"GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=" + b"0-1," * 2000 + b"\r\n\r\n", b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
           b"POST /api/v1/session HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n"]


@pytest.mark.parametrize("data", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage(web, data):
    out = talk(web.d.http, data, timeout=1.5, shut=True)
    assert not out or out.startswith(b"HTTP/1.1 ")
    assert b"root:" not in out
    assert alive(web)


def test_path_traversal(web):
    for p in ["/../zuoxi.db", "/assets/../../zuoxi.db", "/%2e%2e/zuoxi.db", "/..%2fzuoxi.db", "/.env", "/assets/.htaccess", "//etc/passwd", "/etc/passwd%00.js"]:
        out = talk(web.d.http, f"GET {p} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert b"SQLite" not in out and b"root:" not in out
        assert out.split(b" ")[1] in (b"200", b"404", b"400"), p


def test_slow_clients_do_not_stop_others(web):
    """more half-sent heads than there are workers; idle connections; bodies that stop"""
    socks = []
    for i in range(60):
        s = socket.create_connection(("127.0.0.1", web.d.http))
        s.sendall([b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"", b"G"][i % 3])
        socks.append(s)
    for _ in range(4):
        s = socket.create_connection(("127.0.0.1", web.d.http))
        s.sendall(b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        socks.append(s)
    t = time.monotonic()
    for _ in range(10):
        assert alive(web)
    assert time.monotonic() - t < 3
    # and they are ended
    end = time.monotonic() + 14
    for s in socks[:60]:
        s.settimeout(max(0.1, end - time.monotonic()))
        try:
            assert s.recv(100) == b""
        except ConnectionResetError:
            pass
    for s in socks:
        s.close()


def test_client_that_does_not_read(web, admin):
    """a download left lying holds one worker for a while, not the server"""
    i = web.add_call(recording=web.add_recording(seconds=60, name="2026/11/22/long.wav"))
    socks = []
    for _ in range(3):
        s = socket.create_connection(("127.0.0.1", web.d.http))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(f"GET /api/v1/calls/{i}/recording HTTP/1.1\r\nHost: x\r\nCookie: {admin.cookie}\r\n\r\n".encode())
        socks.append(s)
        assert s.recv(10) == b"HTTP/1.1 2"
    assert alive(web)
    assert len(admin.raw("GET", f"/api/v1/calls/{i}/recording")[1]) == 60 * 32000 + 44
    for s in socks:
        s.close()
    assert alive(web)


def test_many_at_once(web, admin):
    bad = []

    def work():
        for _ in range(20):
            s, d, _ = admin.raw("GET", "/api/v1/extensions?size=20")
            if s != 200 or json.loads(d)["total"] < 50:
                bad.append(s)
    ts = [threading.Thread(target=work) for _ in range(24)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()
    assert not bad


def test_keep_alive(web):
    c = http.client.HTTPConnection("127.0.0.1", web.d.http, timeout=5)
    for _ in range(5):
        c.request("GET", "/api/v1/health")
        assert json.loads(c.getresponse().read())["ok"]
    sock = c.sock
    assert sock is not None
    c.close()


def test_private_listener_refuses_strangers(web):
    """civetweb's own port, found as root: a connection that did not come by the front gets nothing"""
    out = subprocess.run(["ss", "-ltnp"], capture_output=True, text=True).stdout
    mine = [int(l.split()[3].rsplit(":", 1)[1]) for l in out.splitlines() if f"pid={web.d.proc.pid}," in l]
    inner = set(mine) - {web.d.http, web.d.sets["https.port"], web.d.port, web.d.tls_port}
    assert len(inner) == 1
    out = talk(inner.pop(), b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n")
    assert b" 403 " in out.split(b"\r\n")[0]


# ---- TLS


def test_tls_and_the_ca(web):
    pem = web.anonymous().raw("GET", "/ca.crt")[1].decode()
    assert pem.startswith("-----BEGIN CERTIFICATE")
    ctx = ssl.create_default_context(cadata=pem)
    port = web.d.sets["https.port"]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw, ctx.wrap_socket(raw, server_hostname="127.0.0.1") as s:
        assert s.version() in ("TLSv1.2", "TLSv1.3")
        names = dict((k + v, 1) for k, v in s.getpeercert()["subjectAltName"])
        assert "DNSlocalhost" in names and "IP Address127.0.0.1" in names and "DNS" + socket.gethostname() in names
        s.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        out = b""
        while part := s.recv(65536):
            out += part
        assert b'"ok":true' in out
    text = subprocess.run(["openssl", "x509", "-in", f"{web.d.data}/tls/server.crt", "-noout", "-text"], capture_output=True, text=True).stdout
    assert "prime256v1" in text and "TLS Web Server Authentication" in text and "CA:FALSE" in text
    for f in ("ca.key", "server.key"):
        assert os.stat(f"{web.d.data}/tls/{f}").st_mode & 0o777 == 0o600


def test_old_tls_is_refused(web):
    for flag in ("-tls1", "-tls1_1"):
        r = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{web.d.sets['https.port']}", flag, "-cipher", "ALL:@SECLEVEL=0"], input=b"",
                           capture_output=True, timeout=10)
        assert b"Cipher is (NONE)" in r.stdout or b"alert" in r.stderr or r.returncode
    assert alive(web)


def test_tls_garbage_and_half_handshakes(web):
    port = web.d.sets["https.port"]
    for data in [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + os.urandom(300), b"\x16\x03\x01\x40\x00", os.urandom(2000), b""]:
        talk(port, data, timeout=1, shut=True)
    socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    ctx = ssl.create_default_context(cafile=f"{web.d.data}/tls/ca.crt")
    c = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=ctx)
    c.request("GET", "/api/v1/health")
    assert json.loads(c.getresponse().read())["ok"]
    for s in socks:
        s.close()


def test_big_transfers_over_tls(web, admin):
    i = web.add_call(recording=web.add_recording(seconds=120, name="2026/11/22/tls.wav"))
    ctx = ssl.create_default_context(cafile=f"{web.d.data}/tls/ca.crt")
    c = http.client.HTTPSConnection("127.0.0.1", web.d.sets["https.port"], timeout=10, context=ctx)
    body = json.dumps({"login": "admin", "password": web.d.creds[("user", "admin")]})
    c.request("POST", "/api/v1/session", body, {"Content-Type": "application/json"})
    r = c.getresponse()
    r.read()
    cookie = r.getheader("Set-Cookie").split(";")[0]
    for _ in range(3):
        c.request("GET", f"/api/v1/calls/{i}/recording", headers={"Cookie": cookie})
        data = c.getresponse().read()
        assert len(data) == 120 * 32000 + 44 and data == open(f"{web.d.data}/recordings/2026/11/22/tls.wav", "rb").read()
    big = '{"login":"x","password":"' + "y" * 900000 + '"}'
    c.request("POST", "/api/v1/session", big, {"Content-Type": "application/json"})
    assert c.getresponse().status == 401


def test_certificates_survive_and_renew(tmp_path):
    data = str(tmp_path / "data")
    sets = {"https.port": free_port(), "http.threads": 8}

    def serial(name):
        return subprocess.run(["openssl", "x509", "-in", f"{data}/tls/{name}", "-noout", "-serial"], capture_output=True, text=True).stdout

    def wait(web):
        until(lambda: hello(sets["https.port"]))
        assert alive(web)
    with Daemon(sets, data=data) as d:
        wait(Web(d))
        ca, server = serial("ca.crt"), serial("server.crt")
    with Daemon(sets, data=data, demo=False) as d:
        wait(Web(d))
        assert (serial("ca.crt"), serial("server.crt")) == (ca, server)
    # a certificate that does not name this machine, or does not fit its key, is made again by the same CA
    os.unlink(f"{data}/tls/server.key")
    with Daemon(sets, data=data, demo=False) as d:
        wait(Web(d))
        assert serial("ca.crt") == ca and serial("server.crt") != server
        ctx = ssl.create_default_context(cafile=f"{data}/tls/ca.crt")
        c = http.client.HTTPSConnection("127.0.0.1", sets["https.port"], timeout=5, context=ctx)
        c.request("GET", "/api/v1/health")
        assert c.getresponse().status == 200


def test_own_certificate_of_the_administrator(tmp_path):
    crt, key = tmp_path / "own.crt", tmp_path / "own.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", crt, "-days", "3", "-subj",
                    "/CN=pbx.example", "-addext", "subjectAltName=DNS:pbx.example"], check=True, capture_output=True)
    with Daemon({"https.port": free_port(), "https.cert": str(crt), "https.key": str(key), "http.threads": 8}) as d:
        ctx = ssl.create_default_context(cafile=str(crt))
        until(lambda: hello(d.sets["https.port"]))
        with socket.create_connection(("127.0.0.1", d.sets["https.port"]), timeout=5) as raw, ctx.wrap_socket(raw, server_hostname="pbx.example") as s:
            assert s.getpeercert()["subject"][0][0][1] == "pbx.example"
        assert Web(d).anonymous().raw("GET", "/ca.crt")[0] == 404


# ---- files


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    root = tmp_path_factory.mktemp("app")
    (root / "assets").mkdir()
    (root / "index.html").write_text("<!doctype html><title>app</title>")
    (root / "assets/main-abc.js").write_text("console.log(1)//" + "x" * 5000)
    (root / "assets/main-abc.js.gz").write_bytes(b"\x1f\x8bgz")
    (root / "assets/main-abc.js.br").write_bytes(b"brbr")
    (root / ".secret").write_text("secret")
    (root / "sub.dir").mkdir()
    with Daemon({"web.root": str(root), "http.threads": 8}) as d:
        yield Web(d)


def test_static_files(app):
    a = app.anonymous()
    status, data, h = a.raw("GET", "/")
    assert status == 200 and b"app" in data and h["Cache-Control"] == "no-cache" and h["Content-Type"] == "text/html; charset=utf-8"
    assert a.raw("GET", "/", headers={"If-None-Match": h["ETag"]})[0] == 304
    for page in ["/calls", "/extensions/5", "/deep/page/of/app"]:
        assert a.raw("GET", page)[1] == data, "the application routes by itself"
    status, data, h = a.raw("GET", "/assets/main-abc.js")
    assert status == 200 and data.startswith(b"console") and "immutable" in h["Cache-Control"] and h["Content-Type"].startswith("text/javascript")
    for accept, body, coding in [("gzip", b"\x1f\x8bgz", "gzip"), ("gzip, deflate, br", b"brbr", "br"), ("br;q=0, gzip;q=0.5", b"\x1f\x8bgz", "gzip"),
                                 ("identity", data, None), ("br;q=0", data, None), ("brx", data, None)]:
        s, d, h = a.raw("GET", "/assets/main-abc.js", headers={"Accept-Encoding": accept})
        assert (s, d, h.get("Content-Encoding"), h["Vary"]) == (200, body, coding, "Accept-Encoding"), accept
        assert h["Content-Type"].startswith("text/javascript")
    for missing in ["/assets/none.js", "/.secret", "/favicon.ico", "/sub.dir", "/assets/../.secret", "/robots.txt"]:
        assert a.raw("GET", missing)[0] == 404, missing
    assert a.raw("POST", "/", {})[0] == 405
    status, body, h = a.raw("HEAD", "/assets/main-abc.js")
    assert status == 200 and body == b"" and int(h["Content-Length"]) == len(data)


def test_without_application_a_page_says_so(web):
    with Daemon({"web.root": "/nonexistent", "http.threads": 8}) as d:
        a = Web(d).anonymous()
        status, data, _ = a.raw("GET", "/")
        assert status == 200 and "没有安装" in data.decode() and a.raw("GET", "/calls")[0] == 404

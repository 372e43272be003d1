"""Push over the WebSocket: who gets what, replay, masking, slow clients, kicks."""
import json
import socket
import ssl
import struct
import os
import time

import pytest
import websocket

from .conftest import CUSTOMER  # noqa: F401


class Sock:
    def __init__(self, web, api=None, origin=None, tls=False, cookie=None, last=None):
        url = (web.tls if tls else web.base).replace("http", "ws", 1) + "/ws"
        kw = {"sslopt": {"ca_certs": f"{web.d.data}/tls/ca.crt", "cert_reqs": ssl.CERT_REQUIRED}} if tls else {}
        self.ws = websocket.create_connection(url, timeout=5, origin=origin or (web.tls if tls else web.base),
                                              cookie=cookie if cookie is not None else api.cookie, **kw)
        self.hello = self.next("hello")
        if last is not None:
            self.ws.send(json.dumps({"t": "hello", "last": last}))

    def next(self, *types, timeout=5.0):
        end = time.monotonic() + timeout
        while True:
            self.ws.settimeout(max(0.05, end - time.monotonic()))
            m = json.loads(self.ws.recv())
            if m["t"] in types or not types:
                return m

    def quiet(self, *types, timeout=0.8):
        try:
            m = self.next(*types, timeout=timeout)
        except websocket.WebSocketTimeoutException:
            return True
        raise AssertionError(m)

    def close(self):
        self.ws.close()


def status(e):
    return e.value.status_code


def test_hello_and_needs(web, admin):
    s = Sock(web, admin)
    assert s.hello["seq"] > 0 and s.hello["epoch"] > 0
    s.close()
    for kw, code in [({"origin": "http://evil.example"}, 403), ({"cookie": ""}, 401), ({"cookie": "zx_session=" + "0" * 64}, 401)]:
        with pytest.raises(websocket.WebSocketBadStatusException) as e:
            Sock(web, admin, **kw)
        assert status(e) == code, kw
    with pytest.raises(websocket.WebSocketBadStatusException) as e:
        websocket.create_connection(web.base.replace("http", "ws") + "/ws", timeout=5, suppress_origin=True, cookie=admin.cookie)
    assert status(e) == 403


def test_over_tls(web):
    import urllib.request
    ctx = ssl.create_default_context(cafile=f"{web.d.data}/tls/ca.crt")
    req = urllib.request.Request(web.tls + "/api/v1/session", data=json.dumps({"login": "admin", "password": web.d.creds[("user", "admin")]}).encode(),
                                 headers={"Content-Type": "application/json"})
    cookie = urllib.request.urlopen(req, timeout=10, context=ctx).headers["Set-Cookie"].split(";")[0]
    s = Sock(web, tls=True, cookie=cookie)
    s.ws.ping("abc")
    assert s.ws.recv_frame().opcode == websocket.ABNF.OPCODE_PONG
    s.close()


def test_registration_news(web, admin, phones):
    s, agent = Sock(web, admin), Sock(web, web.login("agent1"))
    (p,) = phones("8020")
    m = s.next("ext.reg")
    assert (m["ext"], m["online"], m["bindings"]) == ("8020", True, 1) and m["seq"] > s.hello["seq"] and m["ts"] > 1e12
    assert agent.quiet("ext.reg"), "an agent sees only his own phone"
    (q,) = phones("8001")
    assert agent.next("ext.reg")["ext"] == "8001"
    s.close()
    agent.close()


def test_configuration_news(web, admin):
    s = Sock(web, admin)
    row = admin.post("/extensions", {"number": "9401"})
    assert s.next("config.dirty")["table"] == "extensions"
    admin("DELETE", f"/extensions/{row['id']}")
    s.close()


def test_replay_after_a_break(web, admin, phones):
    s = Sock(web, admin)
    (p,) = phones("8021")
    seen = s.next("ext.reg")["seq"]
    s.close()
    watch = Sock(web, admin)
    phones("8022", "8023")
    for _ in range(2):
        watch.next("ext.reg")
    watch.close()
    back = Sock(web, admin, last=seen)
    got = [back.next("ext.reg") for _ in range(2)]
    assert {m["ext"] for m in got} == {"8022", "8023"} and seen < got[0]["seq"] < got[1]["seq"]
    again = Sock(web, admin, last=got[1]["seq"])
    assert again.quiet("ext.reg", "resync")
    for last in (1, got[1]["seq"] + 10**6):
        other = Sock(web, admin, last=last)
        assert other.next("resync", "ext.reg")["t"] == "resync"
        other.close()
    back.close()
    again.close()


def test_other_companies_news_stay_there(web, phones):
    web.role("agent4", "company", "extensions:list live:list")
    web.other_company()
    web.db("UPDATE users SET company_id = 777, extension_id = NULL WHERE login = 'agent4'")
    s = Sock(web, web.login("agent4"))
    phones("8024")
    assert s.quiet("ext.reg", "live.call")
    s.close()


def test_session_kick(web):
    first, second = web.login("agent2"), web.login("agent2")
    s = Sock(web, second)
    keep = Sock(web, first)
    assert second.raw("DELETE", "/api/v1/session")[0] == 204
    assert s.next("session.kicked")
    with pytest.raises((websocket.WebSocketConnectionClosedException, ValueError, json.JSONDecodeError)):
        while True:
            s.next()
    assert keep.quiet("session.kicked")
    keep.close()


def frame(op, data, fin=True, mask=True, rsv=0):
    n = len(data)
    head = bytes([(0x80 if fin else 0) | rsv << 4 | op])
    m = 0x80 if mask else 0
    head += bytes([m | n]) if n < 126 else bytes([m | 126]) + struct.pack(">H", n) if n < 65536 else bytes([m | 127]) + struct.pack(">Q", n)
    key = os.urandom(4) if mask else b""
    return head + key + (bytes(b ^ key[i & 3] for i, b in enumerate(data)) if mask else data)


def closed_with(s, timeout=3.0):
    """the code of the close frame, or None when just closed"""
    s.ws.settimeout(timeout)
    try:
        while True:
            f = s.ws.recv_frame()
            if f.opcode == websocket.ABNF.OPCODE_CLOSE:
                return struct.unpack(">H", f.data[:2])[0]
    except (websocket.WebSocketConnectionClosedException, ConnectionResetError):
        return None


@pytest.mark.parametrize("data,code", [(frame(1, b"x", mask=False), 1002), (frame(1, b"x", rsv=4), 1002), (frame(3, b"x"), 1002), (frame(2, b"x"), 1003),
                                       (frame(1, b"x" * 5000), 1009), (frame(1, b"x" * 70000), 1009), (frame(0, b"x"), 1002), (frame(9, b"x" * 126), 1002),
                                       (frame(9, b"", fin=False), 1002), (frame(1, b"x" * 3000, fin=False) + frame(0, b"x" * 3000), 1009),
                                       (frame(8, struct.pack(">H", 1001)), 1000)],
                         ids=lambda v: str(v) if isinstance(v, int) else f"{len(v)} bytes")
def test_broken_frames(web, admin, data, code):
    s = Sock(web, admin)
    s.ws.sock.sendall(data)
    assert closed_with(s) == code
    assert web.anonymous().raw("GET", "/api/v1/health")[0] == 200


def test_odd_but_right_frames(web, admin):
    s = Sock(web, admin)
    text = json.dumps({"t": "hello", "last": 1}).encode()
    for part in [frame(1, text[:5], fin=False), frame(9, b"hi"), frame(0, text[5:9], fin=False), frame(0, text[9:])]:
        for b in range(len(part)):  # byte by byte
            s.ws.sock.sendall(part[b:b + 1])
    assert s.next("resync")
    for junk in [b"", b"{}", b"[]", b"nonsense", b'{"t":5}', b'{"t":"hello"}', b'{"t":"hello","last":"x"}', b'{"t":"pong"}', b"\xff\xfe"]:
        s.ws.sock.sendall(frame(1, junk))
    (s.ws.ping("x"))
    assert s.ws.recv_frame().opcode == websocket.ABNF.OPCODE_PONG
    s.close()


def test_sockets_take_no_workers(web):
    """more sockets than there are http threads, and everything still answers"""
    clients = [web.login("admin") for _ in range(2)]
    socks = [Sock(web, clients[i % 2]) for i in range(24)]
    assert clients[0].get("/extensions")["total"] >= 50
    for s in socks:
        s.close()


def test_a_slow_client_is_told_to_fetch_again(web, admin):
    """it stops reading while others keep getting news; when it reads again it finds a resync"""
    s = Sock(web, admin)
    raw = socket.create_connection(("127.0.0.1", web.d.http))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    raw.sendall(f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{web.d.http}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: {web.base}\r\nCookie: {admin.cookie}\r\n\r\n".encode())
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in raw.recv(400), "the key of RFC 6455"
    # pings of ours are answered by pongs: they fill the queue of a client that does not read
    blob = frame(9, b"y" * 125) * 200
    raw.settimeout(0.5)
    sent = 0
    try:
        while sent < 40 * 1024 * 1024:
            raw.sendall(blob)
            sent += len(blob)
    except OSError:
        pass
    row = admin.post("/extensions", {"number": "9402"})
    assert s.next("config.dirty")
    admin("DELETE", f"/extensions/{row['id']}")
    out, end = b"", time.monotonic() + 20
    raw.settimeout(1)
    while b"resync" not in out and time.monotonic() < end:
        try:
            part = raw.recv(1 << 20)
        except OSError:
            break
        if not part:
            break
        out = out[-100:] + part
    assert b"resync" in out
    raw.close()
    s.close()

"""Login, session, CSRF, throttling, passwords."""
import hashlib
import json
import time

import pytest
from lib.daemon import Daemon, HttpError

from .conftest import Web, until


def test_login_cookie_and_session(web):
    a = web.anonymous()
    status, data, h = a.raw("POST", "/api/v1/session", {"login": "admin", "password": web.d.creds[("user", "admin")]})
    assert status == 200
    cookie = h["Set-Cookie"]
    assert cookie.startswith("zx_session=") and "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    assert "Secure" not in cookie
    s = json.loads(data)
    assert s["user"]["login"] == "admin" and s["user"]["extension"] == "8000" and s["mustChange"] is False
    assert {"extensions:list", "extensions:add", "calls:list", "calls:download", "live:list", "live:hangup", "phone:dial"} <= set(s["rights"])
    assert s["server"]["sipPort"] == web.d.port and s["server"]["realm"] == "zuoxi" and s["server"]["tz"]
    token = cookie.split("=")[1].split(";")[0]
    assert len(bytes.fromhex(token)) == 32
    # only the hash is at rest
    rows = [r[0] for r in web.db("SELECT token FROM sessions")]
    assert hashlib.sha256(bytes.fromhex(token)).digest() in rows
    assert not any(bytes.fromhex(token) == r for r in rows)


def test_logout_ends_the_session(web):
    a = web.login("admin")
    assert a.get("/session")["user"]["login"] == "admin"
    assert a.raw("DELETE", "/api/v1/session")[0] == 204
    with pytest.raises(HttpError) as e:
        a.get("/session")
    assert e.value.status == 401 and e.value.body["error"]["code"] == "no_session"


@pytest.mark.parametrize("body", [{"login": "nobody", "password": "whatever12"}, {"login": "agent5", "password": "wrong-password"}, {"login": "", "password": ""},
                                  {"login": "agent5"}, {"login": ["x"], "password": {}}, {"login": "a" * 300, "password": "b" * 300}])
def test_bad_login_is_one_answer(web, body):
    status, data, _ = web.anonymous().raw("POST", "/api/v1/session", body)
    e = json.loads(data)["error"]
    assert (status, e["code"], e["message"]) == (401, "bad_login", "Wrong login or password")


def test_messages_in_chinese(web):
    status, data, _ = web.anonymous().raw("POST", "/api/v1/session", {"login": "nobody2", "password": "x"}, {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
    assert json.loads(data)["error"]["message"] == "登录名或密码不正确"


def test_unknown_user_takes_as_long(web):
    def took(login):
        t = time.monotonic()
        web.anonymous().raw("POST", "/api/v1/session", {"login": login, "password": "wrong-password"})
        return time.monotonic() - t
    known = min(took("agent4") for _ in range(2))
    unknown = min(took(f"ghost{i}") for i in range(2))
    assert known < 4 * unknown + 0.02 and unknown < 4 * known + 0.02


def test_csrf_origin_and_content_type(web):
    a = web.login("admin")
    path, body = "/api/v1/session/password", {"old": "x", "new": "y"}
    for headers, status, code in [({"X-CSRF-Token": ""}, 403, "csrf"), ({"X-CSRF-Token": "0" * 32}, 403, "csrf"),
                                  ({"Origin": "http://evil.example"}, 403, "origin"), ({"Origin": "null"}, 403, "origin"),
                                  ({"Sec-Fetch-Site": "cross-site"}, 403, "origin"), ({"Content-Type": "text/plain"}, 415, "media_type"),
                                  ({"Content-Type": "application/jsonp"}, 415, "media_type")]:
        s, data, _ = a.raw("POST", path, body, headers)
        assert (s, json.loads(data)["error"]["code"]) == (status, code), headers
    s, _, _ = a.raw("POST", path, body, {"Origin": web.base})
    assert s == 422


def test_login_from_another_site_is_refused(web):
    s, data, _ = web.anonymous().raw("POST", "/api/v1/session", {"login": "admin", "password": "x"}, {"Origin": "http://evil.example"})
    assert s == 403 and json.loads(data)["error"]["code"] == "origin"


def test_forged_cookies(web):
    a = web.anonymous()
    for c in ["zx_session=", "zx_session=" + "0" * 64, "zx_session=" + "z" * 64, "zx_session=" + "0" * 63, "x" * 3000, "zx_session=" + "0" * 4000,
              "__Host-zx_session=" + "0" * 64]:
        a.cookie = c
        assert a.raw("GET", "/api/v1/session")[0] == 401


def test_locked_user_is_out_at_once(web):
    a = web.login("agent3")
    web.db("UPDATE users SET active = 0 WHERE login = 'agent3'")
    assert a.raw("GET", "/api/v1/session")[0] == 401
    assert web.anonymous().raw("POST", "/api/v1/session", {"login": "agent3", "password": web.d.creds[("user", "agent3")]})[0] == 401
    web.db("UPDATE users SET active = 1 WHERE login = 'agent3'")


def test_idle_session_ends(web):
    a = web.login("agent2")
    web.db("UPDATE sessions SET seen = seen - 8 * 3600000 - 120000 WHERE user_id = (SELECT id FROM users WHERE login = 'agent2')")
    assert a.raw("GET", "/api/v1/session")[0] == 401


def test_password_change(web):
    first, other = web.login("agent1"), web.login("agent1")
    old = web.d.creds[("user", "agent1")]

    def change(new, was=old):
        s, data, _ = first.raw("POST", "/api/v1/session/password", {"old": was, "new": new})
        return s, json.loads(data)["error"].get("fields") if data else None
    assert change("short") == (422, {"new": "weak"})
    assert change("1234567890") == (422, {"new": "weak"})
    assert change("aaaaaaaaaaaa") == (422, {"new": "weak"})
    assert change("agent1") == (422, {"new": "weak"})
    assert change(old) == (422, {"new": "weak"})
    assert change("Good-Pass-2026", was="nonsense") == (422, {"old": "wrong"})
    assert change("好的密码很长很长啊啊") == (204, None)  # ten characters, not bytes
    assert first.raw("GET", "/api/v1/session")[0] == 200
    assert other.raw("GET", "/api/v1/session")[0] == 401, "the other sessions are ended"
    assert web.login("agent1", "好的密码很长很长啊啊").session["user"]["login"] == "agent1"
    assert web.db("SELECT count(*) FROM audit WHERE resource = 'users' AND action = 'password'")[0][0] == 1


def test_must_change_first(web):
    web.db("UPDATE users SET must_change = 1 WHERE login = 'agent2'")
    a = web.login("agent2")
    assert a.session["mustChange"] is True
    for path in ["/meta", "/calls", "/phone"]:
        s, data, _ = a.raw("GET", "/api/v1" + path)
        assert s == 403 and json.loads(data)["error"]["code"] == "must_change"
    assert a.raw("POST", "/api/v1/session/password", {"old": web.d.creds[("user", "agent2")], "new": "Ganz-Anders-77"})[0] == 204
    assert a.get("/session")["mustChange"] is False
    assert a.raw("GET", "/api/v1/calls")[0] == 200


def test_throttling_delays_and_never_locks():
    with Daemon({"http.threads": 8}) as d:
        web = Web(d)
        codes = []
        for _ in range(7):
            s, data, h = web.anonymous().raw("POST", "/api/v1/session", {"login": "admin", "password": "wrong"})
            codes.append(s)
        assert codes[:5] == [401] * 5 and 429 in codes[5:]
        assert int(h["Retry-After"]) >= 1
        # even the right password waits, and then passes
        assert web.anonymous().raw("POST", "/api/v1/session", {"login": "admin", "password": d.creds[("user", "admin")]})[0] == 429
        # another login of that address does not
        assert web.login("agent1").session["user"]["login"] == "agent1"
        until(lambda: web.anonymous().raw("POST", "/api/v1/session", {"login": "admin", "password": d.creds[("user", "admin")]})[0] == 200, 20)


def test_secure_cookie_and_client_address_on_https(web):
    import ssl
    import urllib.request
    ctx = ssl.create_default_context(cafile=f"{web.d.data}/tls/ca.crt")
    req = urllib.request.Request(web.tls + "/api/v1/session", data=json.dumps({"login": "admin", "password": web.d.creds[("user", "admin")]}).encode(),
                                 headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(req, timeout=10, context=ctx) as r:
        cookie = r.headers["Set-Cookie"]
    assert cookie.startswith("__Host-zx_session=") and "; Secure" in cookie and "HttpOnly" in cookie
    assert web.db("SELECT addr FROM sessions ORDER BY created DESC LIMIT 1")[0][0] == "127.0.0.1"
    # the https cookie is none on http, and the other way round
    a = web.anonymous()
    a.cookie = cookie.split(";")[0]
    assert a.raw("GET", "/api/v1/session")[0] == 401

"""Registration as phones, administrators and attackers meet it."""
import re
import time

import pytest
from lib.daemon import Daemon
from lib.sipmsg import authorization, challenge, token
from lib.sipua import Ua
from test_calls import talk


def contacts(r):
    return [c for v in r.all("contact") for c in v.split(",<")]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest(daemon, algorithm):
    u = daemon.ua(8010, register=False)
    r = u.register(algorithm=algorithm)
    assert r.status == 200 and "expires=" in r.get("contact")
    u.register(expires=0)


def test_wrong_password_and_unknown_user_look_the_same(daemon):
    def shape(user, pw):
        u = Ua(user, pw, ("127.0.0.1", daemon.port))
        try:
            r = u.register(check=0)
            txt = re.sub(r'(nonce|opaque)="[^"]*"', r'\1=""', r.raw.decode())
            txt = re.sub(rf"{user}|tag=\S+|branch=\S+|rport=\d+|:{u.port}|[0-9a-f]{{16}}@test", "", txt)
            return r.status, re.sub(r"CSeq: \d+", "CSeq:", txt)
        finally:
            u.close()
    assert shape("8011", "not-it") == shape("7777", "not-it")
    assert shape("8011", "not-it")[0] in (401, 403)


def test_too_short_is_423(daemon):
    u = daemon.ua(8012, register=False)
    r = u.register(expires=5, check=423)
    assert int(r.get("min-expires")) > 5


def test_several_contacts_and_wildcard(daemon):
    u1, u2 = daemon.ua(8013), daemon.ua(8013, register=False)
    r = u2.register()
    assert len(contacts(r)) == 2
    r = u2.register(contact="*", expires=0)
    assert len(contacts(r)) == 0
    r = u1.register()
    assert len(contacts(r)) == 1
    u1.register(expires=0)


def test_nonce_can_be_used_again_with_the_next_count_but_not_replayed(daemon):
    u = daemon.ua(8014, register=False)
    uri, callid = f"sip:{u.domain}", token() + "@test"

    def reg(n, extra=()):
        u.request("REGISTER", uri, [("Contact", u.contact), ("Expires", 300)] + list(extra), callid=callid, cseq=n, to=f"<sip:8014@{u.domain}>")
        return u.response("REGISTER", callid=callid)
    ch = challenge(reg(1))

    def auth(nc):
        return [("Authorization", authorization(ch, "8014", u.password, "REGISTER", uri, nc=nc, cnonce="abcd"))]
    assert reg(2, auth(1)).status == 200
    assert reg(3, auth(2)).status == 200
    r = reg(4, auth(2))
    assert r.status == 401 and "stale=true" in r.get("www-authenticate").lower().replace(" ", ""), "a replayed count must be refused as stale"


def test_forged_nonce_is_stale_or_refused_and_never_accepted(daemon):
    u = daemon.ua(8014, register=False)
    uri = f"sip:{u.domain}"
    u.request("REGISTER", uri, [("Contact", u.contact)], to=f"<sip:8014@{u.domain}>")
    ch = challenge(u.response("REGISTER"))
    ch["nonce"] = ch["nonce"][:-4] + "0000"
    u.request("REGISTER", uri, [("Contact", u.contact), ("Authorization", authorization(ch, "8014", u.password, "REGISTER", uri))],
              to=f"<sip:8014@{u.domain}>", cseq=2)
    assert u.response("REGISTER").status == 401


def test_nobody_registers_for_another(daemon):
    u = Ua("8015", daemon.password(8016), ("127.0.0.1", daemon.port))
    uri = f"sip:{u.domain}"
    u.request("REGISTER", uri, [("Contact", u.contact)], to=f"<sip:8015@{u.domain}>")
    ch = challenge(u.response("REGISTER"))
    u.request("REGISTER", uri, [("Contact", u.contact), ("Authorization", authorization(ch, "8016", daemon.password(8016), "REGISTER", uri))],
              to=f"<sip:8015@{u.domain}>", cseq=2)
    assert u.response("REGISTER").status in (401, 403)
    u.close()


def test_path_is_kept_and_used(daemon, phones):
    a, = phones(8000)
    u = daemon.ua(8017, register=False)
    r = u.register(headers=[("Supported", "path"), ("Path", f"<sip:{u.hostport};lr>")])
    assert u.hostport in (r.get("path") or "")
    ca = a.invite("8017")
    cb = u.incoming()
    assert any(u.hostport in v for v in cb.req.all("route")), "the Path must come back as Route"
    cb.reject()
    ca.wait_failure()
    u.register(expires=0)


def test_bindings_survive_kill9_and_restart():
    with Daemon() as d:
        a, b = d.ua(8000), d.ua(8001)
        d.kill9()
        d.start()
        ca, cb = talk(a, b, "8001")
        ca.bye()
        cb.wait_end()


def test_unregistered_is_gone_after_kill9():
    with Daemon() as d:
        a, b = d.ua(8000), d.ua(8001)
        b.register(expires=0)
        d.kill9()
        d.start()
        a.register()
        assert a.invite("8001").wait_failure().status == 480


def test_ban_after_many_failures_but_never_for_plain_challenges():
    with Daemon({"sip.ban_failures": 5, "sip.ban_window": 60, "sip.ban_time": 60}) as d:
        probe = Ua("8020", "x", ("127.0.0.1", d.port), host="127.0.0.3")
        for i in range(30):
            probe.request("REGISTER", f"sip:{probe.domain}", [("Contact", probe.contact)], to=f"<sip:8020@{probe.domain}>", cseq=i + 1)
            assert probe.response("REGISTER").status == 401
        bad = Ua("8020", "wrong", ("127.0.0.1", d.port), host="127.0.0.4")
        seen = 0
        for _ in range(12):
            try:
                bad.register(check=0)
                seen += 1
            except AssertionError:
                break
        assert 4 <= seen <= 6, f"banned after {seen} failures, not 5"
        good = d.ua(8020, register=False)
        assert good.register().status == 200, "the real phone must not be locked out by a stranger's failures"
        probe.close()
        bad.close()


def test_bound_address_is_enforced(daemon):
    row = next(r for r in daemon.api.get("/extensions?q=8030")["rows"] if r["number"] == "8030")
    daemon.api("PUT", f"/extensions/{row['id']}", {**row, "bind_ip": "127.0.0.9"})
    daemon.apply()
    u = daemon.ua(8030, register=False)
    u.until(lambda: u.register(check=0).status == 403, what="refusal from an address that is not bound") if u.register(check=0).status != 403 else None
    ok = daemon.ua(8030, register=False, host="127.0.0.9")
    assert ok.register().status == 200


def wait_unbound(d, ext, timeout=5.0):
    end = time.monotonic() + timeout
    while next(r for r in d.api.get(f"/extensions?q={ext}")["rows"] if r["number"] == ext)["reg"] == "on":
        assert time.monotonic() < end, "the binding stays although the password has changed"
        time.sleep(0.02)  # lint: poll of the API


def test_new_password_ends_the_old_binding(daemon, phones):
    a, = phones(8000)
    u = daemon.ua(8031)
    row = next(r for r in daemon.api.get("/extensions?q=8031")["rows"] if r["number"] == "8031")
    daemon.api("PUT", f"/extensions/{row['id']}", {**row, "secret": "An-other-1-secret"})
    assert u.register().status == 200, "the old password holds until the new one is applied"
    daemon.apply()
    wait_unbound(daemon, "8031")
    assert a.invite("8031").wait_failure().status == 480
    assert u.register(check=0).status in (401, 403)
    u.password = "An-other-1-secret"
    assert u.register().status == 200


def test_keep_alive_over_tcp_is_answered(daemon):
    u = daemon.ua(8032, transport="tcp", register=False)
    got = []
    u._take = lambda data, src: got.append(data)
    u.send_raw(b"\r\n\r\n")
    u.request("OPTIONS", f"sip:{u.domain}")
    u.until(lambda: got, what="answer after the keep-alive")


def test_options_ping_shows_the_latency():
    with Daemon({"sip.options_interval": 5}) as d:
        u = d.ua(8033)
        u.until(lambda: any(m.method == "OPTIONS" for m in u.log), timeout=15, what="OPTIONS ping")
        row = next(r for r in d.api.get("/extensions?q=8033")["rows"] if r["number"] == "8033")
        assert row["reg"] == "on" and 0 <= row["rtt_us"] < 5_000_000

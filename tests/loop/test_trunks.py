"""Trunks: outside calls by routes, with failover, caller IDs, limits, registration, and nobody outside gets out again."""
import threading
import time

import pytest

from lib.daemon import Daemon, free_port
from lib.sipmsg import authorization, challenge, token
from lib.sipua import Ua

SECRET = "trunk-geheim-1"


@pytest.fixture(scope="module")
def house():
    """8000-8003 may call 1... over trunk one, then two; 8004 nothing"""
    with Daemon() as d:
        one, two = Ua("one", server=("127.0.0.1", d.port), host="127.0.0.2"), Ua("two", server=("127.0.0.1", d.port), host="127.0.0.3")
        d.uas += [one, two]
        t1 = d.api.post("/trunks", {"name": "one", "kind": "peer", "host": "127.0.0.2", "port": one.port, "max_calls": 3})["id"]
        t2 = d.api.post("/trunks", {"name": "two", "kind": "peer", "host": "127.0.0.3", "port": two.port, "caller_id": "02155550000", "codecs": "PCMU"})["id"]
        for e in (8000, 8001, 8002, 8003):
            ext = d.api.get(f"/extensions?f.number={e}")["rows"][0]
            d.api("PUT", f"/extensions/{ext['id']}", {"rev": ext["rev"], "caller_id": f"0108888{e}" if e == 8000 else "", "out_calls": 2, "out_hour": 6 if e == 8003 else 0})
            d.api.post("/outbound_routes", {"name": f"out {e}", "pattern": "1.", "strip": "1", "prefix": "0", "extension_id": ext["id"], "trunk1_id": t1, "trunk2_id": t2})
        d.api.post("/inbound_routes", {"name": "in", "pattern": "4008", "app": "extension", "param": str(d.api.get("/extensions?f.number=8005")["rows"][0]["id"])})
        d.api.post("/inbound_routes", {"name": "forwarded", "pattern": "4009", "app": "outside", "param": "15551234"})
        d.api.post("/outbound_routes", {"name": "for all", "pattern": "1555.", "strip": "1", "trunk1_id": t2})
        d.apply()
        d.one, d.two, d.ids = one, two, (t1, t2)
        yield d


def record(d, callee):
    """the record of the last call to this number, when it is complete"""
    end = time.monotonic() + 5
    while True:
        rows = d.sql("SELECT * FROM calls LEFT JOIN call_details ON call_id = id WHERE ended > 0 AND callee = ? ORDER BY start DESC, id DESC", callee)
        if rows:
            return rows[0]
        assert time.monotonic() < end, f"no record of {callee}"
        time.sleep(0.02)  # lint: poll of a file


def user(m, header):
    return m.get(header).split("sip:")[1].split("@")[0]


def test_an_outside_call_has_audio_and_the_extensions_number(house):
    d = house
    a = d.ua(8000)
    c = a.invite("13800138000", freq=440)
    far = d.one.incoming(freq=880)
    assert far.req.start.split()[1].startswith("sip:03800138000@")  # 1 stripped, 0 before it
    assert user(far.req, "from") == "01088888000" and user(far.req, "p-asserted-identity") == "01088888000"
    far.ring()
    c.wait_status(180)
    far.answer()
    c.wait_answer()
    assert c.rtp.hears(880) and far.rtp.hears(440)
    far.bye()
    c.wait_end()
    row = record(d, "13800138000")
    assert (row["direction"], row["trunk"], row["state"], row["callee"]) == ("outbound", "one", "answered", "13800138000")
    assert '"dial"' in row["timeline"] and '"trunk"' in row["timeline"]


def test_early_media_of_the_line_is_heard(house):
    d = house
    a = d.ua(8001)
    c = a.invite("13900139000", freq=440)
    far = d.one.incoming(freq=880)
    far.early_media(freq=660)
    c.wait_status(183)
    assert c.rtp.hears(660)
    far.reject(404, "Not Found")
    # the announcement of the line was heard: a tone, then the code
    assert c.wait_failure(timeout=15).status == 404
    assert record(d, "13900139000")["state"] == "not-found"


@pytest.mark.parametrize("status", [302, 403, 407, 408, 415, 420, 488, 500, 503, 504, 606])
def test_a_failing_line_gives_way_to_the_next(house, status):
    d = house
    a = d.ua(8001)
    c = a.invite("13700137000")
    far = d.one.incoming()
    far.reject(status, "No", [("Contact", "<sip:999@127.0.0.9>")] if status == 302 else [("Proxy-Authenticate", 'Digest realm="x", nonce="y"')] if status == 407 else [])
    next_ = d.two.incoming(freq=880)
    assert user(next_.req, "from") == "02155550000"  # the trunk sets its own
    assert next_.req.sdp().pts[0] == 0 and 8 not in next_.req.sdp().pts
    next_.answer()
    c.wait_answer()
    assert c.rtp.hears(880)
    c.bye()
    next_.wait_end()


@pytest.mark.parametrize("status,heard", [(486, 486), (600, 486), (603, 603), (404, 404), (484, 404), (480, 480)])
def test_what_the_callee_says_is_no_failure_of_the_line(house, status, heard):
    d = house
    a = d.ua(8001)
    c = a.invite("13700137001")
    d.one.incoming().reject(status, "No")
    assert c.wait_failure().status == heard
    d.two.nothing(lambda m: m.method == "INVITE", 0.3)


def test_the_last_line_fails_too(house):
    d = house
    a = d.ua(8001)
    c = a.invite("13700137002")
    d.one.incoming().reject(503, "No")
    d.two.incoming().reject(500, "No")
    assert c.wait_failure().status == 503


def test_no_right_no_call(house):
    d = house
    a = d.ua(8004)
    assert a.invite("13800138000").wait_failure().status == 404
    d.one.nothing(lambda m: m.method == "INVITE", 0.2)


def test_limits_of_an_extension(house):
    d = house
    a = d.ua(8003)
    calls = []
    for i in range(2):
        c = a.invite(f"1360000000{i}")
        far = d.one.incoming()
        far.answer()
        c.wait_answer()
        calls.append((c, far))
    assert a.invite("13600000003").wait_failure().status == 403
    for c, far in calls:
        c.bye()
        far.wait_end()
    for i in range(4):
        c = a.invite("13600000004")
        d.one.incoming().reject(486)
        assert c.wait_failure().status == 486
    assert a.invite("13600000005").wait_failure().status == 403  # the seventh within the hour
    assert '"limit"' in record(d, "13600000005")["timeline"]


def test_a_full_trunk_gives_way(house):
    d = house
    a, b = d.ua(8001), d.ua(8002)
    calls = []
    for i, u in enumerate((a, a, b)):
        c = u.invite(f"1350000000{i}")
        far = d.one.incoming()
        far.answer()
        c.wait_answer()
        calls.append((c, far))
    c = b.invite("13500000009")
    far = d.two.incoming()
    far.reject(486)
    assert c.wait_failure().status == 486
    d.one.nothing(lambda m: m.method == "INVITE", 0.2)
    # nor does it take a fourth from outside
    assert d.one.invite("4008").wait_failure().status == 503
    for c, far in calls:
        c.bye()
        far.wait_end()
    rows = d.api.get("/trunks?f.name=one")["rows"]
    assert rows[0]["calls"] == 0


def test_nobody_outside_gets_out_again(house):
    d = house
    for number in ("13800138000", "913800138000", "15559999", "8000"):
        assert d.one.invite(number).wait_failure().status == 404, number
    d.two.nothing(lambda m: m.method == "INVITE", 0.2)


def test_unless_the_administrator_sends_the_number_there(house):
    d = house
    c = d.one.invite("4009", freq=440)
    far = d.two.incoming(freq=880)
    assert far.req.start.split()[1].startswith("sip:5551234@")
    far.answer()
    c.wait_answer()
    assert c.rtp.hears(880) and far.rtp.hears(440)
    c.bye()
    far.wait_end()
    row = record(d, "4009")
    assert (row["direction"], row["trunk"]) == ("inbound", "one")


def test_a_hidden_caller(house):
    d = house
    b = d.ua(8005)
    c = d.one.invite("4008", headers=[("Privacy", "id"), ("P-Asserted-Identity", "<sip:13811112222@127.0.0.2>")])
    far = b.incoming()
    assert user(far.req, "from") == "anonymous" and "13811112222" not in far.req.raw.decode()
    far.reject(486)
    c.wait_failure()


def test_keys_as_the_trunk_wants_them(house):
    """INFO to one that wants INFO; tones to one that knows nothing else, and heard from it"""
    d = house
    row = d.api.get("/trunks?f.name=two")["rows"][0]
    for mode in ("info", "inband"):
        row = d.api.get("/trunks?f.name=two")["rows"][0]
        d.api("PUT", f"/trunks/{row['id']}", {"rev": row["rev"], "dtmf": mode})
        d.apply()
        a = d.ua(8008)
        c = a.invite("15551111", freq=0)
        far = d.two.incoming(freq=0)
        assert far.req.sdp().te_pt is None
        far.answer()
        c.wait_answer()
        c.rtp.dtmf("5")
        if mode == "info":
            d.two.until(lambda: any(m.method == "INFO" and b"5" in m.body for m in d.two.log), what="INFO")
        else:
            assert far.rtp.heard(770, 1336)
        c.bye()
        far.wait_end()


# ---- registration

class Registrar:
    """answers REGISTER as a provider does"""

    def __init__(self, ua, secret, always=None):
        self.ua, self.secret, self.always, self.seen = ua, secret, always, []
        self.stop = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop:
            try:
                m = self.ua.expect(lambda m: m.method == "REGISTER", 0.3)
            except AssertionError:
                continue
            self.seen.append(m)
            auth = m.get("authorization")
            if self.always:
                self.ua.reply(m, self.always, "No", [("WWW-Authenticate", f'Digest realm="p", nonce="{token()}", qop="auth"')])
            elif not auth:
                self.ua.reply(m, 401, "Unauthorized", [("WWW-Authenticate", 'Digest realm="prov, \\"x\\"", nonce="abc", algorithm=MD5, qop="auth,auth-int", opaque="o"')])
            else:
                self.ua.reply(m, 200, "OK", [("Contact", m.get("contact") + ";expires=60")])

    def close(self):
        self.stop = True
        self.thread.join()


def trunk_state(d, name, *wanted, seconds=8):
    end = time.monotonic() + seconds
    while True:
        row = d.api.get(f"/trunks?f.name={name}")["rows"][0]
        if row["state"] in wanted:
            return row
        assert time.monotonic() < end, row
        time.sleep(0.05)  # lint: poll of a page


def test_registering_and_calling_with_a_password(house):
    d = house
    prov = Ua("prov", server=("127.0.0.1", d.port), host="127.0.0.4")
    d.uas.append(prov)
    reg = Registrar(prov, SECRET)
    tid = d.api.post("/trunks", {"name": "prov", "kind": "register", "host": "127.0.0.4", "port": prov.port, "account": "057188880000", "secret": SECRET})["id"]
    ext = d.api.get("/extensions?f.number=8006")["rows"][0]["id"]
    d.api.post("/outbound_routes", {"name": "prov", "pattern": "2.", "extension_id": ext, "trunk1_id": tid})
    d.apply()
    trunk_state(d, "prov", "up")
    assert "057188880000" in reg.seen[-1].get("authorization") and SECRET not in d.log()
    a = d.ua(8006)
    c = a.invite("2777", freq=440)
    first = prov.incoming()
    first.reject(407, "Proxy Authentication Required", [("Proxy-Authenticate", 'Digest realm="p", nonce="n1", qop="auth"')])
    far = prov.incoming(freq=880)
    assert 'username="057188880000"' in far.req.get("proxy-authorization")
    far.answer()
    c.wait_answer()
    assert c.rtp.hears(880) and far.rtp.hears(440)
    c.bye()
    far.wait_end()
    # one that challenges for ever is not answered for ever
    c = a.invite("2778")
    for i in range(2):
        prov.incoming().reject(407, "No", [("Proxy-Authenticate", f'Digest realm="p", nonce="m{i}", qop="auth"')])
    assert c.wait_failure().status == 503
    # gone: unregistered
    n = len(reg.seen)
    row = d.api.get("/trunks?f.name=prov")["rows"][0]
    for r in d.api.get("/outbound_routes?f.name=prov")["rows"]:
        d.api("DELETE", f"/outbound_routes/{r['id']}")
    d.api("DELETE", f"/trunks/{row['id']}")
    d.apply()
    prov.until(lambda: len(reg.seen) > n and reg.seen[-1].get("expires") == "0", what="Expires: 0")
    reg.close()


def test_a_wrong_password_is_shown_and_not_hammered(house):
    d = house
    prov = Ua("prov2", server=("127.0.0.1", d.port), host="127.0.0.5")
    d.uas.append(prov)
    reg = Registrar(prov, SECRET, always=401)
    d.api.post("/trunks", {"name": "wrong", "kind": "register", "host": "127.0.0.5", "port": prov.port, "account": "0571", "secret": SECRET})
    d.apply()
    row = trunk_state(d, "wrong", "refused")
    assert row["scode"] == 401
    n = len(reg.seen)
    assert n == 2
    prov.nothing(lambda m: m.method == "REGISTER", 1)
    assert len(reg.seen) == n
    reg.close()


def test_a_gateway_that_registers_to_us(house):
    d = house
    tid = d.api.post("/trunks", {"name": "gw", "kind": "gateway", "host": "", "account": "gw1", "secret": SECRET})["id"]
    ext = d.api.get("/extensions?f.number=8007")["rows"][0]["id"]
    d.api.post("/outbound_routes", {"name": "gw", "pattern": "3.", "extension_id": ext, "trunk1_id": tid})
    d.apply()
    gw = Ua("gw1", SECRET, ("127.0.0.1", d.port), host="127.0.0.6")
    d.uas.append(gw)
    assert Ua("gw1", "wrong", ("127.0.0.1", d.port)).register(check=0).status in (401, 403)
    gw.register()
    trunk_state(d, "gw", "up")
    a = d.ua(8007)
    c = a.invite("3123", freq=440)
    far = gw.incoming(freq=880)
    assert far.req.start.split()[1].startswith("sip:3123@")
    far.answer()
    c.wait_answer()
    assert c.rtp.hears(880) and far.rtp.hears(440)
    c.bye()
    far.wait_end()
    # its callers come in by the inbound routes, and are no extension
    b = d.ua(8005)
    gw.user = "13512345678"
    c = gw.invite("4008", freq=440)
    far = b.incoming(freq=880)
    assert user(far.req, "from") == "13512345678"
    far.answer()
    c.wait_answer()
    assert c.rtp.hears(880)
    c.bye()
    far.wait_end()
    assert gw.invite("13800138000").wait_failure().status == 404


def test_a_line_that_does_not_answer_is_known_to_be_down():
    with Daemon(sets={"sip.options_interval": 1}) as d:
        dead = free_port()
        two = Ua("two", server=("127.0.0.1", d.port), host="127.0.0.3")
        d.uas.append(two)
        t1 = d.api.post("/trunks", {"name": "dead", "kind": "peer", "host": "127.0.0.2", "port": dead})["id"]
        t2 = d.api.post("/trunks", {"name": "named", "kind": "peer", "host": "localhost", "port": free_port()})["id"]
        t3 = d.api.post("/trunks", {"name": "two", "kind": "peer", "host": "127.0.0.3", "port": two.port})["id"]
        d.api.post("/outbound_routes", {"name": "o", "pattern": "1.", "trunk1_id": t1, "trunk2_id": t2, "trunk3_id": t3})
        d.apply()
        assert trunk_state(d, "two", "up")["rtt_us"] >= 0
        assert trunk_state(d, "dead", "down", seconds=25)
        c = d.ua(8000).invite("1234")
        far = two.incoming()
        far.reject(486)
        c.wait_failure()
        assert f"{t1} down" in record(d, "1234")["timeline"]

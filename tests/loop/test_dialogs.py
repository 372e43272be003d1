"""The fine print of dialogs and transactions, as a phone meets it."""
from lib.daemon import Daemon
from lib.sipmsg import make_sdp, token
from test_calls import A, B, talk


def test_100_trying_comes_at_once(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001")
    t = a.expect(lambda m: m.status == 100 and m.callid == ca.callid, what="100 Trying")
    assert t.cseq == ca.cseq
    b.incoming().reject()
    ca.wait_failure()


def test_retransmitted_invite_is_absorbed(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001")
    cb = b.incoming()
    for _ in range(3):
        a.send_raw(ca.sent)
    cb.ring()
    ca.wait_status(180)
    b.nothing(lambda m: m.method == "INVITE" and m.callid != cb.callid)
    cb.answer()
    ca.wait_answer()
    ca.bye()
    cb.wait_end()


def test_2xx_is_retransmitted_until_ack_and_acked_again(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001")
    cb = b.incoming()
    cb.answer()
    first = ca.wait_status(200)
    second = ca.wait_status(200)
    assert first.tag("to") == second.tag("to")
    ca.established(second)
    ca.ack()
    ca.bye()
    cb.wait_end()


def test_callee_that_missed_the_ack_gets_it_again(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001")
    cb = b.incoming()
    cb.answer()
    ca.wait_answer()
    cb.acked = None
    offer = cb.req.sdp()
    b.reply(cb.req, 200, "OK", [("Contact", b.contact), ("Content-Type", "application/sdp")], cb._answer_sdp(offer), cb.local_tag)
    b.until(lambda: cb.acked, what="ACK to the retransmitted 200")
    ca.bye()
    cb.wait_end()


def test_second_2xx_from_a_fork_gets_ack_and_bye(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001")
    cb = b.incoming()
    cb.answer()
    ca.wait_answer()
    b.auto = False
    other = "other" + token(3)
    b.reply(cb.req, 200, "OK", [("Contact", b.contact), ("Content-Type", "application/sdp")], cb._answer_sdp(cb.req.sdp()), other)
    b.expect(lambda m: m.method == "ACK" and m.tag("to") == other, what="ACK of the second 2xx")
    bye = b.expect(lambda m: m.method == "BYE" and m.tag("to") == other, what="BYE of the second 2xx")
    b.reply(bye, 200, "OK")
    b.auto = True
    assert ca.rtp.hears(cb.rtp.freq), "the first answer must go on"
    ca.bye()
    cb.wait_end()


def test_cancel_that_crosses_the_answer(daemon, phones):
    """the callee answers although it is being cancelled: ACK and BYE, nobody stays connected"""
    a, b = phones(8000, 8001)
    ca = a.invite("8001")
    cb = b.incoming()
    cb.ring()
    ca.wait_status(180)
    ca.cancel()
    m = b.expect(lambda m: m.method == "CANCEL", what="CANCEL")
    cb.answer(wait_ack=False)
    b.reply(m, 200, "OK", to_tag=cb.local_tag)
    assert ca.wait_failure().status == 487
    cb.wait_end()


def test_unknown_dialog_is_481(daemon, phones):
    a, = phones(8000)
    a.request("BYE", f"sip:8001@{a.domain}", to=f"<sip:8001@{a.domain}>;tag=nosuch")
    assert a.response("BYE").status == 481


def test_bye_from_a_stranger_does_not_end_a_call(daemon, phones):
    """right Call-ID and tags, but from another address and without credentials"""
    a, b = phones(8000, 8001)
    c = daemon.ua(8002, host="127.0.0.5")
    ca, cb = talk(a, b, "8001")
    c.send(f"BYE {ca.target} SIP/2.0", [("Via", c.via()), ("Max-Forwards", 70), ("From", ca.from_hdr), ("To", ca.to_hdr),
                                        ("Call-ID", ca.callid), ("CSeq", f"{ca.cseq + 5} BYE")])
    assert c.response("BYE").status != 200
    ca.rtp.clear()
    assert ca.rtp.hears(B), "the call was ended by a stranger"
    ca.bye()
    cb.wait_end()


def test_3xx_is_not_followed(daemon, phones):
    a, b, c = phones(8000, 8001, 8002)
    ca = a.invite("8001")
    b.incoming().reject(302, "Moved Temporarily", [("Contact", f"<sip:8002@{c.hostport}>")])
    assert ca.wait_failure().status >= 400
    c.nothing(lambda m: m.method == "INVITE")


def test_max_forwards_and_require_and_type_and_method(daemon, phones):
    a, = phones(8000)
    uri = f"sip:8001@{a.domain}"
    a.request("INVITE", uri, [("Max-Forwards", 0)])
    assert a.response("INVITE").status == 483
    a.request("INVITE", uri, [("Require", "nothing-we-know")])
    r = a.response("INVITE")
    assert r.status == 420 and "nothing-we-know" in r.get("unsupported")
    a.request("FROBNICATE", uri)
    r = a.response("FROBNICATE")
    assert r.status in (405, 501) and (r.get("allow") or r.status == 501)
    a.request("OPTIONS", f"sip:{a.domain}")
    r = a.response("OPTIONS")
    assert r.status == 200 and "INVITE" in r.get("allow")


def test_body_of_another_type_is_415(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001", sdp="hello", headers=[])
    r = ca.wait_status(400, 488, 415)
    assert r.status in (400, 488), "not SDP though it says so"
    a.request("INVITE", f"sip:8001@{a.domain}", [("Content-Type", "text/plain")], "hello")
    r = a.response("INVITE")
    assert r.status in (401, 415)
    b.nothing(lambda m: m.method == "INVITE", 0.2)


def test_glare_is_491(daemon, phones):
    """the phone's re-INVITE meets ours that is not answered yet"""
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    n1 = ca.send("INVITE", [("Content-Type", "application/sdp")], make_sdp(a.host, ca.rtp.port))
    n2 = ca.send("INVITE", [("Content-Type", "application/sdp")], make_sdp(a.host, ca.rtp.port, direction="sendonly"))
    r1, r2 = ca.final(n1), ca.final(n2)
    assert r1.status == 200 and r2.status in (200, 491, 500)
    ca.ua.send(f"ACK {ca.target} SIP/2.0", ca._dialog("ACK", n1))
    ca.ua.send(f"ACK {ca.target} SIP/2.0", ca._dialog("ACK", n2))
    ca.bye()
    cb.wait_end()


def test_prack_when_the_caller_requires_it(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001", headers=[("Require", "100rel")])
    cb = b.incoming()
    cb.ring()
    r = ca.wait_status(180)
    assert r.get("rseq"), "a provisional must be reliable when required"
    ca.remote_tag, ca.target = r.tag("to"), r.uri("contact")
    ca.from_hdr, ca.to_hdr = r.get("from"), r.get("to")
    keep = ca.cseq
    p = ca.final(ca.send("PRACK", [("RAck", f"{r.get('rseq')} {r.get('cseq')}")]))
    assert p.status == 200
    ca.cseq = keep
    cb.answer()
    ca.wait_answer()
    ca.cseq += 1
    assert ca.rtp.hears(cb.rtp.freq)
    ca.bye()
    cb.wait_end()


def test_session_timer_too_small_is_422_and_a_good_one_is_kept(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001", headers=[("Supported", "timer"), ("Session-Expires", "30")])
    r = ca.wait_status(422)
    assert int(r.get("min-se")) >= 60
    ca.ack_failure(r)
    ca = a.invite("8001", headers=[("Supported", "timer"), ("Session-Expires", "1800;refresher=uac")])
    cb = b.incoming()
    cb.answer()
    r = ca.wait_answer()
    assert "refresher=uac" in r.get("session-expires", "")
    assert ca.update().status == 200
    ca.bye()
    cb.wait_end()


def test_clean_stop_ends_calls_with_bye():
    with Daemon() as d:
        a, b = d.ua(8000), d.ua(8001)
        ca, cb = talk(a, b, "8001")
        code = d.terminate()
        ca.wait_end()
        cb.wait_end()
        assert code == 0
        rows = d.sql("SELECT state, hangup_by FROM calls")
        assert [r["state"] for r in rows] == ["answered"] and rows[0]["hangup_by"] == "system"


def test_tcp_and_tls_phones(daemon, phones):
    a = daemon.ua(8000, transport="tcp")
    b = daemon.ua(8001, transport="tls")
    ca, cb = talk(a, b, "8001")
    ca.bye()
    cb.wait_end()
    cb = b.invite("8000", freq=B)
    ca = a.incoming(freq=A)
    ca.answer()
    cb.wait_answer()
    assert cb.rtp.hears(A)
    cb.bye()
    ca.wait_end()


def test_ipv6_phone_talks_to_ipv4_phone():
    with Daemon(ipv6=True) as d:
        a, b = d.ua(8000), d.ua(8001, host="::1")
        ca, cb = talk(a, b, "8001")
        ca.bye()
        cb.wait_end()


def test_phone_behind_nat(daemon, phones):
    """its Contact and SDP have a private address; replies and calls come to where it really is"""
    a, = phones(8000)
    b = daemon.ua(8001, contact="10.99.0.5:5060")
    ca = a.invite("8001", freq=A)
    cb = b.incoming(freq=B)
    offer = cb.req.sdp()
    cb.answered = True
    cb.from_hdr = cb.req.get("to") + f";tag={cb.local_tag}"
    b.reply(cb.req, 200, "OK", [("Contact", b.contact), ("Content-Type", "application/sdp")],
            make_sdp("10.99.0.5", cb.rtp.port), cb.local_tag)
    cb.start_audio(offer)
    ca.wait_answer()
    b.until(lambda: cb.acked, what="ACK at the real address")
    assert cb.rtp.hears(A), "media did not find the phone behind NAT"
    assert ca.rtp.hears(B)
    ca.bye()
    cb.wait_end()

"""Hold with music, blind and attended transfer, and what the third party hears."""
from lib.sipmsg import make_sdp
from test_calls import A, B, C, talk


def end(*calls):
    calls[0].bye()
    for c in calls[1:]:
        c.wait_end()


def test_hold_plays_music_and_resume_brings_the_voice_back(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    ssrc = cb.rtp.packets[-1][5]
    assert ca.reinvite("sendonly").status == 200
    assert cb.offers == [], "the other side must not be bothered by a hold"
    cb.rtp.clear()
    assert cb.rtp.wait(lambda r: len(r.samples) > 4000), "no music on hold"
    assert not cb.rtp.hears(A, timeout=0.3)
    ca.rtp.clear()
    assert ca.rtp.hears_nothing(), "the holding side must not hear the held one"
    assert ca.reinvite("sendrecv").status == 200
    assert cb.rtp.hears(A) and ca.rtp.hears(B)
    assert cb.rtp.packets[-1][5] == ssrc, "SSRC changed over hold"
    end(ca, cb)


def test_hold_by_inactive_and_by_zero_address(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    assert ca.reinvite("inactive").status == 200
    cb.rtp.clear()
    assert cb.rtp.wait(lambda r: len(r.samples) > 4000), "no music on hold by inactive"
    assert ca.reinvite("sendrecv").status == 200
    assert cb.rtp.hears(A)
    assert ca.reinvite(sdp=make_sdp("0.0.0.0", ca.rtp.port)).status == 200
    cb.rtp.clear()
    assert cb.rtp.wait(lambda r: len(r.samples) > 4000), "no music on hold by 0.0.0.0"
    assert ca.reinvite("sendrecv").status == 200
    assert cb.rtp.hears(A) and ca.rtp.hears(B)
    end(ca, cb)


def test_hold_by_update(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    assert ca.update("sendonly").status == 200
    cb.rtp.clear()
    assert cb.rtp.wait(lambda r: len(r.samples) > 4000)
    assert ca.update("sendrecv").status == 200
    assert cb.rtp.hears(A)
    end(ca, cb)


def test_callee_can_hold_too(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    assert cb.reinvite("sendonly").status == 200
    ca.rtp.clear()
    assert ca.rtp.wait(lambda r: len(r.samples) > 4000)
    assert cb.reinvite("sendrecv").status == 200
    assert ca.rtp.hears(B)
    end(ca, cb)


def test_refused_reinvite_changes_nothing(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    bad = make_sdp(a.host, ca.rtp.port, pts=()).replace("RTP/AVP 101", "RTP/AVP 99 101") + "a=rtpmap:99 FOO/8000\r\n"
    assert ca.reinvite(sdp=bad).status == 488
    ca.rtp.clear()
    cb.rtp.clear()
    assert cb.rtp.hears(A) and ca.rtp.hears(B), "the call must go on as before"
    end(ca, cb)


def test_codec_change_by_reinvite(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    assert ca.reinvite(pts=(8,)).status == 200
    ca.rtp.clear()
    cb.rtp.clear()
    assert cb.rtp.hears(A) and ca.rtp.hears(B)
    assert {p[2] for p in ca.rtp.packets if p[2] != 101} == {8}
    end(ca, cb)


def test_late_offer_reinvite(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    r = ca.reinvite(late=True)
    assert r.status == 200 and r.body
    ca.rtp.clear()
    assert ca.rtp.hears(B) and cb.rtp.hears(A)
    end(ca, cb)


def test_blind_transfer(daemon, phones):
    a, b, c = phones(8000, 8001, 8002)
    n = len(daemon.sql("SELECT id FROM calls WHERE ended > 0"))
    ca, cb = talk(a, b, "8001")
    assert cb.refer("8002").status == 202
    cc = c.incoming(freq=C)
    cc.ring()
    cc.answer()
    cb.wait_notify("200 OK")
    cb.wait_end() if not cb.ended else None
    ca.rtp.clear()
    assert ca.rtp.hears(C), "the caller does not hear the new party"
    assert cc.rtp.hears(A)
    ca.bye()
    cc.wait_end()
    row = daemon.call_rows(n + 1)[-1]
    assert row["transfer_to"] == "8002" and row["caller"] == "8000"


def test_blind_transfer_that_fails_gives_the_call_back(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    assert cb.refer("8040").status == 202
    cb.wait_notify("480")
    assert cb.reinvite("sendrecv").status == 200
    ca.rtp.clear()
    assert ca.rtp.hears(B) and cb.rtp.hears(A), "the call was not given back"
    end(ca, cb)


def test_attended_transfer(daemon, phones):
    a, b, c = phones(8000, 8001, 8002)
    ca, cb = talk(a, b, "8001")
    assert cb.reinvite("sendonly").status == 200
    cb2 = b.invite("8002", freq=B)
    cc = c.incoming(freq=C)
    cc.answer()
    cb2.wait_answer()
    assert cb2.rtp.hears(C) and cc.rtp.hears(B)
    assert cb.refer("8002", replaces=cb2).status == 202
    cb.wait_notify("200 OK")
    ca.rtp.clear()
    cc.rtp.clear()
    assert ca.rtp.hears(C), "the caller does not hear the new party"
    assert cc.rtp.hears(A), "the new party does not hear the caller"
    cb2.wait_end() if not cb2.ended else None
    ca.bye()
    cc.wait_end()


def test_recording_goes_on_over_a_transfer(daemon, phones):
    from lib.audio import power, wav_channels
    a, b, c = phones(8000, 8001, 8002)
    n = len(daemon.sql("SELECT id FROM calls WHERE ended > 0"))
    ca, cb = talk(a, b, "8001")
    assert cb.refer("8002").status == 202
    cc = c.incoming(freq=C)
    cc.answer()
    assert ca.rtp.hears(C) and cc.rtp.hears(A)
    cc.rtp.clear()
    assert cc.rtp.wait(lambda r: len(r.samples) > 4000)
    ca.bye()
    cc.wait_end()
    row = daemon.call_rows(n + 1)[-1]
    _, left, right = wav_channels(daemon.recording(row))
    assert power(right[400:1200], B) > 0.5, "the first party is not in the recording"
    assert power(right[-4000:-1600], C) > 0.5, "the party after the transfer is not in the recording"
    assert power(left[-4000:-1600], A) > 0.5

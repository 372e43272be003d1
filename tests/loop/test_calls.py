"""Agents A, B, C over loopback: who hears whom, which code a failure has, what the call record says."""
import os

import pytest
from lib.audio import power, wav_channels
from lib.daemon import Daemon
from lib.sipmsg import make_sdp

A, B, C = 440, 880, 1320


def talk(a, b, number):
    """a calls number, b answers; both hear each other"""
    ca = a.invite(number, freq=A)
    cb = b.incoming(freq=B)
    cb.ring()
    ca.wait_status(180)
    cb.answer()
    ca.wait_answer()
    assert ca.rtp.hears(B), "the caller does not hear the callee"
    assert cb.rtp.hears(A), "the callee does not hear the caller"
    return ca, cb


def test_two_phones_hear_each_other_and_are_recorded(daemon, phones):
    a, b = phones(8000, 8001)
    n = len(daemon.sql("SELECT id FROM calls WHERE ended > 0"))
    ca, cb = talk(a, b, "8001")
    ca.bye()
    cb.wait_end()
    row = daemon.call_rows(n + 1, timeout=1.0)[-1]
    assert (row["caller"], row["callee"], row["state"], row["direction"]) == ("8000", "8001", "answered", "internal")
    assert (row["caller_ext"], row["callee_ext"], row["hangup_by"]) == ("8000", "8001", "caller")
    assert 0 < row["talk"] < 10000 and row["ring"] >= 0 and row["ended"] - row["start"] >= row["talk"]
    rate, left, right = wav_channels(daemon.recording(row))
    assert rate == 8000
    mid = len(left) // 2
    assert power(left[mid - 800:mid + 800], A) > 0.7, "left channel is not the caller"
    assert power(right[mid - 800:mid + 800], B) > 0.7, "right channel is not the callee"
    assert power(left[mid - 800:mid + 800], B) < 0.1, "the callee leaks into the left channel"


def test_callee_hangs_up(daemon, phones):
    a, b = phones(8000, 8001)
    n = len(daemon.sql("SELECT id FROM calls WHERE ended > 0"))
    ca, cb = talk(a, b, "8001")
    cb.bye()
    ca.wait_end()
    assert daemon.call_rows(n + 1)[-1]["hangup_by"] == "callee"


def test_transcoding_between_alaw_and_ulaw(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001", freq=A, pts=(0,))
    cb = b.incoming(freq=B)
    cb.answer(pts=(8,))
    ca.wait_answer()
    assert ca.rtp.hears(B) and cb.rtp.hears(A)
    assert {p[2] for p in ca.rtp.packets} == {0} and {p[2] for p in cb.rtp.packets} == {8}
    ca.bye()
    cb.wait_end()


@pytest.mark.parametrize("code,reason,state", [(486, "Busy Here", "busy"), (600, "Busy Everywhere", "busy"), (603, "Decline", "busy")])
def test_busy(daemon, phones, code, reason, state):
    a, b = phones(8000, 8001)
    n = len(daemon.sql("SELECT id FROM calls WHERE ended > 0"))
    ca = a.invite("8001")
    b.incoming().reject(code, reason)
    assert ca.wait_failure().status in (486, 600, 603)
    row = daemon.call_rows(n + 1)[-1]
    assert row["state"] in (state, "rejected") and row["talk"] == 0 and row["recording"] == ""


def test_not_found(daemon, phones):
    a, = phones(8000)
    n = len(daemon.sql("SELECT id FROM calls WHERE ended > 0"))
    assert a.invite("7999").wait_failure().status == 404
    assert daemon.call_rows(n + 1)[-1]["state"] == "not-found"


def test_unreachable(daemon, phones):
    a, = phones(8000)
    n = len(daemon.sql("SELECT id FROM calls WHERE ended > 0"))
    assert a.invite("8040").wait_failure().status == 480
    assert daemon.call_rows(n + 1)[-1]["state"] == "unreachable"


def test_no_answer_after_the_ring_time():
    with Daemon({"sip.ring_timeout": 5}) as d:
        a, b = d.ua(8000), d.ua(8001)
        ca = a.invite("8001")
        cb = b.incoming()
        cb.ring()
        cb.wait_cancel(timeout=9)
        assert ca.wait_failure().status == 480
        row = d.call_rows(1)[0]
        assert row["state"] == "no-answer" and 4500 <= row["ring"] <= 6500


def test_caller_cancels(daemon, phones):
    a, b = phones(8000, 8001)
    n = len(daemon.sql("SELECT id FROM calls WHERE ended > 0"))
    ca = a.invite("8001")
    cb = b.incoming()
    cb.ring()
    ca.wait_status(180)
    ca.cancel()
    assert a.response("CANCEL").status == 200
    cb.wait_cancel()
    assert ca.wait_failure().status == 487
    assert daemon.call_rows(n + 1)[-1]["state"] == "cancelled"


def test_forking_first_answer_wins(daemon, phones):
    a, b1 = phones(8000, 8001)
    b2 = daemon.ua(8001)
    ca = a.invite("8001", freq=A)
    c1, c2 = b1.incoming(freq=B), b2.incoming(freq=C)
    c1.ring()
    c2.ring()
    ca.wait_status(180)
    c2.answer()
    c1.wait_cancel()
    ca.wait_answer()
    assert ca.rtp.hears(C) and c2.rtp.hears(A)
    ca.bye()
    c2.wait_end()


def test_one_contact_busy_the_other_answers(daemon, phones):
    a, b1 = phones(8000, 8001)
    b2 = daemon.ua(8001)
    ca = a.invite("8001", freq=A)
    c1, c2 = b1.incoming(), b2.incoming(freq=B)
    c1.reject(486)
    c2.answer()
    ca.wait_answer()
    assert ca.rtp.hears(B)
    ca.bye()
    c2.wait_end()


def test_early_media_is_heard(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001", freq=A)
    cb = b.incoming(freq=C)
    cb.early_media()
    ca.wait_status(183)
    assert ca.rtp.hears(C), "no early media"
    cb.rtp.freq = B
    cb.answer()
    ca.wait_answer()
    assert ca.rtp.hears(B)
    ca.bye()
    cb.wait_end()


def test_late_offer(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001", freq=A, late=True)
    cb = b.incoming(freq=B)
    cb.answer()
    r = ca.wait_status(200)
    assert r.body, "a 2xx to an INVITE without offer must carry one"
    ca.established(r)
    ca.ack(make_sdp(a.host, ca.rtp.port))
    assert ca.rtp.hears(B) and cb.rtp.hears(A)
    ca.bye()
    cb.wait_end()


def test_dtmf_by_rfc4733_is_passed_on(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    ca.rtp.dtmf("159#")
    assert cb.rtp.wait(lambda r: r.keys() == "159#"), f"heard {cb.rtp.keys()!r}"
    ca.bye()
    cb.wait_end()


def test_dtmf_by_info_reaches_a_phone_with_rfc4733(daemon, phones):
    a, b = phones(8000, 8001)
    ca = a.invite("8001", freq=A, te_pt=None)
    cb = b.incoming(freq=B)
    cb.answer()
    ca.wait_answer()
    assert cb.rtp.hears(A)
    for k in "42":
        r = ca.final(ca.send("INFO", [("Content-Type", "application/dtmf-relay")], f"Signal={k}\r\nDuration=160\r\n"))
        assert r.status == 200
    assert cb.rtp.wait(lambda r: r.keys() == "42"), f"heard {cb.rtp.keys()!r}"
    ca.bye()
    cb.wait_end()


def test_another_phones_registration_does_not_open_a_stranger_the_door(daemon, phones):
    """an INVITE without credentials, or with wrong ones, rings nobody"""
    a, b = phones(8000, 8001)
    a.password = "wrong"
    ca = a.invite("8001")
    r = ca.wait_status(401, 403)
    assert r.status in (401, 403)
    b.nothing(lambda m: m.method == "INVITE")


def test_call_record_has_the_whole_path_and_the_quality(daemon, phones):
    import json
    a, b = phones(8000, 8001)
    n = len(daemon.sql("SELECT id FROM calls WHERE ended > 0"))
    ca, cb = talk(a, b, "8001")
    ca.bye()
    cb.wait_end()
    row = daemon.call_rows(n + 1)[-1]
    events = [e["e"] for e in json.loads(row["timeline"])]
    assert events[0] == "start" and "ringing" in events and "answered" in events and events[-1] == "end", events
    quality = json.loads(row["quality"])
    assert len(quality) == 2, quality


def test_recording_is_playable_by_the_web(daemon, phones):
    a, b = phones(8000, 8001)
    n = len(daemon.sql("SELECT id FROM calls WHERE ended > 0"))
    ca, cb = talk(a, b, "8001")
    ca.bye()
    cb.wait_end()
    row = daemon.call_rows(n + 1)[-1]
    size = os.path.getsize(daemon.recording(row))
    status, data, h = daemon.api.raw("GET", f"/api/v1/calls/{row['id']}/recording")
    assert status == 200 and len(data) == size and h["Content-Type"] == "audio/wav"
    status, data, h = daemon.api.raw("GET", f"/api/v1/calls/{row['id']}/recording", headers={"Range": "bytes=100-199"})
    assert status == 206 and len(data) == 100 and h["Content-Range"] == f"bytes 100-199/{size}"
    peaks = daemon.api.get(f"/calls/{row['id']}/peaks?n=50")
    assert len(peaks["left"]) == 50 and max(peaks["left"]) > 20 and max(peaks["right"]) > 20

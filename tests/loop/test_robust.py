"""What attackers and broken networks do, while a call is up: it must not notice."""
import os
import socket
import time

import pytest
from lib.audio import power, wav_channels
from lib.daemon import Daemon
from lib.sipmsg import make_sdp
from test_calls import A, B, talk


def undisturbed(ca, cb):
    """both still hear each other, no gap in what arrived meanwhile"""
    for c, f in ((ca, B), (cb, A)):
        assert c.rtp.hears(f)
        ssrcs, gaps = c.rtp.continuity()
        assert ssrcs == 1 and gaps <= 2, f"{gaps} gaps, {ssrcs} SSRCs"


def test_garbage_datagrams(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for i in range(2000):
        s.sendto(os.urandom(1 + i % 1400), ("127.0.0.1", daemon.port))
    for junk in (b"\r\n\r\n", b"\0" * 65000, b"INVITE sip:x SIP/2.0\r\n" + b"A: b\r\n" * 5000, b"SIP/2.0 200 OK\r\n\r\n",
                 b"INVITE sip:8001@x SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nContent-Length: 99999999\r\n\r\nx"):
        s.sendto(junk[:65000], ("127.0.0.1", daemon.port))
    a.request("OPTIONS", f"sip:{a.domain}")
    assert a.response("OPTIONS").status == 200
    undisturbed(ca, cb)
    ca.bye()
    cb.wait_end()


def test_half_open_tcp_and_slow_senders(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    socks = []
    for i in range(200):
        s = socket.create_connection(("127.0.0.1", daemon.port), 5, ("127.0.0.6", 0))
        if i % 2:
            s.sendall(b"INVITE sip:8001@127.0.0.1 SIP/2.0\r\nVia: ")
        socks.append(s)
    t = daemon.ua(8005, transport="tcp")
    assert t.register().status == 200, "a real TCP phone must still get in"
    undisturbed(ca, cb)
    for s in socks:
        s.close()
    ca.bye()
    cb.wait_end()


def test_oversized_tcp_message_closes_that_connection_only(daemon, phones):
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    s = socket.create_connection(("127.0.0.1", daemon.port), 5)
    s.settimeout(10)
    closed = False
    try:
        s.sendall(b"INVITE sip:8001@127.0.0.1 SIP/2.0\r\n")
        for _ in range(4000):
            s.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")
        while s.recv(65536):
            pass
        closed = True
    except OSError:
        closed = True
    assert closed
    undisturbed(ca, cb)
    ca.bye()
    cb.wait_end()


def test_rtp_from_a_stranger_is_not_heard(daemon, phones):
    from lib import audio
    import struct
    a, b = phones(8000, 8001)
    ca, cb = talk(a, b, "8001")
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for i in range(200):
        body = audio.encode(audio.tone(2000, 160, i * 160), 0)
        s.sendto(struct.pack("!BBHII", 0x80, 0, i, i * 160, 0x666) + body, ca.rtp.remote)
    s.sendto(os.urandom(500), ca.rtp.remote)
    undisturbed(ca, cb)
    assert power(cb.rtp.samples[-1600:], 2000) < 0.05
    ca.bye()
    cb.wait_end()


def test_ports_exhausted_is_503_and_running_calls_go_on():
    with Daemon({"rtp.port_min": 32760, "rtp.port_max": 32763}) as d:
        a, b = d.ua(8000), d.ua(8001)
        ca, cb = talk(a, b, "8001")
        for _ in range(3):
            assert a.invite("8001").wait_failure().status == 503
        undisturbed(ca, cb)
        ca.bye()
        cb.wait_end()


def test_call_limit_is_503():
    with Daemon({"call.max": 1}) as d:
        a, b, c = d.ua(8000), d.ua(8001), d.ua(8002)
        ca, cb = talk(a, b, "8001")
        r = c.invite("8001").wait_failure()
        assert r.status == 503
        undisturbed(ca, cb)
        ca.bye()
        cb.wait_end()


def test_wrong_sdp_is_refused_cleanly(daemon, phones):
    a, b = phones(8000, 8001)
    for sdp, codes in ((make_sdp(a.host, 4000, pts=()).replace(" 101", " 77"), (488,)), ("v=0\r\nm=audio banana\r\n", (400, 488)),
                       (make_sdp(a.host, 0), (488,)), ("v=0\r\n" * 5000, (400, 413, 488))):
        ca = a.invite("8001", sdp=sdp)
        assert ca.wait_failure().status in codes
    b.nothing(lambda m: m.method == "INVITE", 0.2)


def test_kill9_in_a_call_keeps_the_recording_and_says_interrupted():
    with Daemon() as d:
        a, b = d.ua(8000), d.ua(8001)
        ca, cb = talk(a, b, "8001")
        ca.rtp.clear()
        assert ca.rtp.wait(lambda r: len(r.samples) >= 8000 * 4, timeout=10)
        d.kill9()
        d.start()
        rows = d.call_rows(1)
        assert rows[0]["state"] == "interrupted" and rows[0]["recording"]
        rate, left, right = wav_channels(d.recording(rows[0]))
        assert len(left) >= 8000 * 3, f"only {len(left) / 8000:.1f} s of more than 4 s are left"
        assert power(left[8000:12000], A) > 0.7 and power(right[8000:12000], B) > 0.7
        assert abs(rows[0]["talk"] - len(left) / 8) < 1500


def test_restart_after_kill9_under_registrations():
    """every REGISTER that got its 200 before the kill is bound afterwards"""
    with Daemon() as d:
        for i in range(3):
            u = [d.ua(8000 + n + 10 * i) for n in range(10)]
            d.kill9()
            d.start()
            bound = {r["ext"] for r in d.sql("SELECT ext FROM bindings")}
            assert {x.user for x in u} <= bound


def test_full_disk_is_told_and_the_call_goes_on(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root for a small tmpfs")
    rec = tmp_path / "rec"
    rec.mkdir()
    if os.system(f"mount -t tmpfs -o size=1m tmpfs {rec}"):
        pytest.skip("mount is not allowed here")
    try:
        with Daemon({"recordings.dir": str(rec), "recordings.min_free_mb": 0}) as d:
            (rec / "filler").write_bytes(b"x" * 950_000)
            a, b = d.ua(8000), d.ua(8001)
            ca, cb = talk(a, b, "8001")
            ca.rtp.clear()
            assert ca.rtp.wait(lambda r: len(r.samples) >= 8000 * 5, timeout=12)
            undisturbed(ca, cb)
            ca.bye()
            cb.wait_end()
            assert d.call_rows(1)[0]["rec_problem"], "the record must say that the recording is not complete"
    finally:
        os.system(f"umount -l {rec}")


def test_burst_of_registrations_and_calls_leaves_nothing_behind():
    with Daemon() as d:
        a, b = d.ua(8000), d.ua(8001)
        fds = f"/proc/{d.proc.pid}/fd"
        base = None
        for i in range(30):
            ca = a.invite("8001")
            cb = b.incoming()
            cb.answer()
            ca.wait_answer()
            ca.bye()
            cb.wait_end()
            if i == 4:
                base = len(os.listdir(fds))
        end = time.monotonic() + 5
        while len(os.listdir(fds)) > base + 8 and time.monotonic() < end:
            time.sleep(0.05)  # lint: poll of /proc
        assert len(os.listdir(fds)) <= base + 8

"""更新配置 touches no call in progress."""
from lib.daemon import Daemon

SECRET = "geheim-12345"


def test_calls_in_progress_survive_an_apply():
    with Daemon() as d:
        a, b = d.ua(8000), d.ua(8001)
        talking = a.invite("8001", freq=440)
        other = b.incoming(freq=880)
        other.answer()
        talking.wait_answer()
        assert talking.rtp.hears(880) and other.rtp.hears(440)
        d.api.post("/extensions/batch", {"from": "30000", "to": "32999", "strategy": "given", "secret": SECRET})
        row = d.api.get("/extensions?f.number=8001")["rows"][0]
        d.api("PUT", f"/extensions/{row['id']}", {"rev": row["rev"], "name": "another name"})
        gaps = talking.rtp.continuity()[1], other.rtp.continuity()[1]
        r = d.apply()
        assert r["took_ms"] < 5000
        assert (talking.rtp.continuity()[1], other.rtp.continuity()[1]) == gaps, "audio was interrupted"
        assert talking.rtp.hears(880) and other.rtp.hears(440)
        # both phones are registered still, and the call can be ended by either
        assert {x["reg"] for n in (8000, 8001) for x in d.api.get(f"/extensions?f.number={n}")["rows"]} == {"on"}
        other.bye()
        talking.wait_end()
        assert d.call_rows(1)[-1]["state"] == "answered"


def test_a_ringing_call_and_one_whose_extension_goes():
    with Daemon() as d:
        a, b = d.ua(8000), d.ua(8001)
        ringing = a.invite("8001", freq=440)
        other = b.incoming(freq=880)
        other.ring()
        ringing.wait_status(180)
        rows = {n: d.api.get(f"/extensions?f.number={n}")["rows"][0] for n in (8030, 8001)}
        d.api("DELETE", f"/extensions/{rows[8030]['id']}")
        d.api("PUT", f"/extensions/{rows[8001]['id']}", {"rev": rows[8001]["rev"], "secret": SECRET})
        d.apply()
        other.answer()  # its password has changed meanwhile; the call is not touched
        ringing.wait_answer()
        assert ringing.rtp.hears(880) and other.rtp.hears(440)
        ringing.bye()
        other.wait_end()

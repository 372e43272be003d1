"""A real call as the browser sees it: the pop while it rings, live list, orders by REST, the record with its recording."""
import time

from .test_push import Sock


def test_the_story_of_a_call(web, admin, phones):
    a, b = phones("8000", "8001")
    boss, agent, other = Sock(web, admin), Sock(web, web.login("agent1")), Sock(web, web.login("agent2"))
    api = web.login("agent1")
    ca = a.invite("8001")
    cb = b.incoming()
    t = time.monotonic()
    cb.ring()
    m = agent.next("call.ringing")
    assert time.monotonic() - t < 0.5
    c = m["call"]
    assert (c["ext"], c["peer"], c["state"], c["dir"]) == ("8001", "8000", "ringing", "internal") and m["history"] == []
    assert boss.next("live.call")["call"]["id"] == c["id"]
    assert other.quiet("call.ringing", "live.call", timeout=0.5), "not his phone, not his right"
    assert api.get("/phone")["state"] == "ringing"
    assert api.get(f"/pop/{c['id']}")["call"]["peer"] == "8000"
    cb.answer()
    ca.wait_answer()
    assert agent.next("call.answered")["call"]["state"] == "talking"
    rows = admin.get("/live/calls")["rows"]
    assert [r["id"] for r in rows] == [c["id"]] and rows[0]["answered"] > 0
    phone = api.get("/phone")
    assert (phone["extension"], phone["online"], phone["state"]) == ("8001", True, "talking") and phone["call"]["id"] == c["id"]
    time.sleep(1.2)  # lint: the recording needs a length
    assert admin.raw("DELETE", f"/api/v1/live/calls/{c['id']}")[0] == 204
    ca.wait_end()
    cb.wait_end()
    assert agent.next("call.ended")["call"]["id"] == c["id"]
    while not boss.next("live.call")["gone"]:
        pass
    web.d.call_rows(1)
    row = admin.get(f"/calls/{c['id']}")
    assert row["state"] == "answered" and row["recording"] is True and 1000 <= row["talk"] < 8000
    assert [e["e"] for e in row["timeline"]]
    status, data, h = api.raw("GET", f"/api/v1/calls/{c['id']}/recording?download=1")
    assert status == 200 and data[:4] == b"RIFF" and "_8000_8001.wav" in h["Content-Disposition"]
    peaks = admin.get(f"/calls/{c['id']}/peaks?n=50")
    assert max(peaks["left"]) > 10 and max(peaks["right"]) > 10 and 1000 <= peaks["length"] < 8000
    assert admin.get("/live/calls")["rows"] == []
    # the next call of that number knows this one
    ca = a.invite("8001")
    cb = b.incoming()
    cb.ring()
    m = agent.next("call.ringing")
    assert [x["id"] for x in m["history"]] == [c["id"]]
    assert api.raw("POST", "/api/v1/phone/hangup", {})[0] == 204
    for s in (boss, agent, other):
        s.close()


def test_hold_and_click_to_call(web, admin, phones):
    a, b = phones("8000", "8002")
    api = web.login("admin")
    s = Sock(web, api)
    made = api.post("/phone/dial", {"number": "8002"})
    ca = a.incoming()
    ca.answer()
    cb = b.incoming()
    cb.answer()
    c = s.next("call.answered")["call"]
    assert c["id"] == made["call_id"]
    assert api.raw("POST", "/api/v1/phone/hold", {"on": True})[0] == 204
    assert s.next("call.held")["call"]["id"] == c["id"] and api.get("/phone")["state"] == "held"
    assert api.raw("POST", "/api/v1/phone/hold", {"on": False})[0] == 204
    assert s.next("call.resumed")
    assert api.raw("POST", "/api/v1/phone/dial", {"number": "8002"})[0] == 409
    assert api.raw("POST", "/api/v1/phone/hangup", {})[0] == 204
    assert s.next("call.ended")
    s.close()

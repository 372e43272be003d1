"""Voice menus: keys, direct dialling, what is told of wrong ones and of none, nesting, the end."""
import json
import struct
import time

import pytest

from lib import audio
from lib.daemon import Daemon
from lib.sipua import Ua


def wav(freq, ms=1500):
    pcm = audio.tone(freq, 8 * ms)
    data = struct.pack(f"<{len(pcm)}h", *pcm)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data" + struct.pack("<I", len(data)) + data


@pytest.fixture(scope="module")
def house():
    with Daemon() as d:
        line = Ua("line", server=("127.0.0.1", d.port), host="127.0.0.2")
        d.uas.append(line)
        d.api.post("/trunks", {"name": "line", "kind": "peer", "host": "127.0.0.2", "port": line.port})
        d.prompts = {f: upload(d, f) for f in (500, 700, 900, 1100)}
        ext = {n: d.api.get(f"/extensions?f.number={n}")["rows"][0]["id"] for n in (8001, 8002)}
        inner = d.api.post("/ivrs", {"name": "inner", "number": "6601", "prompt_id": d.prompts[700], "repeats": 1, "timeout": 1000, "app": "hangup", "param": "",
                                     "keys": [{"key": "1", "app": "extension", "param": str(ext[8002])}]})["id"]
        outer = d.api.post("/ivrs", {"name": "outer", "number": "6600", "prompt_id": d.prompts[500], "repeats": 2, "timeout": 1000, "direct_dial": True,
                                     "invalid_id": d.prompts[900], "timeout_id": d.prompts[1100], "app": "hangup", "param": "",
                                     "keys": [{"key": "0", "app": "extension", "param": str(ext[8001])}, {"key": "2", "app": "ivr", "param": str(inner)},
                                              {"key": "*", "app": "hangup", "param": ""}]})["id"]
        d.api.post("/inbound_routes", {"name": "in", "pattern": "4001", "app": "ivr", "param": str(outer)})
        d.api.post("/inbound_routes", {"name": "circle", "pattern": "4002", "app": "ivr", "param": str(d.api.post("/ivrs", {"name": "circle", "number": "6602", "repeats": 1, "timeout": 1000, "app": "hangup", "param": "", "keys": [{"key": "1", "app": "hangup", "param": ""}]})["id"])})
        d.apply()
        d.line, d.seen = line, set()
        d.b1, d.b2 = d.ua(8001), d.ua(8002)
        yield d


def upload(d, freq):
    status, body, _ = d.api.raw("POST", "/api/v1/prompts/upload", wav(freq), {"Content-Type": "application/octet-stream", "X-File-Name": f"tone{freq}.wav"})
    assert status == 201, body
    return json.loads(body)["id"]


def key(c, digits):
    c.rtp.clear()
    c.rtp.dtmf(digits)


def enter(d, number="4001"):
    c = d.line.call(number, freq=0)
    assert c.rtp.heard(500)
    return c


def timeline(d, number):
    """of the one call to this number that has not been looked at yet"""
    end = time.monotonic() + 5
    while True:
        rows = d.sql("SELECT * FROM calls LEFT JOIN call_details ON call_id = id WHERE ended > 0 AND callee = ? ORDER BY start DESC, id DESC", number)
        if rows and rows[0]["id"] not in d.seen:
            d.seen.update(r["id"] for r in rows)
            return rows[0]["timeline"]
        assert time.monotonic() < end
        time.sleep(0.02)  # lint: poll of a file


def test_a_key_pressed_into_the_prompt_rings_the_phone(house):
    d = house
    b = d.b1
    c = enter(d)
    key(c, "0")
    far = b.incoming(freq=880)
    far.answer()
    assert c.rtp.hears(880)
    c.rtp.freq = 440
    assert far.rtp.hears(440)
    far.bye()
    c.wait_end()
    steps = timeline(d, "4001")
    assert all(f'"{s}"' in steps for s in ("ivr", "key", "dial", "answered")) and "outer" in steps


def test_direct_dialling_waits_for_the_number(house):
    d = house
    b = d.b2
    c = enter(d)
    key(c, "8002#")
    far = b.incoming(freq=880)
    far.answer()
    assert c.rtp.hears(880)
    c.bye()
    far.wait_end()
    assert '"direct-dial"' in timeline(d, "4001")


def test_a_wrong_key_is_told_and_the_menu_comes_again_and_ends(house):
    d = house
    c = enter(d)
    key(c, "7")
    assert c.rtp.heard(900, timeout=8)  # after the time a number would take
    c.rtp.clear()
    assert c.rtp.heard(500)
    c.rtp.clear()
    assert c.rtp.heard(1100, timeout=8)  # nothing pressed within the pause
    c.wait_end()
    steps = timeline(d, "4001")
    assert '"wrong-key"' in steps and '"no-key"' in steps


def test_a_menu_in_a_menu(house):
    d = house
    b = d.b2
    c = enter(d)
    key(c, "2")
    assert c.rtp.heard(700, timeout=8)
    key(c, "1")
    far = b.incoming(freq=880)
    far.reject(486)
    c.wait_end()
    steps = timeline(d, "4001")
    assert "inner" in steps and '"busy"' in steps


def test_a_star_is_no_number_and_works_at_once(house):
    d = house
    c = enter(d)
    key(c, "*")
    c.wait_end(timeout=8)
    assert '"key"' in timeline(d, "4001")


def test_an_extension_can_dial_it_and_the_caller_may_hang_up(house):
    d = house
    a = d.ua(8003)
    c = a.call("6600", freq=0)
    assert c.rtp.heard(500)
    c.bye()
    assert timeline(d, "6600")


def test_menus_that_lead_in_a_circle_come_to_an_end(house):
    d = house
    row = d.api.get("/ivrs?f.name=circle")["rows"][0]
    row = d.api.get(f"/ivrs/{row['id']}")
    d.api("PUT", f"/ivrs/{row['id']}", {"rev": row["rev"], "keys": [{"key": "1", "app": "ivr", "param": str(row["id"])}]})
    d.apply()
    c = d.line.call("4002", freq=0)
    for _ in range(60):
        c.rtp.dtmf("1")
    c.wait_end(timeout=30)
    assert '"circle"' in timeline(d, "4002")


def test_a_menu_that_is_taken_away_meanwhile(house):
    d = house
    c = enter(d)
    for r in d.api.get("/inbound_routes?f.pattern=4001")["rows"]:
        d.api("DELETE", f"/inbound_routes/{r['id']}")
    row = d.api.get("/ivrs?f.name=outer")["rows"][0]
    d.api("DELETE", f"/ivrs/{row['id']}")
    d.apply()
    key(c, "0")
    c.wait_end(timeout=8)

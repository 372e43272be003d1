"""通话记录: lists, scope, masking, recordings with ranges, peaks; live calls and the phone."""
import csv
import io
import json
import re

import pytest

from .conftest import CUSTOMER

MASKED = "1361****678"


def test_list_and_single(web, admin):
    i = web.add_call()
    rows = admin.get(f"/calls?f.caller={CUSTOMER}")["rows"]
    row = next(r for r in rows if r["id"] == i)
    assert row["caller"] == CUSTOMER and row["state"] == "answered" and row["recording"] is False and "timeline" not in row
    one = admin.get(f"/calls/{i}")
    assert one["timeline"][1]["n"] == CUSTOMER
    assert admin.raw("POST", "/api/v1/calls", {"caller": "1"})[0] == 405
    assert admin.raw("PUT", f"/api/v1/calls/{i}", {"caller": "1", "rev": 1})[0] == 405
    assert admin.raw("DELETE", f"/api/v1/calls/{i}")[0] == 405
    now = row["start"]
    assert i in [r["id"] for r in admin.get(f"/calls?f.start={now - 1}..{now + 1}&f.state=answered&f.direction=inbound&f.recording=0&sort=-start")["rows"]]
    assert admin.get(f"/calls?f.start={now + 1}..{now + 2}")["total"] == 0


def test_own_scope_sees_own_calls(web):
    mine, others = web.add_call(), web.add_call(callee="8002", callee_ext="8002")
    a = web.login("agent1")
    ids = [r["id"] for r in a.get("/calls?size=100")["rows"]]
    assert mine in ids and others not in ids
    assert a.raw("GET", f"/api/v1/calls/{others}")[0] == 404
    assert a.raw("GET", f"/api/v1/calls/{others}/recording")[0] == 404
    assert a.raw("GET", f"/api/v1/pop/{others}")[0] == 404
    assert a.raw("GET", "/api/v1/calls/export.csv")[0] == 403
    assert a.raw("GET", "/api/v1/extensions")[0] == 403
    assert a.raw("GET", "/api/v1/live/calls")[0] == 403


def test_user_without_extension_sees_nothing_of_his_own(web):
    web.add_call()
    web.db("UPDATE users SET extension_id = NULL WHERE login = 'agent5'")
    a = web.login("agent5")
    assert a.get("/calls")["total"] == 0
    status, data, _ = a.raw("POST", "/api/v1/phone/dial", {"number": "8001"})
    assert status == 409 and json.loads(data)["error"]["code"] == "no_phone"
    assert a.get("/phone") == {"extension": "", "online": False, "state": "idle", "call": None}


def test_other_company(web):
    i = web.add_call(company_id=web.other_company())
    web.role("agent4", "company", "calls:list calls:export live:list")
    a = web.login("agent4")
    assert a.raw("GET", f"/api/v1/calls/{i}")[0] == 404
    assert i not in [r["id"] for r in a.get("/calls?size=100")["rows"]]


def test_masking_everywhere(web):
    rec = web.add_recording(name="2026/11/22/masked.wav")
    i = web.add_call(recording=rec, caller_name=CUSTOMER, transfer_to="13987654321")
    web.role("agent3", "company", "calls:list calls:download calls:export live:list phone:dial", mask=1)
    a = web.login("agent3")
    row = next(r for r in a.get("/calls?size=100")["rows"] if r["id"] == i)
    assert row["caller"] == MASKED and row["callee"] == "8001" and row["caller_name"] == MASKED and row["transfer_to"] == "1398****321"
    for path in [f"/calls/{i}", f"/pop/{i}", "/calls?size=100", "/calls/export.csv", "/live/calls"]:
        data = a.raw("GET", "/api/v1" + path)[1].decode()
        assert CUSTOMER not in data and "13987654321" not in data, path
    h = a.raw("GET", f"/api/v1/calls/{i}/recording?download=1")[2]
    assert "1361xxxx678" in h["Content-Disposition"] and CUSTOMER not in str(h)
    rows = list(csv.reader(io.StringIO(a.raw("GET", "/api/v1/calls/export.csv")[1].decode("utf-8-sig"))))
    assert any(MASKED in cell for r in rows for cell in r)


def test_a_masked_user_cannot_search_the_digits_out(web):
    web.add_call()
    web.role("agent3", "company", "calls:list phone:dial", mask=1)
    a = web.login("agent3")
    # not by the whole number either: the four hidden digits are ten thousand tries, a hundred of them at a time
    for q in ["f.caller=1361234*", "f.caller=*2345*", "sort=caller", "f.caller=!1", f"f.caller={CUSTOMER}", f"f.caller=1,{CUSTOMER}",
              f"f.transfer_to={CUSTOMER}"]:
        assert a.raw("GET", "/api/v1/calls?" + q)[0] == 400, q
    for q in ["12345", CUSTOMER]:
        assert a.get(f"/calls?q={q}")["total"] == 0


def test_recording_ranges(web, admin):
    i = web.add_call(recording=web.add_recording())
    path = f"/api/v1/calls/{i}/recording"
    status, whole, h = admin.raw("GET", path)
    assert status == 200 and h["Content-Type"] == "audio/wav" and h["Accept-Ranges"] == "bytes" and whole[:4] == b"RIFF"
    size = len(whole)
    assert int(h["Content-Length"]) == size and h["Content-Disposition"].startswith("inline")
    for r, a, b in [("0-3", 0, 3), ("100-", 100, size - 1), ("-10", size - 10, size - 1), (f"{size - 1}-{size + 500}", size - 1, size - 1), ("0-", 0, size - 1)]:
        status, data, h = admin.raw("GET", path, headers={"Range": "bytes=" + r})
        assert status == 206 and data == whole[a:b + 1] and h["Content-Range"] == f"bytes {a}-{b}/{size}", r
    for r in [f"{size}-", f"{size + 5}-{size + 9}", "9-3", "-0"]:
        status, _, h = admin.raw("GET", path, headers={"Range": "bytes=" + r})
        assert status == 416 and h["Content-Range"] == f"bytes */{size}", r
    for r in ["bytes=x", "bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=-", "bytes=1-2-3", "bytes=99999999999999999999-"]:
        assert admin.raw("GET", path, headers={"Range": r})[0] in (200, 416), r
    etag = h["ETag"] if "ETag" in h else admin.raw("GET", path)[2]["ETag"]
    assert admin.raw("GET", path, headers={"Range": "bytes=0-3", "If-Range": etag})[0] == 206
    assert admin.raw("GET", path, headers={"Range": "bytes=0-3", "If-Range": '"other"'})[0] == 200
    status, data, h = admin.raw("HEAD", path)
    assert status == 200 and not data and int(h["Content-Length"]) == size
    h = admin.raw("GET", path + "?download=1")[2]
    assert re.search(r'attachment; filename="\d{8}-\d{6}_13612345678_8001\.wav"', h["Content-Disposition"])


def test_download_needs_its_right(web):
    i = web.add_call(recording=web.add_recording())
    web.role("agent4", "company", "calls:list")
    a = web.login("agent4")
    assert a.raw("GET", f"/api/v1/calls/{i}/recording")[0] == 200
    assert a.raw("GET", f"/api/v1/calls/{i}/recording?download=1")[0] == 403


@pytest.mark.parametrize("path", ["../zuoxi.db", "/etc/passwd", "a/../../zuoxi.db", ".hidden.wav", "a//b.wav", "missing.wav", "2026", ""])
def test_recording_path_stays_inside(web, admin, path):
    i = web.add_call(recording=path)
    status, data, _ = admin.raw("GET", f"/api/v1/calls/{i}/recording")
    assert status == 404 and json.loads(data)["error"]["code"] == "no_recording"


def test_peaks(web, admin):
    i = web.add_call(recording=web.add_recording())
    p = admin.get(f"/calls/{i}/peaks?n=100")
    assert len(p["left"]) == 100 and len(p["right"]) == 100 and max(p["left"]) > 0 and p["length"] > 0
    assert len(admin.get(f"/calls/{i}/peaks")["left"]) == 600
    for n in ["0", "-1", "99999", "x"]:
        assert admin.raw("GET", f"/api/v1/calls/{i}/peaks?n={n}")[0] == 400


def test_phone_orders_without_a_call(web):
    a = web.login("admin")
    assert a.get("/phone") == {"extension": "8000", "online": False, "state": "idle", "call": None}
    for path, body, code in [("dial", {"number": "8001"}, "not_registered"), ("hold", {"on": True}, "no_call"), ("transfer", {"number": "8001"}, "no_call"),
                             ("hangup", {}, "no_call")]:
        status, data, _ = a.raw("POST", "/api/v1/phone/" + path, body)
        assert status == 409 and json.loads(data)["error"]["code"] == code, path
    for body in [{}, {"number": ""}, {"number": "abc"}, {"number": "1" * 33}, {"number": "sip:x@y"}, {"number": 5}]:
        assert a.raw("POST", "/api/v1/phone/dial", body)[0] == 422, body
    assert a.raw("POST", "/api/v1/phone/hold", {"on": "yes"})[0] == 422
    assert a.raw("DELETE", "/api/v1/live/calls/123")[0] == 404


def test_pop_of_a_record(web, admin):
    web.add_call()
    i = web.add_call()
    pop = admin.get(f"/pop/{i}")
    assert pop["call"]["id"] == i and len(pop["history"]) >= 1 and all(h["id"] != i for h in pop["history"]) and len(pop["history"]) <= 10
    starts = [h["start"] for h in pop["history"]]
    assert starts == sorted(starts, reverse=True)


def test_export_keeps_long_numbers(web, admin):
    web.add_call(caller="02087654321")
    rows = list(csv.reader(io.StringIO(admin.raw("GET", "/api/v1/calls/export.csv?f.caller=02087654321")[1].decode("utf-8-sig"))))
    i = rows[0].index("Caller")
    assert rows[1][i] == "\t02087654321"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", rows[1][rows[0].index("Start")])
    assert rows[1][rows[0].index("Talk time (s)")] == "30"

"""The PBX pages: each resource made, changed, found, referred to, refused, and kept from other companies."""
import json

import pytest

from .conftest import until
from .test_extensions import refused

QUEUE = {"name": "甲队", "number": "9773", "strategy": "rrmemory", "ring_time": 20000, "app": "hangup"}
# what a minimal row needs, and one change of it; {x} are ids of rows made before
ROWS = {
    "holiday_lists": ({"name": "甲节假", "dates": [{"date_from": "2027-02-06", "date_to": "2027-02-12", "kind": "off", "name": "春节"},
                                                {"date_from": "2027-02-14", "date_to": "2027-02-14", "kind": "work"}]}, {"name": "2027 甲节假"}),
    "trunks": ({"name": "tovos9", "kind": "peer", "host": "116.31.71.109", "port": 5060, "dtmf": "rfc2833", "codecs": "G729,PCMA,PCMU", "max_calls": 100},
               {"caller_id": "02088888888"}),
    "queues": ({**QUEUE, "members": ["{8000}", "{8001}", "{8002}"]}, {"strategy": "ringall", "members": ["{8002}", "{8000}"]}),
    "ivrs": ({"name": "甲导航", "number": "9709", "repeats": 3, "timeout": 5000, "app": "hangup",
              "keys": [{"key": "1", "app": "queue", "param": "{queues}"}, {"key": "0", "app": "extension", "param": "{8000}"}, {"key": "9", "app": "hangup"}]},
             {"direct_dial": True}),
    "voicemail_boxes": ({"name": "甲信箱", "extension_id": "{8003}", "max_length": 60000}, {"silence": 3000}),
    "conferences": ({"number": "9708", "pin": "123", "name": "甲会"}, {"record": True}),
    "time_conditions": ({"name": "甲时间", "time_from": "09:00", "time_to": "17:59", "weekday_from": "1", "weekday_to": "5", "holidays_id": "{holiday_lists}",
                         "in_app": "ivr", "in_param": "{ivrs}", "out_app": "voicemail", "out_param": "{voicemail_boxes}"}, {"day_from": 25, "day_to": 5}),
    "inbound_routes": ({"name": "甲呼入", "pattern": "4008888888", "caller": "138.", "trunk_id": "{trunks}", "app": "time", "param": "{time_conditions}"},
                       {"record": True}),
    "outbound_routes": ({"name": "甲呼出", "pattern": "X.", "strip": "9", "prefix": "0", "extension_id": "{8001}", "trunk1_id": "{trunks}"}, {"strip": ""}),
    "blacklist": ({"number": "02012345679", "note": "骚扰"}, {"note": "骚扰电话"}),
}


def fill(v, ids):
    if isinstance(v, dict):
        return {k: fill(x, ids) for k, x in v.items()}
    if isinstance(v, list):
        return [fill(x, ids) for x in v]
    if isinstance(v, str) and v.startswith("{"):
        return ids[v[1:-1]]
    return v


@pytest.fixture(scope="module")
def ids(admin):
    """one row of everything"""
    out = {r["number"]: r["id"] for r in admin.get("/extensions?size=50")["rows"]}
    for name, (body, _) in ROWS.items():
        out[name] = admin.post(f"/{name}", fill(body, out))["id"]
    return out


@pytest.fixture(scope="module")
def other(web):
    """the administrator of another company"""
    web.other_company()
    web.role("agent5", "company", "*")
    web.db("UPDATE users SET company_id = 777, extension_id = NULL WHERE login = 'agent5'")
    return web.login("agent5")


def fields_of(call):
    return refused(call, 422, "invalid")["error"]["fields"]


def members(row):
    return [m["v"] for m in row["members"]]


# ---- every page

@pytest.mark.parametrize("name", ROWS)
def test_made_changed_found_and_copied_into_history(web, admin, ids, name):
    body, change = ROWS[name]
    row = admin.get(f"/{name}/{ids[name]}")
    assert row["rev"] == 1 and row["created"] > 1.7e12 and row["company_id"] == 1
    for k, v in fill(body, ids).items():
        if k == "members":
            assert members(row) == v
        elif isinstance(v, list):
            assert [{x: e[x] for x in w} for e, w in zip(row[k], [{**w, **({"param": str(w["param"])} if "param" in w else {})} for w in v])] == \
                [{**w, **({"param": str(w["param"])} if "param" in w else {})} for w in v]
        else:
            assert str(row[k]) == str(v), k
    changed = admin("PUT", f"/{name}/{ids[name]}", {**fill(change, ids), "rev": 1})
    assert changed["rev"] == 2
    for k, v in fill(change, ids).items():
        assert (members(changed) if k == "members" else changed[k]) == v
    assert refused(lambda: admin("PUT", f"/{name}/{ids[name]}", {**fill(change, ids), "rev": 1}), 409, "conflict")["current"]["rev"] == 2
    listed = admin.get(f"/{name}?sort=-created")
    assert [r for r in listed["rows"] if r["id"] == ids[name]] and listed["total"] >= 1
    past = admin.get(f"/{name}/{ids[name]}/history")["rows"]
    assert [h["action"] for h in past][-2:] == ["edit", "add"]


@pytest.mark.parametrize("name", list(ROWS) + ["prompts", "music", "extensions"])
def test_page_is_described_in_both_languages(admin, name):
    meta = admin.get(f"/meta/{name}")
    assert meta["needsApply"] == (name != "blacklist")
    assert meta["title"]["zh-CN"] and meta["title"]["en"]
    assert len({f["key"] for f in meta["fields"]}) == len(meta["fields"])
    for f in meta["fields"]:
        assert f["label"]["zh-CN"] and f["label"]["en"], f["key"]
        assert f["label"]["zh-CN"] != f["label"]["en"] or f["key"] == "id", f["key"]
        if "form" in f["in"] and not f.get("readOnly"):
            assert f.get("help", {}).get("zh-CN") and f["help"]["en"] or f["key"] in ("weekday_to", "month_from", "month_to", "day_to"), f["key"]
        if "group" in f:
            assert f["group"]["zh-CN"] and f["group"]["en"]


@pytest.mark.parametrize("name", [n for n in ROWS if n not in ("blacklist",)])
def test_labels_of_references(admin, ids, name):
    row = admin.get(f"/{name}/{ids[name]}")
    for k, v in row.items():
        if k.endswith("_id") and v and k not in ("company_id", "caller_id"):
            assert row[f"{k}_label"], k
    if name == "queues":
        assert row["app_label"] == "" and [m["label"].split()[0] for m in row["members"]] == ["8002", "8000"]
    if name == "ivrs":
        assert [k["app_label"].split()[0] for k in row["keys"][:2]] == ["9773", "8000"]
    if name == "time_conditions":
        assert row["in_app_label"].startswith("9709") and row["out_app_label"] == "甲信箱"
    if name == "inbound_routes":
        assert row["trunk_id_label"] == "tovos9" and row["app_label"] == "甲时间"


def test_quick_search(admin, ids):
    for name, q in [("queues", "甲队"), ("queues", "9773"), ("ivrs", "甲导航"), ("trunks", "116.31"), ("conferences", "甲会"), ("inbound_routes", "4008888"),
                    ("outbound_routes", "甲呼"), ("voicemail_boxes", "甲信"), ("time_conditions", "甲时"), ("holiday_lists", "甲节"), ("blacklist", "0201")]:
        assert admin.get(f"/{name}?q={__import__('urllib.parse').parse.quote(q)}")["total"] >= 1, (name, q)
        assert admin.get(f"/{name}?q=nowhere")["total"] == 0


@pytest.mark.parametrize("name,f", [("queues", "f.strategy=ringall"), ("trunks", "f.kind=peer&f.port=5060"), ("inbound_routes", "f.app=time"), ("conferences", "f.record=1"),
                                    ("time_conditions", "f.in_app=ivr"), ("outbound_routes", "f.prefix=0"), ("ivrs", "f.direct_dial=1"), ("voicemail_boxes", "f.max_length=60000"),
                                    ("blacklist", "f.number=0201*")])
def test_advanced_search(admin, ids, name, f):
    test_made_once(admin, ids, name)
    assert admin.get(f"/{name}?{f}")["total"] >= 1
    key = f.split("&")[0][2:].split("=")[0]
    assert admin.get(f"/{name}?f.{key}=!{f.split('=')[1].split('&')[0]}")["total"] == admin.get(f"/{name}")["total"] - admin.get(f"/{name}?{f.split('&')[0]}")["total"] \
        or name == "blacklist"


def test_made_once(admin, ids, name="queues"):
    """the change of the first test, when that has not run"""
    row = admin.get(f"/{name}/{ids[name]}")
    if row["rev"] == 1:
        admin("PUT", f"/{name}/{ids[name]}", {**fill(ROWS[name][1], ids), "rev": 1})


@pytest.mark.parametrize("name", ROWS)
def test_other_company_sees_and_changes_nothing(web, other, ids, name):
    assert other.get(f"/{name}")["total"] == 0
    refused(lambda: other.get(f"/{name}/{ids[name]}"), 404, "not_found")
    before = web.db(f"SELECT * FROM {name}")
    refused(lambda: other("PUT", f"/{name}/{ids[name]}", {**fill(ROWS[name][1], ids), "rev": 2}), 404, "not_found")
    refused(lambda: other("DELETE", f"/{name}/{ids[name]}"), 404, "not_found")
    refused(lambda: other.post(f"/{name}/delete", {"ids": [ids[name]]}), 404, "not_found")
    refused(lambda: other.get(f"/{name}/{ids[name]}/uses"), 404, "not_found")
    refused(lambda: other.get(f"/{name}/{ids[name]}/history"), 404, "not_found")
    assert web.db(f"SELECT * FROM {name}") == before


def test_references_stay_within_the_company(other, ids):
    mine = other.post("/trunks", {"name": "other", "host": "sip.example.com", "port": 5060, "kind": "peer", "dtmf": "auto", "codecs": "PCMA"})
    for name, body, bad in [
            ("queues", {**QUEUE, "number": "9801", "members": [ids["8000"]]}, "members"),
            ("queues", {**QUEUE, "number": "9801", "ivr_id": ids["ivrs"], "ivr_after": 1000}, "ivr_id"),
            ("queues", {**QUEUE, "number": "9801", "app": "ivr", "param": ids["ivrs"]}, "app"),
            ("ivrs", {"name": "x", "number": "9802", "repeats": 1, "timeout": 5000, "app": "hangup", "keys": [{"key": "1", "app": "queue", "param": ids["queues"]}]}, "keys"),
            ("time_conditions", {"name": "x", "in_app": "hangup", "out_app": "hangup", "holidays_id": ids["holiday_lists"]}, "holidays_id"),
            ("inbound_routes", {"name": "x", "app": "queue", "param": ids["queues"]}, "app"),
            ("inbound_routes", {"name": "x", "app": "hangup", "trunk_id": ids["trunks"]}, "trunk_id"),
            ("outbound_routes", {"name": "x", "pattern": "X.", "trunk1_id": ids["trunks"]}, "trunk1_id"),
            ("outbound_routes", {"name": "x", "pattern": "X.", "trunk1_id": mine["id"], "extension_id": ids["8000"]}, "extension_id"),
            ("voicemail_boxes", {"name": "x", "extension_id": ids["8000"], "max_length": 60000}, "extension_id")]:
        fields = fields_of(lambda n=name, b=body: other.post(f"/{n}", b))
        assert list(fields) == [bad] and fields[bad] == "reference", (name, fields)
    for name, field in [("queues", "members"), ("queues", "ivr_id"), ("outbound_routes", "extension_id"), ("time_conditions", "holidays_id"), ("queues", "app?app=queue")]:
        assert all(r["id"] in (7770,) for r in other.get(f"/{name}/refs/{field}")["rows"]), (name, field)
    assert [r["id"] for r in other.get("/outbound_routes/refs/trunk1_id")["rows"]] == [mine["id"]]
    # a number of another company is taken, but by what is nobody's business here
    assert fields_of(lambda: other.post("/queues", {**QUEUE, "number": "9773"})) == {"number": "unique"}
    other("DELETE", f"/trunks/{mine['id']}")


def test_agents_have_no_business_here(web, ids):
    web.role("agent4", "own", " ".join(f"{n}:list {n}:add {n}:edit" for n in ROWS))
    agent = web.login("agent4")
    for name in ROWS:
        if name == "blacklist":
            assert agent.get("/blacklist")["total"] == 0
        else:
            refused(lambda n=name: agent.get(f"/{n}"), 403, "forbidden")
    mine = agent.post("/blacklist", {"number": "13900001111"})
    assert mine["added_by"] == "8004 (agent4)" and [r["id"] for r in agent.get("/blacklist")["rows"]] == [mine["id"]]


# ---- numbers

def test_a_number_is_told_with_what_has_it(admin, ids):
    for body, path, code in [({"number": "9773"}, "/extensions", "taken_queue"), ({"number": "9709"}, "/extensions", "taken_ivr"),
                             ({"number": "9708"}, "/extensions", "taken_conference"), ({**QUEUE, "name": "b", "number": "8000"}, "/queues", "taken_extension"),
                             ({**QUEUE, "name": "b", "number": "9773"}, "/queues", "unique"), ({"number": "9773"}, "/conferences", "taken_queue"),
                             ({"name": "b", "number": "9708", "repeats": 1, "timeout": 5000, "app": "hangup"}, "/ivrs", "taken_conference")]:
        assert fields_of(lambda p=path, b=body: admin.post(p, b)) == {"number": code}
    row = admin.get(f"/conferences/{ids['conferences']}")
    assert fields_of(lambda: admin("PUT", f"/conferences/{row['id']}", {"number": "9709", "rev": row["rev"]})) == {"number": "taken_ivr"}
    row = admin("PUT", f"/conferences/{row['id']}", {"number": "9708", "rev": row["rev"]})
    row = admin("PUT", f"/conferences/{row['id']}", {"number": "9702", "rev": row["rev"]})
    made = admin.post("/extensions", {"number": "9708"})
    assert fields_of(lambda: admin("PUT", f"/conferences/{row['id']}", {"number": "9708", "rev": row["rev"]})) == {"number": "taken_extension"}
    admin("DELETE", f"/extensions/{made['id']}")
    admin("PUT", f"/conferences/{row['id']}", {"number": "9708", "rev": row["rev"]})


# ---- refusals, page by page

TIME = {"name": "t", "in_app": "hangup", "out_app": "hangup"}
IVR = {"name": "i", "number": "9750", "repeats": 2, "timeout": 5000, "app": "hangup"}
TRUNK = {"name": "t", "kind": "peer", "host": "10.0.0.1", "port": 5060, "dtmf": "auto", "codecs": "PCMA"}
HOLIDAYS = {"name": "h"}


def day(a, b, kind="off"):
    return {"date_from": a, "date_to": b, "kind": kind}


@pytest.mark.parametrize("name,body,fields", [
    ("queues", {}, {"name": "required", "number": "required"}),
    ("queues", {**QUEUE, "number": "12"}, {"number": "pattern"}), ("queues", {**QUEUE, "number": "123456789"}, {"number": "pattern"}),
    ("queues", {**QUEUE, "strategy": "best"}, {"strategy": "pattern"}), ("queues", {**QUEUE, "ring_time": 2999}, {"ring_time": "range"}),
    ("queues", {**QUEUE, "max_callers": -1}, {"max_callers": "range"}), ("queues", {**QUEUE, "max_wait": 86400001}, {"max_wait": "range"}),
    ("queues", {**QUEUE, "app": "nowhere"}, {"app": "pattern"}), ("queues", {**QUEUE, "number": "9751", "app": "queue"}, {"app": "required"}),
    ("queues", {**QUEUE, "number": "9751", "app": "outside", "param": "abc"}, {"app": "pattern"}),
    ("queues", {**QUEUE, "number": "9751", "app": "hangup", "param": "7"}, {"app": "pattern"}),
    ("queues", {**QUEUE, "name": "q", "number": "9751", "members": [987654]}, {"members": "reference"}), ("queues", {**QUEUE, "members": ["x"]}, {"members.0": "pattern", "members": "pattern"}),
    ("queues", {**QUEUE, "members": [1, 2, 1]}, {"members.2": "unique", "members": "unique"}), ("queues", {**QUEUE, "number": "9751", "ivr_id": "{ivrs}"}, {"ivr_after": "required"}),
    ("queues", {**QUEUE, "name": "x" * 41}, {"name": "length"}),
    ("ivrs", {**IVR, "repeats": 0}, {"repeats": "range"}), ("ivrs", {**IVR, "repeats": 21}, {"repeats": "range"}), ("ivrs", {**IVR, "timeout": 500}, {"timeout": "range"}),
    ("ivrs", {**IVR, "keys": [{"key": "A", "app": "hangup"}]}, {"keys.0.key": "pattern", "keys": "pattern"}),
    ("ivrs", {**IVR, "keys": [{"key": "1", "app": "hangup"}, {"key": "2"}]}, {"keys.1.app": "required", "keys": "required"}),
    ("ivrs", {**IVR, "keys": [{"key": "1", "app": "hangup"}, {"key": "1", "app": "hangup"}]}, {"keys.1.key": "unique", "keys": "unique"}),
    ("ivrs", {**IVR, "keys": [{"key": "1", "app": "queue", "param": 98765}]}, {"keys": "reference"}), ("ivrs", {**IVR, "prompt_id": 98765}, {"prompt_id": "reference"}),
    ("trunks", {**TRUNK, "host": ""}, {"host": "required"}), ("trunks", {**TRUNK, "host": "300.1.1.1"}, {"host": "pattern"}), ("trunks", {**TRUNK, "host": "1.2.3"}, {"host": "pattern"}),
    ("trunks", {**TRUNK, "host": "0.0.0.0"}, {"host": "pattern"}), ("trunks", {**TRUNK, "host": "239.1.1.1"}, {"host": "pattern"}), ("trunks", {**TRUNK, "host": "a b"}, {"host": "pattern"}),
    ("trunks", {**TRUNK, "host": "-x.com"}, {"host": "pattern"}), ("trunks", {**TRUNK, "host": "x..com"}, {"host": "pattern"}), ("trunks", {**TRUNK, "host": "::g"}, {"host": "pattern"}),
    ("trunks", {**TRUNK, "host": "sip:x.com"}, {"host": "pattern"}), ("trunks", {**TRUNK, "host": "ff02::1"}, {"host": "pattern"}),
    ("trunks", {**TRUNK, "port": 0}, {"port": "range"}), ("trunks", {**TRUNK, "port": 65536}, {"port": "range"}), ("trunks", {**TRUNK, "codecs": ""}, {"codecs": "required"}),
    ("trunks", {**TRUNK, "codecs": "PCMA,PCMA"}, {"codecs": "pattern"}), ("trunks", {**TRUNK, "codecs": "OPUS"}, {"codecs": "pattern"}),
    ("trunks", {**TRUNK, "kind": "register"}, {"account": "required"}), ("trunks", {**TRUNK, "kind": "register", "account": "u"}, {"secret": "required"}),
    ("trunks", {**TRUNK, "kind": "gateway", "host": "", "account": "u"}, {"secret": "required"}), ("trunks", {**TRUNK, "account": "a b"}, {"account": "pattern"}),
    ("trunks", {**TRUNK, "dtmf": "morse"}, {"dtmf": "pattern"}), ("trunks", {**TRUNK, "caller_id": "x1"}, {"caller_id": "pattern"}), ("trunks", {**TRUNK, "name": "tovos9"}, {"name": "unique"}),
    ("trunks", {**TRUNK, "host": "116.31.71.109"}, {"host": "unique"}),
    ("time_conditions", {**TIME, "time_from": "9:00", "time_to": "18:00"}, {"time_from": "pattern"}), ("time_conditions", {**TIME, "time_from": "09:00", "time_to": "24:00"}, {"time_to": "pattern"}),
    ("time_conditions", {**TIME, "time_from": "09:00"}, {"time_to": "required"}), ("time_conditions", {**TIME, "time_to": "09:00"}, {"time_from": "required"}),
    ("time_conditions", {**TIME, "weekday_from": "1"}, {"weekday_to": "required"}), ("time_conditions", {**TIME, "weekday_to": "1"}, {"weekday_from": "required"}),
    ("time_conditions", {**TIME, "weekday_from": "8", "weekday_to": "1"}, {"weekday_from": "pattern"}), ("time_conditions", {**TIME, "month_from": "13", "month_to": "1"}, {"month_from": "pattern"}),
    ("time_conditions", {**TIME, "day_from": 32, "day_to": 1}, {"day_from": "range"}), ("time_conditions", {**TIME, "day_from": 5}, {"day_to": "required"}),
    ("time_conditions", {"name": "t", "in_app": "ivr", "out_app": "hangup"}, {"in_app": "required"}),
    ("holiday_lists", {**HOLIDAYS, "dates": [day("2027-02-30", "2027-03-01")]}, {"dates.0.date_from": "pattern", "dates": "pattern"}),
    ("holiday_lists", {**HOLIDAYS, "dates": [day("2027-02-01", "2027-02-01"), day("2027-03-02", "2027-03-01")]}, {"dates.1.date_to": "range", "dates": "range"}),
    ("holiday_lists", {**HOLIDAYS, "dates": [day("2027-02-01", "2027-02-01", "maybe")]}, {"dates.0.kind": "pattern", "dates": "pattern"}),
    ("holiday_lists", {**HOLIDAYS, "dates": [{"date_from": "2027-02-01"}]}, {"dates.0.date_to": "required", "dates": "required"}),
    ("inbound_routes", {"name": "r", "app": "hangup", "pattern": "40.0"}, {"pattern": "pattern"}), ("inbound_routes", {"name": "r", "app": "hangup", "caller": "[5-1]"}, {"caller": "pattern"}),
    ("inbound_routes", {"name": "r", "app": "hangup", "pattern": "abc"}, {"pattern": "pattern"}), ("inbound_routes", {"name": "r", "app": "queue"}, {"app": "required"}),
    ("inbound_routes", {"name": "r", "app": "hangup", "strip": 64}, {"strip": "range"}), ("inbound_routes", {"name": "r"}, {"app": "required"}),
    ("outbound_routes", {"name": "o", "pattern": "", "trunk1_id": "{trunks}"}, {"pattern": "required"}), ("outbound_routes", {"name": "o", "pattern": "X."}, {"trunk1_id": "required"}),
    ("outbound_routes", {"name": "o", "pattern": "X.X", "trunk1_id": "{trunks}"}, {"pattern": "pattern"}),
    ("outbound_routes", {"name": "o", "pattern": "X.", "trunk1_id": "{trunks}", "trunk2_id": "{trunks}"}, {"trunk2_id": "unique"}),
    ("outbound_routes", {"name": "o", "pattern": "X.", "trunk1_id": "{trunks}", "trunk3_id": "{trunks}"}, {"trunk2_id": "required"}),
    ("outbound_routes", {"name": "o", "pattern": "X.", "trunk1_id": "{trunks}", "strip": "9a"}, {"strip": "pattern"}),
    ("conferences", {"number": "9760", "pin": "12"}, {"pin": "length"}), ("conferences", {"number": "9760", "pin": "12a4"}, {"pin": "pattern"}),
    ("conferences", {"number": "9760", "pin": "1234567890123"}, {"pin": "length"}), ("conferences", {}, {"number": "required"}),
    ("voicemail_boxes", {"name": "v", "max_length": 9999}, {"max_length": "range"}), ("voicemail_boxes", {"name": "v", "max_length": 60000, "silence": 60001}, {"silence": "range"}),
    ("voicemail_boxes", {"name": "甲信箱", "max_length": 60000}, {"name": "unique"}),
    ("blacklist", {"number": "abc"}, {"number": "pattern"}), ("blacklist", {"number": "12"}, {"number": "length"}), ("blacklist", {"number": "02012345679"}, {"number": "unique"}),
    ("blacklist", {}, {"number": "required"})])
def test_what_is_refused(web, admin, ids, name, body, fields):
    before = web.db(f"SELECT count(*) FROM {name}")
    assert fields_of(lambda: admin.post(f"/{name}", fill(body, ids))) == fields
    assert web.db(f"SELECT count(*) FROM {name}") == before


# ---- single pages

def test_trunk_secret(web, admin):
    row = admin.post("/trunks", {**TRUNK, "name": "carrier", "kind": "register", "host": "sip.carrier.example", "account": "075588880000", "secret": "s3cret/pw"})
    assert "secret" not in row and "s3cret/pw" not in web.db("SELECT secret FROM trunks WHERE id = ?", row["id"])[0][0]
    assert admin.post(f"/trunks/{row['id']}/secret") == {"secret": "s3cret/pw"}
    row = admin("PUT", f"/trunks/{row['id']}", {"name": "carrier 2", "secret": "", "rev": row["rev"]})
    assert admin.post(f"/trunks/{row['id']}/secret") == {"secret": "s3cret/pw"}, "left empty: as it was"
    row = admin("PUT", f"/trunks/{row['id']}", {"secret": "another", "rev": row["rev"]})
    assert admin.post(f"/trunks/{row['id']}/secret") == {"secret": "another"}
    assert "another" not in json.dumps(web.db("SELECT * FROM audit WHERE resource = 'trunks'"), default=str)
    assert fields_of(lambda: admin("PUT", f"/trunks/{row['id']}", {"account": "", "rev": row["rev"]})) == {"account": "required"}
    row = admin("PUT", f"/trunks/{row['id']}", {"kind": "peer", "account": "", "host": "2001:db8::7", "rev": row["rev"]})
    assert row["host"] == "2001:db8::7"
    admin("DELETE", f"/trunks/{row['id']}")


def test_gateway_needs_no_address(admin):
    row = admin.post("/trunks", {**TRUNK, "name": "gw", "kind": "gateway", "host": "", "account": "gw1", "secret": "gateway-pw"})
    assert row["host"] == "" and row["kind"] == "gateway"
    two = admin.post("/trunks", {**TRUNK, "name": "gw2", "kind": "gateway", "host": "", "account": "gw2", "secret": "gateway-pw"})
    assert admin.post("/trunks/delete", {"ids": [row["id"], two["id"]]}) == {"deleted": 2}


def test_times_in_words(admin):
    def when(lang, **kw):
        row = admin.post("/time_conditions", {**TIME, **kw})
        row = json.loads(admin.raw("GET", f"/api/v1/time_conditions/{row['id']}", headers={"Accept-Language": lang})[1])
        admin("DELETE", f"/time_conditions/{row['id']}")
        return row["when"]
    assert when("zh-CN") == "任何时间" and when("en") == "Always"
    assert when("zh-CN", time_from="22:00", time_to="06:00", weekday_from="5", weekday_to="1") == "周五–周一, 22:00–06:00"
    assert when("en", time_from="22:00", time_to="06:00", weekday_from="5", weekday_to="1") == "Friday–Monday, 22:00–06:00"
    assert when("zh-CN", month_from="11", month_to="2", day_from=25, day_to=5) == "11 月–2 月, 25 日–5 日"
    assert when("en", day_from=1, day_to=1, weekday_from="6", weekday_to="6") == "day 1, Saturday"


def test_time_condition_ends_can_be_taken_out_again(admin):
    row = admin.post("/time_conditions", {**TIME, "time_from": "09:00", "time_to": "10:00", "weekday_from": "1", "weekday_to": "2", "day_from": 1, "day_to": 2})
    assert row["weekday_from"] == "1" and row["day_to"] == 2
    row = admin("PUT", f"/time_conditions/{row['id']}", {"time_from": "", "time_to": "", "weekday_from": "", "weekday_to": None, "day_from": None, "day_to": None, "rev": 1})
    assert not row["weekday_from"] and not row["weekday_to"] and row["day_from"] is None and row["time_from"] == ""
    assert fields_of(lambda: admin("PUT", f"/time_conditions/{row['id']}", {"weekday_from": "3", "rev": 2})) == {"weekday_to": "required"}
    admin("DELETE", f"/time_conditions/{row['id']}")


def test_routes_are_put_in_order(admin, ids):
    for name, body in [("outbound_routes", {"pattern": "0.", "trunk1_id": ids["trunks"]}), ("inbound_routes", {"app": "hangup"})]:
        made = [admin.post(f"/{name}", {**body, "name": f"r{i}"})["id"] for i in range(3)]
        order = [r["id"] for r in admin.get(f"/{name}")["rows"]]
        assert order[-3:] == made, "a new one is the last"
        admin.post(f"/{name}/{made[2]}/move", {"to": 1})
        assert [r["id"] for r in admin.get(f"/{name}")["rows"]] == [made[2]] + order[:-1]
        admin.post(f"/{name}/{made[2]}/move", {"to": "down"})
        now = [r["id"] for r in admin.get(f"/{name}")["rows"]]
        assert now[1] == made[2] and [r["position"] for r in admin.get(f"/{name}")["rows"]] == list(range(1, len(now) + 1))
        assert admin.post(f"/{name}/delete", {"ids": made}) == {"deleted": 3}
        assert [r["id"] for r in admin.get(f"/{name}")["rows"]] == order[:-3]


def test_inbound_route_to_the_number_dialled(admin):
    row = admin.post("/inbound_routes", {"name": "直拨", "pattern": "0208888XXXX", "strip": 7, "app": "extension"})
    assert row["param"] == "" and row["strip"] == 7
    admin("DELETE", f"/inbound_routes/{row['id']}")


def test_who_uses_it(admin, ids):
    def uses(name):
        return {(u["resource"], u["id"]) for u in admin.get(f"/{name}/{ids[name]}/uses")["used_by"]}
    assert uses("queues") == {("ivrs", ids["ivrs"])}
    assert uses("ivrs") == {("time_conditions", ids["time_conditions"])}
    assert uses("trunks") == {("inbound_routes", ids["inbound_routes"]), ("outbound_routes", ids["outbound_routes"])}
    assert uses("holiday_lists") == uses("voicemail_boxes") == {("time_conditions", ids["time_conditions"])}
    assert uses("time_conditions") == {("inbound_routes", ids["inbound_routes"])}
    assert uses("inbound_routes") == uses("outbound_routes") == uses("conferences") == uses("blacklist") == set()
    for name in ["queues", "ivrs", "trunks", "holiday_lists", "voicemail_boxes", "time_conditions"]:
        body = refused(lambda n=name: admin("DELETE", f"/{n}/{ids[n]}"), 409, "in_use")
        assert body["used_by"] and all(u["label"] for u in body["used_by"])
    ext = {(u["resource"]) for u in admin.get(f"/extensions/{ids['8000']}/uses")["used_by"]}
    assert {"queues", "ivrs", "users"} <= ext
    assert {u["resource"] for u in admin.get(f"/extensions/{ids['8001']}/uses")["used_by"]} >= {"outbound_routes"}


def test_many_at_once(admin, ids):
    made = [admin.post("/queues", {**QUEUE, "name": f"批量{i}", "number": str(9790 + i)}) for i in range(3)]
    got = admin.post("/queues/bulk", {"ids": [r["id"] for r in made], "set": {"ring_time": 30000, "strategy": "linear"}})
    assert got == {"changed": 3}
    assert {(r["ring_time"], r["strategy"]) for r in admin.get("/queues?f.number=979*")["rows"]} == {(30000, "linear")}
    fields_of(lambda: admin.post("/queues/bulk", {"ids": [made[0]["id"]], "set": {"number": "9799"}}))
    fields_of(lambda: admin.post("/queues/bulk", {"ids": [made[0]["id"]], "set": {"ivr_id": ids["ivrs"]}}))
    assert admin.get(f"/queues/{made[0]['id']}")["ivr_id"] is None
    admin.post("/queues/delete", {"ids": [r["id"] for r in made]})


def test_blacklist_belongs_to_who_added_it_and_keeps_its_number(web, admin, ids):
    row = admin.get(f"/blacklist/{ids['blacklist']}")
    assert "(admin)" in row["added_by"] or row["added_by"] == "admin"
    row = admin("PUT", f"/blacklist/{row['id']}", {"number": "111111", "note": "y", "rev": row["rev"]})
    assert row["number"] == "02012345679" and row["note"] == "y"
    web.role("agent3", "company", "blacklist:list", 1)
    masked = web.login("agent3").get(f"/blacklist/{row['id']}")["number"]
    assert masked == "0201****679"


def test_menu_is_in_the_manuals_order(admin):
    groups = {g["id"]: [c["id"] for c in g["children"]] for g in admin.get("/meta")["menu"]}
    want = "extensions queues ivrs trunks time_conditions holiday_lists inbound_routes outbound_routes prompts music conferences voicemail_boxes".split()
    assert [c for c in groups["pbx"] if c in want] == want
    assert "blacklist" in groups["customers"]


# ---- files

def job(admin, call):
    n = call["job"]
    until(lambda: admin.get(f"/jobs/{n}")["state"] not in ("running", "queued"))
    got = admin.get(f"/jobs/{n}")
    assert got["state"] == "done", got
    return n, got


def exported(admin, name, ids):
    n, _ = job(admin, admin.post(f"/{name}/export", {"format": "csv", "ids": ids}))
    return admin.raw("GET", f"/api/v1/jobs/{n}/file")[1]


def imported(admin, name, data, **kw):
    first = json.loads(admin.raw("POST", f"/api/v1/{name}/import", data, {"Content-Type": "text/csv", "X-File-Name": f"{name}.csv"})[1])
    if first.get("error") or first["bads"]:
        return first, None
    return first, job(admin, admin.post(f"/{name}/import/{first['import']}", {"mode": "all", **kw}))[1]


@pytest.mark.parametrize("name,body", [
    ("queues", {**QUEUE, "name": "文件队列", "number": "9795", "strategy": "linear", "max_wait": 90000, "members": ["{8004}", "{8005}"]}),
    ("inbound_routes", {"name": "文件呼入", "pattern": "0755XXXX", "caller": "[1-3]X.", "trunk_id": "{trunks}", "app": "queue", "param": "{queues}"}),
    ("outbound_routes", {"name": "文件呼出", "pattern": "0.", "strip": "0", "prefix": "17909", "extension_id": "{8002}", "trunk1_id": "{trunks}"}),
    ("blacklist", {"number": "02087654321", "note": "=1+1"}),
    ("extensions", {"number": "9796", "name": "文件分机", "caller_id": "+862088880000", "record": False, "bind_ip": "10.0.0.0/8"})])
def test_out_and_in_again(admin, ids, name, body):
    row = admin.post(f"/{name}", fill(body, ids))
    full = admin.get(f"/{name}/{row['id']}")
    data = exported(admin, name, [row["id"]])
    assert data.startswith(b"\xef\xbb\xbf") and len(data.decode().strip().split("\r\n")) == 2
    admin("DELETE", f"/{name}/{row['id']}")
    first, done = imported(admin, name, data)
    assert done, first
    back = [r for r in admin.get(f"/{name}?sort=-created&size=100")["rows"] if r.get("number", r.get("name")) == full.get("number", full.get("name"))]
    assert len(back) == 1
    back = admin.get(f"/{name}/{back[0]['id']}")
    lost = {k: (v, back[k]) for k, v in full.items() if k not in ("id", "created", "rev", "position", "secret", "reg", "agent", "rtt_us") and back[k] != v}
    assert not lost
    admin("DELETE", f"/{name}/{back['id']}")


def test_import_tells_numbers_of_others(admin, ids):
    first, done = imported(admin, "extensions", "分机号码,名称\n9797,好\n9773,是队列\n97,短\n9797,两次\n".encode("gb18030"))
    assert done is None and first["bads"] == 3
    assert [(b["line"], b["reason"]) for b in first["bad"]] == [(3, "unique"), (4, "pattern"), (5, "twice")]


def test_template(admin):
    for name in ("extensions", "queues", "inbound_routes", "outbound_routes", "blacklist"):
        status, data, h = admin.raw("GET", f"/api/v1/{name}/template.csv", headers={"Accept-Language": "zh-CN"})
        head = data.decode("utf-8-sig").split("\r\n")[0]
        assert status == 200 and ("号码" in head or "名称" in head)

"""更新配置: the PBX tables are a draft; phones and calls follow what was last applied."""
import json
import struct
import threading
import time

import pytest

from lib import audio
from lib.daemon import Daemon, HttpError, free_port
from lib.sipua import Ua

from .conftest import Web, until
from .test_push import Sock

SECRET = "geheim-12345"


@pytest.fixture()
def d():
    with Daemon({"https.port": free_port()}) as x:
        yield x


def config(d, api=None, query=""):
    return (api or d.api).get("/config" + query)


def dirty(d, api=None):
    return sum(c["dirty"] for c in config(d, api, "?brief=1")["companies"])


def add_ext(d, number, secret=SECRET, api=None, **kw):
    return (api or d.api).post("/extensions", {"number": str(number), "secret": secret, **kw})


def new(api, resource, **kw):
    """a row as a form makes it: what is not given is as the form begins"""
    defs = {f["key"]: f["def"] for f in api.get(f"/meta/{resource}")["fields"] if "def" in f and "form" in f["in"]}
    return api.post(f"/{resource}", {**defs, **kw})


def registers(d, number, secret=SECRET):
    u = Ua(str(number), secret, ("127.0.0.1", d.port))
    try:
        return u.register(check=0).status == 200
    finally:
        u.close()


def refused(call, status, code):
    with pytest.raises(HttpError) as e:
        call()
    assert e.value.status == status and e.value.body["error"]["code"] == code, e.value.body
    return e.value.body


def talk(a, number, b):
    """a calls the number, b answers"""
    call = a.invite(number)
    other = b.incoming()
    other.answer()
    call.wait_answer()
    call.bye()
    other.wait_end()


def field(change, key):
    return next(f for f in change["fields"] if f["key"] == key)


def test_first_start_is_the_first_version(d):
    c = config(d)
    assert [(x["dirty"], x["applied"]["version"]) for x in c["companies"]] == [(0, 1)] and c["changes"] == []
    assert [p for p in c["problems"] if p["level"] == "error"] == []
    rows = d.api.get("/config/versions")["rows"]
    assert len(rows) == 1 and rows[0]["kind"] == "apply" and rows[0]["applied"] and rows[0]["user"] == ""


def test_edit_difference_apply_live(d):
    row = add_ext(d, 8800, name="新来的")
    c = config(d)
    assert c["companies"][0]["dirty"] == 1 and len(c["changes"]) == c["total"] == 1
    ch = c["changes"][0]
    assert (ch["resource"], ch["id"], ch["action"], ch["label"], ch["company_id"]) == ("extensions", row["id"], "add", "8800 新来的", 1)
    f = field(ch, "number")
    assert (f["before"], f["after"], f["label"]["zh-CN"]) == ("", "8800", "分机号码")
    assert not registers(d, 8800), "an extension lives before it was applied"
    with d.ua(8000) as a:
        assert a.invite("8800").wait_failure().status == 404
        r = d.api.post("/config/apply", {"hash": c["draftHash"], "note": "one more"})
        assert r["version"] == 2 and r["took_ms"] < 3000 and r["companies"] == [{"id": 1, "version": 2, "changes": 1}]
        with Ua("8800", SECRET, ("127.0.0.1", d.port)) as b:
            b.register()
            talk(a, "8800", b)
    assert dirty(d) == 0 and config(d)["changes"] == []
    v = d.api.get("/config/versions")["rows"][0]
    assert (v["id"], v["note"], v["user"], v["changes"], v["applied"]) == (2, "one more", "admin", 1, True)
    assert d.api.get("/config/versions/2")["changes"][0]["label"] == "8800 新来的"
    # a deleted one goes when that is applied, not before
    d.api("DELETE", f"/extensions/{row['id']}")
    assert registers(d, 8800)
    d.apply()
    assert not registers(d, 8800)
    assert [x["action"] for x in d.sql("SELECT action FROM audit WHERE resource = 'config' ORDER BY id")] == ["apply", "apply"]


def test_restart_comes_up_with_what_was_applied(d):
    add_ext(d, 8801)
    d.apply()
    add_ext(d, 8802)
    d.kill9()
    d.start()
    assert registers(d, 8801) and not registers(d, 8802) and dirty(d) == 1
    d.apply()
    assert registers(d, 8802)


def test_nothing_is_applied_that_was_not_seen(d):
    add_ext(d, 8803)
    h = config(d)["draftHash"]
    add_ext(d, 8804)
    refused(lambda: d.api.post("/config/apply", {"hash": h}), 409, "stale")
    assert dirty(d) == 2 and not registers(d, 8803)
    for body, bad in [({}, "hash"), ({"hash": 5}, "hash"), ({"hash": h, "company_id": "x"}, "company_id"), ({"hash": h, "note": 5}, "note")]:
        assert bad in refused(lambda b=body: d.api.post("/config/apply", b), 422, "invalid")["error"]["fields"]
    refused(lambda: d.api.post("/config/apply", {"hash": h, "company_id": 99}), 404, "not_found")
    refused(lambda: d.api.get("/config?company_id=x"), 400, "bad_query")
    assert d.apply()["companies"][0]["changes"] == 2
    assert d.apply()["companies"] == [], "nothing to apply is no new version"


def test_secrets_are_never_shown(d):
    row = add_ext(d, 8805, secret="Never-Shown-1")
    d.apply()
    d.api("PUT", f"/extensions/{row['id']}", {"secret": "Never-Shown-2", "rev": row["rev"]})
    sealed = [r["secret"] for r in d.sql("SELECT secret FROM extensions WHERE number = '8805'")]
    c = config(d)
    f = field(c["changes"][0], "secret")
    assert f["before"] != f["after"] and "•" in f["before"]
    d.apply()
    for text in (json.dumps(c), json.dumps(d.api.get("/config/versions")), json.dumps(d.api.get("/config/versions/3")), d.log()):
        assert "Never-Shown" not in text and not any(s in text for s in sealed)
    docs = "".join(r["doc"] for r in d.sql("SELECT doc FROM config_versions"))
    assert "Never-Shown" not in docs and sealed[0] in docs
    assert registers(d, 8805, "Never-Shown-2") and not registers(d, 8805, "Never-Shown-1")


def test_difference_in_words(d):
    api = d.api
    e1, e2 = (next(r for r in api.get(f"/extensions?f.number={n}")["rows"]) for n in (8001, 8002))
    q = new(api, "queues", **{"name": "售后", "number": "9301", "members": [e1["id"]], "app": "hangup", "param": ""})
    ivr = new(api, "ivrs", **{"name": "夜间", "number": "9302", "keys": [{"key": "1", "app": "queue", "param": str(q["id"])}], "app": "hangup", "param": ""})
    d.apply()
    q = api.get(f"/queues/{q['id']}")
    api("PUT", f"/queues/{q['id']}", {"rev": q["rev"], "members": [e2["id"], e1["id"]], "app": "ivr", "param": str(ivr["id"]), "ring_time": 25000, "announce_wait": True})
    ivr = api.get(f"/ivrs/{ivr['id']}")
    api("PUT", f"/ivrs/{ivr['id']}", {"rev": ivr["rev"], "direct_dial": True, "keys": [{"key": "1", "app": "extension", "param": str(e1["id"])}]})
    ch = {(x["resource"], x["action"]): x for x in config(d)["changes"]}
    assert set(ch) == {("queues", "edit"), ("ivrs", "edit")}
    m = field(ch["queues", "edit"], "members")
    assert m["added"] == ["8002 小李"] and m["removed"] == [] and m["before"] == "8001 小张" and m["after"] == "8002 小李, 8001 小张"
    assert field(ch["queues", "edit"], "app")["after"].endswith("9302 夜间")
    assert field(ch["queues", "edit"], "ring_time")["after"] == "25 s"
    assert field(ch["queues", "edit"], "announce_wait")["after"] == "on"
    keys = field(ch["ivrs", "edit"], "keys")
    assert "9301 售后" in keys["before"] and keys["before"].startswith("1 → ") and keys["after"].endswith("8001 小张")
    zh = json.loads(api.raw("GET", "/api/v1/config", headers={"Accept-Language": "zh-CN"})[1])
    assert field(next(x for x in zh["changes"] if x["resource"] == "ivrs"), "direct_dial")["after"] == "开"


def test_problems_stop_it(d):
    api = d.api
    q = new(api, "queues", **{"name": "空", "number": "9303", "members": [], "app": "hangup", "param": ""})
    p = config(d)["problems"]
    w = next(x for x in p if x["code"] == "queue_empty" and x["id"] == q["id"])
    assert (w["level"], w["resource"], w["field"], w["label"]) == ("warning", "queues", "members", "9303 空") and w["message"]["zh-CN"] and w["message"]["en"]
    d.apply()  # a warning does not stop it
    t = [new(api, "time_conditions", **{"name": n, "time_from": "09:00", "time_to": "10:00", "in_app": "hangup", "in_param": "", "out_app": "hangup", "out_param": ""}) for n in "ab"]
    for x, y in (t, t[::-1]):
        api("PUT", f"/time_conditions/{x['id']}", {"rev": x["rev"], "in_app": "time", "in_param": str(y["id"])})
    body = refused(d.apply, 422, "config_problems")
    assert [(x["code"], x["level"]) for x in body["problems"] if x["level"] == "error"] == [("loop", "error")]
    assert dirty(d) == 2
    x = api.get(f"/time_conditions/{t[0]['id']}")
    api("PUT", f"/time_conditions/{x['id']}", {"rev": x["rev"], "in_app": "hangup", "in_param": ""})
    d.apply()


def test_return(d):
    row = add_ext(d, 8810, name="vorher")
    d.apply("two")
    d.api("PUT", f"/extensions/{row['id']}", {"rev": 1, "name": "nachher", "number": "8811"})
    other = add_ext(d, 8812)
    d.apply("three")
    add_ext(d, 8813, name="not applied")
    assert registers(d, 8811) and not registers(d, 8810)
    against = d.api.get("/config/versions/2?against=draft")
    assert {(c["action"], c["label"]) for c in against["changes"]} == {("edit", "8810 vorher"), ("delete", "8812"), ("delete", "8813 not applied")}
    refused(lambda: d.api.post("/config/versions/2/return", {"hash": "0" * 32}), 409, "stale")
    r = d.api.post("/config/versions/2/return", {"hash": against["draftHash"], "note": "back"})
    assert registers(d, 8810) and not registers(d, 8811) and not registers(d, 8812) and dirty(d) == 0
    assert d.api.get(f"/extensions/{row['id']}")["number"] == "8810", "the same row, the same id"
    assert d.api.raw("GET", f"/api/v1/extensions/{other['id']}")[0] == 404
    kinds = [(v["kind"], v["applied"]) for v in d.api.get("/config/versions")["rows"]]
    assert kinds == [("return", True), ("draft", False), ("apply", False), ("apply", False), ("apply", False)]
    # what was not applied then is not lost
    draft = d.api.get("/config/versions")["rows"][1]["id"]
    h = d.api.get(f"/config/versions/{draft}?against=draft")["draftHash"]
    d.api.post(f"/config/versions/{draft}/return", {"hash": h})
    assert registers(d, 8813) and r["version"] == 5
    d.kill9()
    d.start()
    assert registers(d, 8813) and dirty(d) == 0


def test_return_is_refused_where_it_cannot_be(d):
    web = Web(d)
    row = add_ext(d, 8820)
    d.apply()
    d.api("DELETE", f"/extensions/{row['id']}")
    d.apply()
    web.db("INSERT INTO companies (id, code, name, created) VALUES (777, '200000', '别家公司', 1)")
    web.db("INSERT INTO extensions (id, company_id, number, secret, created) VALUES (7770, 777, '8820', 'x', 1)")
    h = d.api.get("/config/versions/2?against=draft")["draftHash"]
    body = refused(lambda: d.api.post("/config/versions/2/return", {"hash": h}), 409, "return_taken")
    assert (body["resource"], body["label"]) == ("extensions", "8820")
    web.db("DELETE FROM extensions WHERE id = 7770")
    bound = add_ext(d, 8821)
    web.db("UPDATE users SET extension_id = ? WHERE login = 'agent1'", bound["id"])
    h = d.api.get("/config/versions/2?against=draft")["draftHash"]
    body = refused(lambda: d.api.post("/config/versions/2/return", {"hash": h}), 409, "return_bound")
    assert (body["label"], body["user"]) == ("8821", "agent1")
    assert dirty(d) == 1 and len(d.api.get("/config/versions")["rows"]) == 3


def test_a_number_another_company_still_has(d):
    web = Web(d)
    row = add_ext(d, 8830)
    d.apply()
    d.api("DELETE", f"/extensions/{row['id']}")  # not applied: it lives on
    web.db("INSERT INTO companies (id, code, name, created) VALUES (777, '200000', '别家公司', 1)")
    add_ext(d, 8830, secret="another-12345", company_id=777)
    c = config(d, query="?company_id=777")
    assert [p["code"] for p in c["problems"]] == ["number_taken"]
    refused(lambda: d.api.post("/config/apply", {"company_id": 777, "hash": c["draftHash"]}), 422, "config_problems")
    assert registers(d, 8830)
    c = config(d, query="?company_id=1")
    d.api.post("/config/apply", {"company_id": 1, "hash": c["draftHash"]})
    c = config(d, query="?company_id=777")
    assert c["problems"] == []
    d.api.post("/config/apply", {"company_id": 777, "hash": c["draftHash"]})
    assert registers(d, 8830, "another-12345")


def test_numbers_change_hands_when_applied_together(d):
    web = Web(d)
    row = add_ext(d, 8831)
    d.apply()
    d.api("DELETE", f"/extensions/{row['id']}")
    web.db("INSERT INTO companies (id, code, name, created) VALUES (777, '200000', '别家公司', 1)")
    add_ext(d, 8831, secret="another-12345", company_id=777)
    assert [p for p in config(d)["problems"] if p["code"] == "number_taken"] == []
    assert {c["id"] for c in d.apply()["companies"]} == {1, 777}
    assert registers(d, 8831, "another-12345") and not registers(d, 8831)
    # a company that goes takes its phones along, applied or not
    e = d.api.get("/extensions?f.number=8831")["rows"][0]
    d.api("DELETE", f"/extensions/{e['id']}")
    assert registers(d, 8831, "another-12345")
    d.api("DELETE", "/companies/777")
    until(lambda: not registers(d, 8831, "another-12345"))


def test_own_company_only(d):
    web = Web(d)
    web.db("INSERT INTO companies (id, code, name, created) VALUES (777, '200000', '别家公司', 1)")
    add_ext(d, 8840)
    add_ext(d, 8841, company_id=777)
    web.role("agent1", "company", "config:list config:apply config:return")
    a = d.client("agent1")
    c = config(d, a)
    assert [x["id"] for x in c["companies"]] == [1] and [x["label"] for x in c["changes"]] == ["8840"]
    refused(lambda: config(d, a, "?company_id=777"), 404, "not_found")
    refused(lambda: a.post("/config/apply", {"company_id": 777, "hash": config(d, query="?company_id=777")["draftHash"]}), 404, "not_found")
    a.post("/config/apply", {"hash": c["draftHash"]})
    assert registers(d, 8840) and not registers(d, 8841)
    d.apply()
    assert registers(d, 8841)
    v = d.sql("SELECT max(id) AS id FROM config_versions WHERE company_id = 777")[0]["id"]
    refused(lambda: a.get(f"/config/versions/{v}"), 404, "not_found")
    refused(lambda: a.get("/config/versions?company_id=777"), 404, "not_found")
    refused(lambda: a.post(f"/config/versions/{v}/return", {"hash": "x"}), 404, "not_found")
    assert {x["company_id"] for x in a.get("/config/versions")["rows"]} == {1}
    b = d.client("agent2")
    for path in ("/config", "/config/versions", "/config/versions/1"):
        refused(lambda p=path: b.get(p), 403, "forbidden")
    refused(lambda: b.post("/config/apply", {"hash": "x"}), 403, "forbidden")
    refused(lambda: b.post("/config/versions/1/return", {"hash": "x"}), 403, "forbidden")


def test_news(d):
    s = Sock(Web(d), d.api)
    add_ext(d, 8850)
    m = s.next("config.dirty")
    assert (m["table"], m["company_id"], m["count"]) == ("extensions", 1, 1)
    v = d.apply()["version"]
    m = s.next("config.applied")
    assert (m["company_id"], m["version"]) == (1, v)
    s.close()


def trunk(d, host="127.0.0.2"):
    t = new(d.api, "trunks", **{"name": "gw", "kind": "peer", "host": host, "port": 5060})
    new(d.api, "inbound_routes", **{"name": "all", "pattern": "X.", "app": "extension", "param": ""})
    d.apply()
    return t


def test_inbound_by_the_most_specific_route_and_the_blacklist(d):
    trunk(d)
    e = d.api.get("/extensions?f.number=8002")["rows"][0]
    new(d.api, "inbound_routes", **{"name": "vip", "pattern": "8001", "caller": "138.", "app": "extension", "param": str(e["id"])})
    with d.ua(8001) as a, d.ua(8002) as b, Ua("13800138000", "", ("127.0.0.1", d.port), "udp", "127.0.0.2") as gw:
        talk(gw, "8001", a)  # the new route is not applied yet
        d.apply()
        talk(gw, "8001", b)
        d.api.post("/blacklist", {"number": "13800138000"})  # live at once
        assert gw.invite("8001").wait_failure().status == 603
        row = d.api.get("/blacklist")["rows"][0]
        d.api("DELETE", f"/blacklist/{row['id']}")
        talk(gw, "8001", b)


def test_phones_of_those_who_see_no_numbers_show_masked_ones(d):
    trunk(d)
    u = next(u for u in d.api.get("/users?size=100")["rows"] if u["extension_id_label"].startswith("8001"))
    d.api("PUT", f"/users/{u['id']}", {"rev": u["rev"], "mask_numbers": True})  # live at once
    with d.ua(8001) as a, d.ua(8002) as b, Ua("13800138000", "", ("127.0.0.1", d.port), "udp", "127.0.0.2") as gw:
        for phone, number, shown in ((a, "8001", "1380****000"), (b, "8002", "13800138000")):
            c = gw.invite(number)
            i = phone.incoming()
            assert f"sip:{shown}@" in i.req.get("from") and (b"13800138000" in i.req.raw) == (shown == "13800138000"), i.req.raw
            i.answer()
            c.wait_answer()
            c.bye()
            i.wait_end()
        inside = b.invite("8001")  # colleagues are shown as they are
        i = a.incoming()
        assert "sip:8002@" in i.req.get("from")
        i.answer()
        inside.wait_answer()
        inside.bye()
        i.wait_end()
    assert "13800138000" in [r["caller"] for r in d.call_rows(3)]  # the record has it, for who may see it


def test_an_uploaded_prompt_is_played_once_applied(d):
    trunk(d)
    data = struct.pack("<16000h", *audio.tone(880, 16000))
    wav = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data" + struct.pack("<I", len(data)) + data
    status, body, _ = d.api.raw("POST", "/api/v1/prompts/upload?name=closed", wav, {"X-File-Name": "closed.wav", "Content-Type": "audio/wav"})
    assert status == 201, body
    new(d.api, "inbound_routes", name="closed", pattern="5555", app="prompt", param=str(json.loads(body)["id"]))
    with Ua("02088886666", "", ("127.0.0.1", d.port), "udp", "127.0.0.2") as gw:
        assert gw.invite("5555").wait_failure().status == 404
        d.apply()
        call = gw.invite("5555")
        call.wait_answer()
        assert call.rtp.hears(880)
        call.wait_end()


def test_kill_while_applying():
    """after kill -9 at any moment the last acknowledged version lives, or the one that was on its way: never a mixture"""
    with Daemon() as d:
        d.api.post("/extensions/batch", {"from": "20000", "to": "20999", "strategy": "given", "secret": SECRET})
        d.apply()
        row = d.api.get("/extensions?f.number=20000")["rows"][0]
        for i in range(6):
            name = f"round {i}"
            d.api("PUT", f"/extensions/{row['id']}", {"rev": row["rev"], "name": name})
            row = d.api.get(f"/extensions/{row['id']}")
            acked = d.sql("SELECT version_id FROM config_applied")[0]["version_id"]
            h = config(d)["draftHash"]
            got = []

            def send(api=d.api, body={"hash": h, "note": name}):
                try:
                    got.append(api.post("/config/apply", body)["version"])
                except Exception:  # the daemon is gone
                    pass
            t = threading.Thread(target=send)
            t.start()
            time.sleep(0.004 * i * i)  # lint: a moment within the apply, another one each round
            d.kill9()
            t.join()
            d.start()
            now = d.sql("SELECT a.version_id AS v, c.doc AS doc FROM config_applied a JOIN config_versions c ON c.id = a.version_id")[0]
            assert now["v"] in (got or (acked, acked + 1)), (i, got, acked, now["v"])
            assert (f'"{name}"' in now["doc"]) == (now["v"] != acked)
            assert dirty(d) == (0 if now["v"] != acked else 1) and registers(d, 20999)
            assert d.sql("SELECT count(*) AS n FROM config_versions")[0]["n"] == now["v"]
            d.apply()

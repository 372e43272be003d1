"""分机管理 over the generic resource layer."""
import csv
import io
import json

import pytest
from lib.daemon import Daemon, HttpError

from .conftest import Web, until


def refused(call, status, code):
    with pytest.raises(HttpError) as e:
        call()
    err = e.value.body["error"]
    assert (e.value.status, err["code"]) == (status, code), e.value
    return e.value.body


def test_list_pages_and_sorts(admin):
    first = admin.get("/extensions?size=20&sort=number")
    assert first["total"] == 50 and len(first["rows"]) == 20 and first["rows"][0]["number"] == "8000"
    second = admin.get(f"/extensions?size=20&sort=number&after={first['next']}")
    assert [r["number"] for r in second["rows"]][0] == "8020" and second["total"] == 50
    third = admin.get("/extensions?size=20&sort=number&page=3")
    assert len(third["rows"]) == 10 and third["next"] is None
    assert admin.get("/extensions?sort=-number&size=1")["rows"][0]["number"] == "8049"
    row = first["rows"][0]
    assert "secret" not in row and row["reg"] == "off" and row["record"] is True and row["rev"] == 1


@pytest.mark.parametrize("query,n", [("q=804", 10), ("f.number=8003", 1), ("f.number=8001,8002", 2), ("f.number=8040..8044", 5), ("f.number=801*", 10),
                                     ("f.record=1", 50), ("f.record=0", 0), ("f.reg=on", 0), ("f.reg=off", 50), ("f.name=*", 6), ("q=%25", 0)])
def test_filters(admin, query, n):
    assert admin.get("/extensions?size=100&" + query)["total"] == n


@pytest.mark.parametrize("query", ["size=0", "size=101", "size=x", "page=0", "page=-1", "page=99999999", "sort=secret", "sort=nothing", "f.secret=x", "f.nothing=1",
                                   "f.record=maybe", "after=garbage", "after=%00", "q=%ff", "f.number%27=1", "%zz=1",
                                   "&".join(f"f.number={i}" for i in range(40))])
def test_bad_queries_are_told(admin, query):
    status, data, _ = admin.raw("GET", "/api/v1/extensions?" + query)
    assert status == 400 and json.loads(data)["error"]["code"] == "bad_query"


@pytest.mark.parametrize("evil", ["' OR 1=1 --", "1; DROP TABLE extensions", "x' UNION SELECT secret FROM extensions --", "%27%20OR%20%271%27=%271"])
def test_injection_finds_nothing(admin, evil):
    from urllib.parse import quote
    for q in [f"q={quote(evil)}", f"f.name={quote(evil)}", f"f.number={quote(evil)}"]:
        assert admin.get("/extensions?" + q)["total"] == 0
    for q in [f"sort={quote(evil)}", f"f.{quote(evil)}=1"]:
        assert admin.raw("GET", "/api/v1/extensions?" + q)[0] == 400
    assert admin.get("/extensions")["total"] == 50


def test_create_edit_conflict_delete(web, admin):
    row = admin.post("/extensions", {"number": "9011", "name": "前台", "caller_id": "02012345678", "bind_ip": "192.168.1.0/24", "record": False})
    assert row["number"] == "9011" and row["name"] == "前台" and row["record"] is False and row["company_id"] == 1
    assert len(row["secret"]) == 16, "a made secret is shown once"
    again = admin.get(f"/extensions/{row['id']}")
    assert "secret" not in again and again["rev"] == 1
    sealed = web.db("SELECT secret FROM extensions WHERE id = ?", row["id"])[0][0]
    assert row["secret"] not in sealed

    changed = admin("PUT", f"/extensions/{row['id']}", {"name": "总台", "rev": 1})
    assert changed["name"] == "总台" and changed["rev"] == 2 and changed["number"] == "9011" and "secret" not in changed
    body = refused(lambda: admin("PUT", f"/extensions/{row['id']}", {"name": "迟到", "rev": 1}), 409, "conflict")
    assert body["current"]["name"] == "总台" and body["current"]["rev"] == 2
    refused(lambda: admin("PUT", f"/extensions/{row['id']}", {"name": "x"}), 422, "invalid")
    assert web.db("SELECT secret FROM extensions WHERE id = ?", row["id"])[0][0] == sealed, "an edit without secret keeps it"

    refused(lambda: admin("DELETE", f"/extensions/{row['id']}?rev=1"), 409, "conflict")
    assert admin.raw("DELETE", f"/api/v1/extensions/{row['id']}?rev=2")[0] == 204
    refused(lambda: admin.get(f"/extensions/{row['id']}"), 404, "not_found")

    audit = web.db("SELECT action, before, after, user_id, addr FROM audit WHERE resource = 'extensions' AND row_id = ? ORDER BY id", row["id"])
    assert [a[0] for a in audit] == ["add", "edit", "delete"]
    assert json.loads(audit[1][1])["name"] == "前台" and json.loads(audit[1][2])["name"] == "总台"
    assert all(a[4] == "127.0.0.1" and a[3] for a in audit)
    assert row["secret"] not in json.dumps(audit, ensure_ascii=False)


@pytest.mark.parametrize("body,fields", [
    ({}, {"number": "required"}), ({"number": ""}, {"number": "required"}), ({"number": None}, {"number": "required"}), ({"number": "12"}, {"number": "pattern"}),
    ({"number": "123456789"}, {"number": "pattern"}), ({"number": "80a0"}, {"number": "pattern"}), ({"number": 9002}, {"number": "pattern"}),
    ({"number": "8000"}, {"number": "unique"}), ({"number": "9002", "secret": "short"}, {"secret": "length"}),
    ({"number": "9002", "secret": "mit leer zeichen"}, {"secret": "pattern"}), ({"number": "9002", "bind_ip": "300.1.1.1"}, {"bind_ip": "pattern"}),
    ({"number": "9002", "bind_ip": "10.0.0.0/33"}, {"bind_ip": "pattern"}), ({"number": "9002", "caller_id": "abc"}, {"caller_id": "pattern"}),
    ({"number": "9002", "record": "yes"}, {"record": "pattern"}), ({"number": "9002", "name": "x" * 41}, {"name": "length"}),
    ({"number": "9002", "name": "a\nb"}, {"name": "pattern"}), ({"number": "9002", "company_id": 4711}, {"company_id": "reference"}),
    ({"number": "x", "bind_ip": "x"}, {"number": "pattern", "bind_ip": "pattern"})])
def test_validation(admin, body, fields):
    assert refused(lambda: admin.post("/extensions", body), 422, "invalid")["error"]["fields"] == fields


def test_unknown_keys_change_nothing(web, admin):
    row = admin.post("/extensions", {"number": "9003", "id": 5, "created": 1, "rev": 99, "reg": "on", "company": "x", "nonsense": {"a": 1}})
    assert row["rev"] == 1 and row["created"] > 1e12 and row["id"] != 5
    admin("DELETE", f"/extensions/{row['id']}")


def test_batch_is_all_or_nothing(web, admin):
    before = admin.get("/extensions")["total"]
    made = admin.post("/extensions/batch", {"from": "9100", "to": "9109", "strategy": "random", "record": False})
    assert made["created"] == 10 and [r["number"] for r in made["rows"]] == [str(n) for n in range(9100, 9110)]
    assert len({r["secret"] for r in made["rows"]}) == 10
    body = refused(lambda: admin.post("/extensions/batch", {"from": "9105", "to": "9115", "strategy": "same"}), 409, "exists")
    assert body["numbers"] == ["9105", "9106", "9107", "9108", "9109"]
    assert admin.get("/extensions")["total"] == before + 10
    made = admin.post("/extensions/batch", {"from": "0100", "to": "0102", "strategy": "given", "secret": "Given-Secret-1"})
    assert [r["number"] for r in made["rows"]] == ["0100", "0101", "0102"] and "secret" not in made["rows"][0]
    for body, fields in [({"from": "9120", "to": "9110", "strategy": "same"}, {"to": "range"}), ({"from": "9120", "to": "91200", "strategy": "same"}, {"to": "pattern"}),
                         ({"from": "10000", "to": "99999", "strategy": "same"}, {"to": "range"}), ({"from": "9120", "to": "9121"}, {"strategy": "required"}),
                         ({"from": "9120", "to": "9121", "strategy": "given"}, {"secret": "required"}), ({"from": "x", "to": "y", "strategy": "same"}, {"from": "pattern"})]:
        assert refused(lambda b=body: admin.post("/extensions/batch", b), 422, "invalid")["error"]["fields"] == fields
    ids = [r["id"] for r in admin.get("/extensions?f.number=91*&size=100")["rows"]] + [r["id"] for r in admin.get("/extensions?f.number=01*")["rows"]]
    assert admin.post("/extensions/delete", {"ids": ids}) == {"deleted": 13}
    assert admin.get("/extensions")["total"] == before


def test_delete_says_who_uses_it(web, admin):
    row = admin.get("/extensions?f.number=8005")["rows"][0]
    body = refused(lambda: admin("DELETE", f"/extensions/{row['id']}"), 409, "in_use")
    assert [(u["resource"], u["label"].split()[0]) for u in body["used_by"]] == [("users", "8005")]
    free = admin.get("/extensions?f.number=8049")["rows"][0]
    refused(lambda: admin.post("/extensions/delete", {"ids": [free["id"], row["id"]]}), 409, "in_use")
    assert admin.get("/extensions?f.number=8049")["total"] == 1, "all or nothing"
    for ids in [[], None, "x", ["a"], [1.5e300], [-1], [free["id"], free["id"]], list(range(1, 1100))]:
        refused(lambda i=ids: admin.post("/extensions/delete", {"ids": i}), 422, "invalid")


def test_licence_limit():
    with Daemon({"licence.extensions": 51, "http.threads": 8}) as d:
        a = Web(d).login("admin")
        a.post("/extensions", {"number": "9011"})
        refused(lambda: a.post("/extensions", {"number": "9002"}), 409, "licence")
        refused(lambda: a.post("/extensions/batch", {"from": "9002", "to": "9003", "strategy": "same"}), 409, "licence")
        assert a.get("/extensions/licence") == {"used": 51, "max": 51, "sip_port": d.port}


def test_licence_without_limit(daemon, admin):
    assert admin.get("/extensions/licence") == {"used": admin.get("/extensions?size=1")["total"], "max": None, "sip_port": daemon.port}


def test_secret_is_shown_to_who_may_and_noted(web, admin):
    row = admin.get("/extensions?f.number=8007")["rows"][0]
    assert admin.post(f"/extensions/{row['id']}/secret") == {"secret": web.d.password("8007")}
    audit = web.db("SELECT action, user_id, addr, before, after FROM audit WHERE resource = 'extensions' AND row_id = ? AND action = 'secret'", row["id"])
    assert len(audit) == 1 and audit[0][1] and audit[0][2] == "127.0.0.1" and audit[0][3:] == (None, None)
    refused(lambda: admin.post("/extensions/999999/secret"), 404, "not_found")
    web.role("agent2", "company", "extensions:list extensions:edit")
    other = web.login("agent2")
    refused(lambda: other.post(f"/extensions/{row['id']}/secret"), 403, "forbidden")
    assert web.db("SELECT count(*) FROM audit WHERE action = 'secret'")[0][0] == 1


def test_batch_sees_numbers_of_others(web, admin):
    admin.post("/queues", {"number": "9203", "name": "占号", "strategy": "rrmemory", "ring_time": 20000, "app": "hangup"})
    body = refused(lambda: admin.post("/extensions/batch", {"from": "9200", "to": "9209", "strategy": "same"}), 409, "exists")
    assert body["numbers"] == ["9203"] and body["taken"] == [{"number": "9203", "resource": "queues"}]
    assert refused(lambda: admin.post("/extensions", {"number": "9203"}), 422, "invalid")["error"]["fields"] == {"number": "taken_queue"}


def test_export(web, admin):
    row = admin.post("/extensions", {"number": "9004", "name": "=cmd|' /C calc'!A0", "caller_id": "+8613612345678"})
    status, data, h = admin.raw("GET", "/api/v1/extensions/export.csv?f.number=9004")
    assert status == 200 and h["Content-Type"] == "text/csv; charset=utf-8" and "attachment" in h["Content-Disposition"]
    assert data.startswith(b"\xef\xbb\xbf") and data.endswith(b"\r\n") and b"\n" not in data.replace(b"\r\n", b"")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows[0][:3] == ["Company", "Number", "Name"] and len(rows) == 2
    assert rows[1][1] == "9004" and rows[1][2].startswith("'=cmd") and "'+8613612345678" in rows[1]
    assert row["secret"] not in data.decode()
    status, data, _ = admin.raw("GET", "/api/v1/extensions/export.csv", headers={"Accept-Language": "zh-CN"})
    assert len(data.decode("utf-8-sig").strip().split("\r\n")) == 52 and data.decode("utf-8-sig").startswith("公司名称,分机号码")
    assert admin.raw("GET", "/api/v1/extensions/export.csv?f.number=0")[1].count(b"\r\n") == 1
    assert admin.raw("GET", "/api/v1/extensions/export.csv?sort=secret")[0] == 400
    admin("DELETE", f"/extensions/{row['id']}")


def test_registration_state_is_live(web, admin, phones):
    (p,) = phones("8010")
    row = admin.get("/extensions?f.number=8010")["rows"][0]
    assert row["reg"] == "on"
    assert admin.get(f"/extensions/{row['id']}")["reg"] == "on"


def test_new_extension_registers_once_applied(web, admin):
    """create -> apply -> the phone registers without a restart"""
    row = admin.post("/extensions", {"number": "9005"})
    web.d.creds[("extension", "9005")] = row["secret"]
    web.d.apply()

    def registers():
        try:
            return web.d.ua("9005")
        except Exception:
            return None
    until(registers)
    assert admin.get("/extensions?f.number=9005")["rows"][0]["reg"] == "on"


def test_meta_matches_what_rows_carry(web, admin):
    meta = admin.get("/meta/extensions")
    assert meta["key"] == "id" and meta["rev"] == "rev" and meta["path"] == "/api/v1/extensions"
    assert set(meta["can"]) == {"list", "add", "batchAdd", "edit", "copy", "delete", "import", "export", "history", "secret"}
    row = admin.get("/extensions?size=1")["rows"][0]
    for f in meta["fields"]:
        assert f["label"]["zh-CN"] and f["label"]["en"]
        assert ("list" not in f["in"]) or f["key"] in row, f["key"]
        if "adv" in f["in"]:
            assert admin.raw("GET", f"/api/v1/extensions?f.{f['key']}=1")[0] in (200, 400)
        if f.get("sortable"):
            assert admin.raw("GET", f"/api/v1/extensions?sort={f['key']}")[0] == 200
    number = next(f for f in meta["fields"] if f["key"] == "number")
    assert number["pattern"] == "^[0-9]{3,8}$" and number["required"] and number["unique"]
    menu = admin.get("/meta")
    assert {"extensions", "calls"} <= set(menu["resources"])


def test_companies_are_walls(web):
    other = web.other_company()
    web.role("agent4", "company", "extensions:list extensions:add extensions:edit extensions:delete extensions:batchAdd extensions:export")
    a = web.login("agent4")
    assert a.get("/extensions?f.number=9700")["total"] == 0
    assert b"9700" not in a.raw("GET", "/api/v1/extensions/export.csv")[1]
    for method, path, body in [("GET", "/extensions/7770", None), ("PUT", "/extensions/7770", {"name": "x", "rev": 1}), ("DELETE", "/extensions/7770", None)]:
        assert a.raw(method, "/api/v1" + path, body)[0] == 404, (method, path)
    assert a.raw("POST", "/api/v1/extensions/delete", {"ids": [7770]})[0] == 404
    row = a.post("/extensions", {"number": "9701", "company_id": other})
    assert row["company_id"] == 1, "the company is the session's"
    assert a.post("/extensions/batch", {"from": "9702", "to": "9702", "strategy": "same", "company_id": other})["created"] == 1
    assert web.db("SELECT count(*) FROM extensions WHERE company_id = ?", other)[0][0] == 1
    assert "company_id" not in [f["key"] for f in a.get("/meta/extensions")["fields"]]
    # the system administrator sees and chooses
    admin = web.login("admin")
    assert admin.get("/extensions?f.number=9700")["total"] == 1
    row = admin.post("/extensions", {"number": "9703", "company_id": other})
    assert row["company_id"] == other

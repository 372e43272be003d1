"""The generic resource layer beyond one row: references, lists within rows, many at once, order, who uses what, history, settings."""
import json
import time

import pytest
from lib.daemon import HttpError

from .test_extensions import refused


def queue(admin, number, **kw):
    return admin.post("/queues", {"name": f"队列{number}", "number": str(number), "strategy": "ringall", "app": "hangup", **kw})


def ext_ids(admin, *numbers):
    rows = admin.get("/extensions?size=100&f.number=" + ",".join(map(str, numbers)))["rows"]
    by = {r["number"]: r["id"] for r in rows}
    return [by[str(n)] for n in numbers]


def test_list_within_a_row(admin):
    a, b, c = ext_ids(admin, 8001, 8002, 8003)
    q = queue(admin, 6001, members=[c, {"v": a}])
    assert [m["v"] for m in q["members"]] == [c, a] and q["members"][1]["label"].startswith("8001")
    q = admin("PUT", f"/queues/{q['id']}", {"rev": q["rev"], "members": [b, a]})
    assert [m["v"] for m in q["members"]] == [b, a] and q["rev"] == 2
    listed = admin.get("/queues?f.number=6001")["rows"][0]
    assert listed["members"] == q["members"]
    untouched = admin("PUT", f"/queues/{q['id']}", {"rev": 2, "max_callers": 5})
    assert untouched["members"] == q["members"] and untouched["max_callers"] == 5
    for bad, code in [([a, a], "unique"), ([99999], "reference"), (["x"], "pattern"), ("8001", "pattern"), ([None], "required")]:
        body = refused(lambda: admin("PUT", f"/queues/{q['id']}", {"rev": 3, "members": bad}), 422, "invalid")
        assert body["error"]["fields"]["members"] == code, bad
    history = admin.get(f"/queues/{q['id']}/history")["rows"]
    assert [h["action"] for h in history] == ["edit", "edit", "add"]
    assert [m["v"] for m in history[1]["before"]["members"]] == [c, a] and [m["v"] for m in history[1]["after"]["members"]] == [b, a]
    assert history[0]["user"] == "admin" and history[0]["addr"] == "127.0.0.1" and history[0]["at"] >= history[1]["at"]


def test_targets_are_looked_up(web, admin):
    other = web.other_company()
    (e,) = ext_ids(admin, 8005)
    q = queue(admin, 6002, app="extension", param=e)
    assert (q["app"], q["param"]) == ("extension", str(e)) and q["app_label"].startswith("8005")
    for app, param, code in [("extension", 99999, "reference"), ("extension", "x", "reference"), ("extension", "", "required"), ("nothing", "", "pattern"),
                             ("outside", "abc", "pattern"), ("outside", "", "required"), ("queue", e, "reference")]:
        body = refused(lambda: admin("PUT", f"/queues/{q['id']}", {"rev": q["rev"], "app": app, "param": param}), 422, "invalid")
        assert body["error"]["fields"]["app"] == code, (app, param)
    theirs = web.db("SELECT id FROM extensions WHERE company_id = ?", other)[0][0]
    body = refused(lambda: admin("PUT", f"/queues/{q['id']}", {"rev": q["rev"], "app": "extension", "param": theirs}), 422, "invalid")
    assert body["error"]["fields"] == {"app": "reference"}
    q = admin("PUT", f"/queues/{q['id']}", {"rev": q["rev"], "app": "outside", "param": "02012345678"})
    assert q["app_label"] == "02012345678"
    q = admin("PUT", f"/queues/{q['id']}", {"rev": q["rev"], "app": "hangup"})
    assert (q["app"], q["param"], q["app_label"]) == ("hangup", "", "")


def test_uses_and_deletion(admin):
    e, f = ext_ids(admin, 8006, 8007)
    q = queue(admin, 6003, members=[e], app="extension", param=f)
    assert {"resource": "queues", "id": q["id"], "label": "6003 队列6003"} in admin.get(f"/extensions/{e}/uses")["used_by"]
    assert [(u["resource"], u["id"]) for u in admin.get(f"/extensions/{f}/uses")["used_by"] if u["resource"] != "users"] == [("queues", q["id"])]
    body = refused(lambda: admin("DELETE", f"/extensions/{f}"), 409, "in_use")
    assert any(u["resource"] == "queues" for u in body["used_by"])
    assert admin.get(f"/extensions/{f}")["number"] == "8007"
    assert admin.get(f"/queues/{q['id']}/uses")["used_by"] == []
    assert admin.raw("DELETE", f"/api/v1/queues/{q['id']}")[0] == 204
    refused(lambda: admin.get("/queues/999999/uses"), 404, "not_found")


def test_references_with_search(web, admin):
    web.other_company()
    rows = admin.get("/queues/refs/members?q=800")["rows"]
    assert {r["label"].split()[0] for r in rows} >= {"8000", "8001"} and len(rows) <= 20
    one = admin.get(f"/queues/refs/members.extension_id?id={rows[0]['id']},{rows[1]['id']}")["rows"]
    assert {r["id"] for r in one} == {rows[0]["id"], rows[1]["id"]}
    targets = admin.get("/queues/refs/app?app=extension&q=8001")["rows"]
    assert len(targets) == 1 and targets[0]["label"].startswith("8001")
    for bad in ["/queues/refs/app?app=nothing", "/queues/refs/app?app=hangup", "/queues/refs/members?size=51", "/queues/refs/members?id=x",
                "/queues/refs/members?size=0"]:
        refused(lambda: admin.get(bad), 400, "bad_query")
    for gone in ["/queues/refs/nothing", "/queues/refs/name", "/queues/refs/members.nothing"]:
        refused(lambda: admin.get(gone), 404, "not_found")
    assert admin.get("/queues/refs/members?q=" + "%27%20OR%201=1")["rows"] == []


def test_references_stay_in_the_company(web, admin):
    web.other_company()
    web.role("agent4", "company", "queues:list queues:add")
    u = web.login("agent4")
    assert u.get("/queues/refs/members?q=9700")["rows"] == []
    assert admin.get("/queues/refs/members?q=9700")["rows"] != [], "the system's administrator sees all companies"
    assert admin.get("/queues/refs/members?q=9700&company_id=1")["rows"] == []
    refused(lambda: u.get("/queues/refs/company_id"), 404, "not_found")


def test_bulk_change(web, admin):
    ids = ext_ids(admin, 8010, 8011, 8012)
    assert admin.post("/extensions/bulk", {"ids": ids, "set": {"record": False}}) == {"changed": 3}
    rows = admin.get("/extensions?f.number=8010..8012")["rows"]
    assert [r["record"] for r in rows] == [False] * 3 and [r["rev"] for r in rows] == [2] * 3
    assert web.db("SELECT count(*) FROM audit WHERE resource = 'extensions' AND action = 'edit' AND row_id IN (?, ?, ?)", *ids) == [(3,)]
    # all or nothing
    refused(lambda: admin.post("/extensions/bulk", {"ids": [ids[0], 999999], "set": {"record": True}}), 404, "not_found")
    assert admin.get(f"/extensions/{ids[0]}")["record"] is False
    for body, key in [({"set": {"record": True}}, "ids"), ({"ids": [], "set": {"record": True}}, "ids"), ({"ids": [1, 1], "set": {"record": True}}, "ids"),
                      ({"ids": ids}, "set"), ({"ids": ids, "set": {}}, "set"), ({"ids": ids, "set": {"number": "9"}}, "number"),
                      ({"ids": ids, "set": {"name": "x"}}, "name"), ({"ids": ids, "set": {"record": "maybe"}}, "record"),
                      ({"ids": list(range(1, 1002)), "set": {"record": True}}, "ids")]:
        assert key in refused(lambda: admin.post("/extensions/bulk", body), 422, "invalid")["error"]["fields"]


def test_order_by_hand(web, admin):
    trunk = admin.post("/trunks", {"name": "线路", "kind": "peer", "host": "192.0.2.1", "port": 5060})
    ids = [admin.post("/outbound_routes", {"name": f"r{i}", "pattern": "X.", "trunk1_id": trunk["id"]})["id"] for i in range(4)]

    def order():
        return [r["name"] for r in admin.get("/outbound_routes?sort=position")["rows"] if r["id"] in ids]

    assert order() == ["r0", "r1", "r2", "r3"]
    assert admin.post(f"/outbound_routes/{ids[3]}/move", {"to": "up"})["position"] == 3
    assert order() == ["r0", "r1", "r3", "r2"]
    admin.post(f"/outbound_routes/{ids[3]}/move", {"to": 1})
    assert order() == ["r3", "r0", "r1", "r2"]
    admin.post(f"/outbound_routes/{ids[3]}/move", {"to": "up"})
    assert order() == ["r3", "r0", "r1", "r2"], "the first one stays"
    admin.post(f"/outbound_routes/{ids[3]}/move", {"to": "down"})
    admin.post(f"/outbound_routes/{ids[0]}/move", {"to": 1000})
    assert order() == ["r3", "r1", "r2", "r0"]
    assert admin.raw("DELETE", f"/api/v1/outbound_routes/{ids[1]}")[0] == 204
    assert [p for (p,) in web.db("SELECT position FROM outbound_routes WHERE company_id = 1 ORDER BY position")] == \
        list(range(1, 1 + web.db("SELECT count(*) FROM outbound_routes WHERE company_id = 1")[0][0]))
    for bad in [{}, {"to": 0}, {"to": "top"}, {"to": -1}]:
        refused(lambda: admin.post(f"/outbound_routes/{ids[0]}/move", bad), 422, "invalid")
    refused(lambda: admin.post("/outbound_routes/99999/move", {"to": 1}), 404, "not_found")
    assert "move" in [h["action"] for h in admin.get(f"/outbound_routes/{ids[3]}/history")["rows"]]


def test_delete_all_that_match(web, admin):
    for i in range(7):
        admin.post("/blacklist", {"number": f"1390000000{i}", "note": "all"})
    admin.post("/blacklist", {"number": "13811112222", "note": "keep"})
    body = {"all": True, "filter": "q=1390000", "confirm": 6}
    refused(lambda: admin.post("/blacklist/delete", body), 409, "count_changed")
    refused(lambda: admin.post("/blacklist/delete", {**body, "confirm": 8}), 409, "count_changed")
    refused(lambda: admin.post("/blacklist/delete", {"all": True, "filter": "q=1390000"}), 422, "invalid")
    refused(lambda: admin.post("/blacklist/delete", {"all": True, "filter": "f.nothing=1", "confirm": 1}), 400, "bad_query")
    assert admin.get("/blacklist")["total"] == 8
    assert admin.post("/blacklist/delete", {**body, "confirm": 7}) == {"deleted": 7}
    assert [r["number"] for r in admin.get("/blacklist")["rows"]] == ["13811112222"]
    assert web.db("SELECT count(*) FROM audit WHERE resource = 'blacklist' AND action = 'delete'") == [(7,)]
    # one that is used: nothing goes
    n = admin.get("/extensions?q=80")["total"]
    refused(lambda: admin.post("/extensions/delete", {"all": True, "filter": "q=80", "confirm": n}), 409, "in_use")
    assert admin.get("/extensions?q=80")["total"] == n


def test_settings_of_a_user(web, admin):
    assert admin.get("/prefs") == {}
    for name, value in [("grid.extensions", {"cols": ["number", "名称"]}), ("a", 1), ("b.c-d", "x"), ("list", [1, 2]), ("flag", True)]:
        status, _, _ = admin.raw("PUT", f"/api/v1/prefs/{name}", value)
        assert status == 204
    assert admin.get("/prefs") == {"grid.extensions": {"cols": ["number", "名称"]}, "a": 1, "b.c-d": "x", "list": [1, 2], "flag": True}
    web.role("agent4", "own", "phone:dial")
    assert web.login("agent4").get("/prefs") == {}, "everybody has his own"
    assert admin.raw("DELETE", "/api/v1/prefs/a")[0] == 204 and "a" not in admin.get("/prefs")
    assert admin.raw("PUT", "/api/v1/prefs/big", "x" * 20000)[0] == 413
    assert admin.raw("PUT", "/api/v1/prefs/Upper", 1)[0] == 422
    assert admin.raw("PUT", "/api/v1/prefs/" + "x" * 65, 1)[0] == 422
    assert admin.raw("PUT", "/api/v1/prefs/%2e%2e", 1)[0] in (400, 404, 405)
    for i in range(196):
        assert admin.raw("PUT", f"/api/v1/prefs/n{i}", i)[0] == 204
    assert admin.raw("PUT", "/api/v1/prefs/one-more", 1)[0] == 409
    assert admin.raw("PUT", "/api/v1/prefs/n1", 2)[0] == 204, "a known one may change"


def test_meta_says_it_all(admin):
    m = admin.get("/meta/queues")
    assert m["needsApply"] is True and m["order"] is False and "history" in m["can"]
    by = {f["key"]: f for f in m["fields"]}
    assert by["members"]["type"] == "list" and by["members"]["list"]["single"] is True
    assert by["members"]["list"]["items"][0]["ref"] == "extensions"
    apps = {a["app"]: a for a in by["app"]["target"]["apps"]}
    assert by["app"]["target"]["param"] == "param" and apps["extension"]["resource"] == "extensions" and apps["outside"]["text"] is True
    assert all(a["label"]["zh-CN"] and a["label"]["en"] for a in apps.values())
    assert admin.get("/meta/outbound_routes")["order"] is True
    menu = admin.get("/meta")["menu"]
    ids = [g["id"] for g in menu]
    known = ["calls", "reports", "customers", "campaigns", "notices", "data", "rights", "pbx", "kb", "system", "help"]
    assert ids == [k for k in known if k in ids]
    pbx = [c["id"] for c in next(g for g in menu if g["id"] == "pbx")["children"]]
    assert pbx.index("extensions") < pbx.index("queues") < pbx.index("ivrs") < pbx.index("trunks") < pbx.index("outbound_routes")


def test_department_leaders_see_their_people(web, admin):
    dep = web.db("INSERT INTO departments (company_id, name, created) VALUES (1, 'D', 1) RETURNING id")[0][0]
    web.db("UPDATE users SET department_id = ? WHERE login IN ('agent2', 'agent3')", dep)
    web.role("agent2", "department", "calls:list extensions:list")
    web.db("INSERT INTO department_leaders SELECT ?, id, 1 FROM users WHERE login = 'agent2'", dep)
    web.add_call(callee="8003", callee_ext="8003", caller="13700000001")
    web.add_call(callee="8002", callee_ext="8002", caller="13700000002")
    web.add_call(callee="8005", callee_ext="8005", caller="13700000003")
    leader = web.login("agent2")
    callers = {r["caller"] for r in leader.get("/calls?size=100")["rows"]}
    assert "13700000002" in callers and "13700000003" not in callers
    own = web.login("agent2").get("/extensions?size=100")["rows"]
    assert "8002" in [r["number"] for r in own] and "8005" not in [r["number"] for r in own]

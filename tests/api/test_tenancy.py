"""Companies, departments, roles, users: what one may do to whom; data scope; the second factor; sessions; parameters; the audit log."""
import base64
import hmac
import json
import struct
import time

import pytest
import websocket
from lib.daemon import Api, HttpError
from lib.sipua import Ua

from .conftest import CUSTOMER
from .walk import png


def refused(f, *a):
    with pytest.raises(HttpError) as e:
        f(*a)
    err = e.value.body["error"]
    return e.value.status, err.get("fields") or err["code"]


def role_id(admin, company, name):
    return next(r["id"] for r in admin.get(f"/roles?f.company_id={company}&size=100")["rows"] if r["name"] == name)


class People:
    """makes companies and people in them"""

    def __init__(self, web, admin):
        self.web, self.admin, self.n = web, admin, 0

    def company(self, **kw):
        self.n += 1
        return self.admin.post("/companies", {"name": f"公司 {self.n} {time.monotonic_ns()}", **kw})

    def user(self, company, role, change=True, by=None, **kw):
        self.n += 1
        role = role if isinstance(role, int) else role_id(self.admin, company, role)
        body = {"login": f"p{self.n}x{time.monotonic_ns() % 100000}", "role_id": role, **kw}
        row = (by or self.admin).post("/users", body if by else {"company_id": company, **body})
        a = Api(self.web.base)
        a.session = a.login(row["login"], row["password"])
        a.row, a.password, a.id = row, row["password"], row["id"]
        if change:
            a("POST", "/session/password", {"old": row["password"], "new": "Ganz-Anders-77"})
            a.password = "Ganz-Anders-77"
        return a

    def extension(self, company, number):
        return self.admin.post("/extensions", {"company_id": company, "number": number})["id"]


@pytest.fixture(scope="module")
def people(web, admin):
    return People(web, admin)


def test_companies(web, admin, people):
    c = people.company()
    assert len(c["code"]) == 6 and c["code"].isdigit(), "made when not given"
    assert [r["name"] for r in admin.get(f"/roles?f.company_id={c['id']}&sort=id")["rows"]] == ["管理员", "部门组长", "坐席"]
    assert refused(admin.post, "/companies", {"name": c["name"]}) == (422, {"name": "unique"})
    assert refused(admin.post, "/companies", {"name": "另一家", "code": c["code"]}) == (422, {"code": "unique"})
    assert refused(admin.post, "/companies", {"name": "另一家", "code": "12345"}) == (422, {"code": "pattern"})
    assert refused(admin.post, "/companies", {"name": ""})[0] == 422
    boss = people.user(c["id"], "管理员")
    # one's own company: its name, not its number, and no other company
    mine = boss.get(f"/companies/{c['id']}")
    assert boss("PUT", f"/companies/{c['id']}", {"name": c["name"] + "!", "area_code": "0571", "rev": mine["rev"]})["area_code"] == "0571"
    assert boss.get("/companies")["total"] == 1
    assert boss.raw("PUT", "/api/v1/companies/1", {"name": "x", "rev": 1})[0] == 404
    assert boss.raw("POST", "/api/v1/companies", {"name": "x"})[0] == 403 and boss.raw("DELETE", f"/api/v1/companies/{c['id']}")[0] == 403
    # nothing is deleted that has anything in it
    s, data, _ = admin.raw("DELETE", f"/api/v1/companies/{c['id']}")
    assert s == 409 and json.loads(data)["error"]["code"] == "in_use" and {u["resource"] for u in json.loads(data)["used_by"]} == {"users"}
    assert admin.raw("DELETE", f"/api/v1/companies/{c['id']}?force=1")[0] == 409
    admin("DELETE", f"/users/{boss.id}")
    web.db("INSERT INTO calls (id, company_id, start, direction, caller, callee, state) VALUES (4711, ?, 1, 'internal', '1', '2', 'answered')", c["id"])
    assert admin.raw("DELETE", f"/api/v1/companies/{c['id']}?force=1")[0] == 409, "its call records would be nobody's"
    web.db("DELETE FROM calls WHERE id = 4711")
    assert admin.raw("DELETE", f"/api/v1/companies/{c['id']}")[0] == 204
    assert web.db("SELECT count(*) FROM roles WHERE company_id = ?", c["id"])[0][0] == 0


def test_logo(web, admin, people):
    c = people.company()
    boss = people.user(c["id"], "管理员")
    path = f"/api/v1/companies/{c['id']}/logo"
    assert boss.raw("GET", path)[0] == 404 and boss.raw("GET", "/api/v1/logo")[0] == 404
    jpeg, webp = b"\xff\xd8\xff\xe0" + b"\0" * 60, b"RIFF\x20\0\0\0WEBPVP8 " + b"\0" * 60
    for data, kind in [(png(), "image/png"), (jpeg, "image/jpeg"), (webp, "image/webp")]:
        s, row, _ = boss.raw("POST", path, data, {"Content-Type": kind})
        assert s == 200 and json.loads(row)["logo"].startswith(path)
        for p in (path, "/api/v1/logo"):
            s, got, h = boss.raw("GET", p)
            assert (s, got, h["Content-Type"], h["X-Content-Type-Options"]) == (200, data, kind, "nosniff")
    # what it is says the content, not its name or type; nothing else is kept
    for bad in (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", b"GIF89a" + b"\0" * 50, b"\x89PNG\r\n\x1a\n", b"", b"<html>"):
        s, data, _ = boss.raw("POST", path, bad, {"Content-Type": "image/png"})
        assert s == 415 and json.loads(data)["error"]["code"] == "image"
    assert boss.raw("POST", path, png() + b"\0" * (256 << 10), {"Content-Type": "image/png"})[0] == 413
    assert boss.raw("GET", path)[1] == webp
    import os
    assert len(os.listdir(os.path.join(web.d.data, "files"))) == 1, "the one before is gone"
    other = people.user(people.company()["id"], "管理员")
    assert other.raw("GET", path)[0] == 404 and other.raw("POST", path, png(), {"Content-Type": "image/png"})[0] == 404
    assert other.raw("DELETE", path)[0] == 404
    assert boss.raw("DELETE", path)[0] == 200 and boss.raw("GET", path)[0] == 404 and os.listdir(os.path.join(web.d.data, "files")) == []


def test_nobody_gives_more_than_he_has(admin, people):
    c = people.company()["id"]
    boss = people.user(c, "管理员")
    small = boss.post("/roles", {"name": "小管理员", "scope": "company", "rights": ["users:list", "users:edit", "users:add", "users:password", "users:lock",
                                                                                "users:delete", "users:resetTotp", "roles:list", "roles:add", "roles:edit", "roles:delete"]})["id"]
    helper = people.user(c, small, by=boss)
    # the company's admin: not the system's scope, not its rights
    assert refused(boss.post, "/roles", {"name": "a", "scope": "system", "rights": []}) == (422, {"scope": "rights"})
    assert refused(boss.post, "/roles", {"name": "a", "scope": "company", "rights": ["nonsense:list"]}) == (422, {"rights": "pattern"})
    only = set(admin.get("/session")["rights"]) - set(boss.get("/session")["rights"])
    assert "companies:add" in only
    made = boss.post("/roles", {"name": "b", "scope": "company", "rights": ["companies:add"]})
    assert people.user(c, made["id"], by=boss).get("/session")["rights"] == [], "a right of the system's has no effect in a company"
    # the helper: nothing he has not
    for body, want in [({"rights": ["calls:list"], "scope": "own"}, {"rights": "rights"}), ({"rights": ["*"], "scope": "own"}, {"rights": "rights"}),
                       ({"rights": ["users:*"], "scope": "company"}, {"rights": "rights"}), ({"rights": ["users:list", "users:export"], "scope": "own"}, {"rights": "rights"})]:
        assert refused(helper.post, "/roles", {"name": "c", **body}) == (422, want), body
    mine = helper.post("/roles", {"name": "d", "scope": "department", "rights": ["users:list"]})
    assert refused(helper, "PUT", f"/roles/{mine['id']}", {"rights": ["users:list", "live:list"], "rev": 1}) == (422, {"rights": "rights"})
    # nor by the roles of others
    for name in ("管理员", "部门组长", "坐席"):
        role = role_id(admin, c, name)
        assert refused(helper, "PUT", f"/roles/{role}", {"name": "x", "rev": 1})[0] == 403, name
        assert refused(helper.post, "/users", {"login": "friend", "role_id": role}) == (422, {"role_id": "rights"})
        assert refused(helper, "PUT", f"/users/{helper.id}", {"role_id": role, "rev": helper.get(f"/users/{helper.id}")["rev"]}) == (422, {"role_id": "rights"})
    system = next(r["id"] for r in admin.get("/roles?size=100")["rows"] if r["scope"] == "system")
    for who in (helper, boss):
        assert refused(who.post, "/users", {"login": "friend", "role_id": system})[0] == 422
        assert system not in [r["id"] for r in who.get("/users/refs/role_id?size=50")["rows"]]
    # nor by laying hands on somebody who has more
    for path, body in [("lock", {"on": True}), ("password", {}), ("totp/reset", {})]:
        assert refused(helper.post, f"/users/{boss.id}/{path}", body)[0] == 403, path
    assert refused(helper, "DELETE", f"/users/{boss.id}")[0] == 403 and refused(helper, "DELETE", f"/users/{boss.id}?force=1")[0] == 403
    assert refused(helper, "PUT", f"/users/{boss.id}", {"name": "x", "rev": boss.get(f"/users/{boss.id}")["rev"]})[0] == 403
    assert refused(helper.post, "/users/delete", {"ids": [boss.id], "force": True})[0] == 403
    assert refused(helper.post, "/users/bulk", {"ids": [boss.id], "set": {"pop": False}})[0] == 403
    assert boss.get("/session")["user"]["login"] == boss.row["login"]
    # a system administrator who works in this company is out of its admin's reach
    chief = people.user(c, system)
    assert refused(boss.post, f"/users/{chief.id}/password", {})[0] == 403 and refused(boss, "DELETE", f"/users/{chief.id}")[0] == 403
    admin("DELETE", f"/users/{chief.id}")
    # what he has he can give
    assert helper.post("/users", {"login": f"ok{time.monotonic_ns()}", "role_id": mine["id"]})["role_id"] == mine["id"]


def test_matrix_offers_what_one_can_give(admin, people):
    def rights(m):
        return {a["right"] for g in m["groups"] for p in g["pages"] for a in p["actions"]}
    whole = admin.get("/roles/matrix")
    assert rights(whole) == set(admin.get("/session")["rights"]) and whole["all"] is True
    assert [s["v"] for s in whole["scopes"]] == ["own", "department", "company", "system"]
    for g in whole["groups"]:
        assert g["title"]["zh-CN"] and g["title"]["en"]
        for p in g["pages"]:
            assert p["title"]["zh-CN"] != p["name"] and p["title"]["en"], p["name"]
            for a in p["actions"]:
                assert a["label"]["zh-CN"] != a["action"] and a["label"]["en"], a
    boss = people.user(people.company()["id"], "管理员")
    part = boss.get("/roles/matrix")
    assert rights(part) == set(boss.get("/session")["rights"]) < rights(whole) and [s["v"] for s in part["scopes"]] == ["own", "department", "company"]


def test_last_administrator(web, admin, people):
    me = admin.get("/session")["user"]["id"]
    rev = admin.get(f"/users/{me}")["rev"]
    c = people.company()["id"]
    agent = role_id(admin, c, "坐席")
    # oneself
    assert refused(admin.post, f"/users/{me}/lock", {"on": True}) == (409, "self")
    assert refused(admin.post, f"/users/{me}/password", {}) == (409, "self")
    assert refused(admin, "DELETE", f"/users/{me}") == (409, "self") and refused(admin, "DELETE", f"/users/{me}?force=1") == (409, "self")
    assert refused(admin, "PUT", f"/users/{me}", {"role_id": role_id(admin, 1, "坐席"), "rev": rev}) == (422, {"role_id": "self"})
    # another administrator may not leave none behind, however it comes
    system = next(r["id"] for r in admin.get("/roles?size=100")["rows"] if r["scope"] == "system")
    chief = people.user(c, system)
    chief.post(f"/users/{me}/lock", {"on": True})
    assert admin.raw("GET", "/api/v1/session")[0] == 401, "out at once"
    limited = web.db("INSERT INTO roles (company_id, name, scope, rights) VALUES (NULL, 'almost', 'system', 'users:*') RETURNING id")[0][0]
    assert limited
    import sqlite3
    for sql in ["UPDATE users SET active = 0 WHERE id = ?", "DELETE FROM users WHERE id = ?", f"UPDATE users SET role_id = {agent} WHERE id = ?"]:
        with pytest.raises(sqlite3.IntegrityError, match="last_admin"):
            web.db(sql, chief.id)
    with pytest.raises(sqlite3.IntegrityError, match="last_admin"):
        web.db("UPDATE roles SET rights = 'users:list' WHERE id = ?", system)
    for name in ("scope", "rights"):
        body = {"scope": "own"} if name == "scope" else {"rights": ["users:list"]}
        assert refused(chief, "PUT", f"/roles/{system}", {**body, "rev": chief.get(f"/roles/{system}")["rev"]}) == (422, {name: "builtin"})
    chief.post(f"/users/{me}/lock", {"on": False})
    admin.session = admin.login("admin", web.d.creds[("user", "admin")])
    admin.post(f"/users/{chief.id}/lock", {"on": True})
    # shipped roles stay, made ones go, used ones do not
    for r in admin.get(f"/roles?f.company_id={c}")["rows"]:
        assert refused(admin, "DELETE", f"/roles/{r['id']}?force=1") == (409, "builtin")
    assert refused(admin, "DELETE", f"/roles/{system}?force=1") == (409, "builtin")
    own = admin.post("/roles", {"company_id": c, "name": "自建", "scope": "own", "rights": ["calls:list"]})
    assert own["rights"] == ["calls:list"] and own["builtin"] is False
    u = people.user(c, own["id"])
    assert refused(admin, "DELETE", f"/roles/{own['id']}") == (409, "in_use") and refused(admin, "DELETE", f"/roles/{own['id']}?force=1")[0] == 409
    admin("DELETE", f"/users/{u.id}")
    admin("DELETE", f"/roles/{own['id']}")


def test_nobody_locks_himself_out_by_his_role(admin, people):
    c = people.company()["id"]
    boss = people.user(c, "管理员")
    mine = next(r for r in boss.get("/roles")["rows"] if r["name"] == "管理员")
    assert refused(boss, "PUT", f"/roles/{mine['id']}", {"rights": ["users:list"], "rev": mine["rev"]}) == (422, {"rights": "self"})
    assert refused(boss, "PUT", f"/roles/{mine['id']}", {"scope": "own", "rev": mine["rev"]}) == (422, {"scope": "self"})
    assert refused(boss.post, "/roles/bulk", {"ids": [mine["id"]], "set": {"scope": "own"}})[0] == 422
    assert boss("PUT", f"/roles/{mine['id']}", {"name": "总管", "rev": mine["rev"]})["rights"] == ["*"]


def test_users(web, admin, people):
    c = people.company()["id"]
    boss = people.user(c, "管理员")
    agent = role_id(admin, c, "坐席")
    ext = people.extension(c, "88410001")
    dept = boss.post("/departments", {"name": "技术部"})["id"]
    u = boss.post("/users", {"login": "李四", "name": "李四", "role_id": agent, "extension_id": ext, "department_id": dept, "mobile": "13900000001", "mask_numbers": True})
    assert len(u["password"]) == 12 and u["must_change"] is True and u["extension_id_label"] == "88410001" and u["department_id_label"] == "技术部"
    assert u["role_id_label"] == "坐席" and u["state"] == "active" and u["company_id"] == c
    # never again, in no way
    for path in [f"/users/{u['id']}", "/users", "/users/export.csv", f"/users/{u['id']}/history"]:
        text = boss.raw("GET", "/api/v1" + path)[1].decode()
        assert u["password"] not in text and "argon2" not in text, path
    assert not any("argon2" in (r[0] or "") + (r[1] or "") for r in web.db("SELECT before, after FROM audit"))
    assert refused(boss.post, "/users", {"login": "李四", "role_id": agent}) == (422, {"login": "unique"})
    assert refused(boss.post, "/users", {"login": "王五", "role_id": agent, "extension_id": ext}) == (422, {"extension_id": "unique"})
    for body, want in [({"login": "a b"}, {"login": "pattern"}), ({"login": "x"}, {"login": "length"}), ({}, {"login": "required"}),
                       ({"login": "weak1", "password": "12345678"}, {"password": "weak"}), ({"login": "nummer", "mobile": "abc"}, {"mobile": "pattern"})]:
        assert refused(boss.post, "/users", {"role_id": agent, **body}) == (422, want), body
    other = people.company()["id"]
    foreign = {"extension_id": people.extension(other, "88410002"), "role_id": role_id(admin, other, "坐席"),
               "department_id": admin.post("/departments", {"company_id": other, "name": "别的部门"})["id"]}
    for k, v in foreign.items():
        assert refused(boss.post, "/users", {"login": "fremd", "role_id": agent, k: v}) == (422, {k: "reference"}), k
        assert refused(admin.post, "/users", {"company_id": c, "login": "fremd", "role_id": agent, k: v})[0] == 422, k
    # the password is no field of a change
    a = Api(web.base)
    a.login("李四", u["password"])
    boss("PUT", f"/users/{u['id']}", {"password": "Etwas-Neues-99", "name": "四", "rev": u["rev"]})
    Api(web.base).login("李四", u["password"])
    # a new one, made and shown once; all sessions end
    new = boss.post(f"/users/{u['id']}/password", {})["password"]
    assert a.raw("GET", "/api/v1/session")[0] == 401 and new != u["password"]
    assert Api(web.base).login("李四", new)["mustChange"] is True
    assert refused(boss.post, f"/users/{u['id']}/password", {"password": "aaaaaaaaaa"}) == (422, {"password": "weak"})
    given = boss.post(f"/users/{u['id']}/password", {"password": "Gegeben-2026"})
    assert "password" not in given and Api(web.base).login("李四", "Gegeben-2026")["mustChange"] is True
    with pytest.raises(HttpError):
        Api(web.base).login("李四", new)
    # locked: out at once, not in again, until unlocked
    a = Api(web.base)
    a.login("李四", "Gegeben-2026")
    assert boss.post(f"/users/{u['id']}/lock", {"on": True})["state"] == "locked"
    assert a.raw("GET", "/api/v1/session")[0] == 401
    with pytest.raises(HttpError):
        a.login("李四", "Gegeben-2026")
    assert boss.post(f"/users/{u['id']}/lock", {"on": False})["state"] == "active"
    a.login("李四", "Gegeben-2026")
    actions = [r["action"] for r in boss.get(f"/audit?f.resource=users&f.row_id={u['id']}&size=100")["rows"]]
    assert {"add", "edit", "password", "lock", "unlock"} <= set(actions)


def test_less_rights_end_sessions(web, admin, people):
    c = people.company()["id"]
    boss = people.user(c, "管理员")
    role = boss.post("/roles", {"name": "测试", "scope": "company", "rights": ["calls:list", "extensions:list"]})
    p, q = people.user(c, role["id"]), people.user(c, role["id"])
    ws = websocket.create_connection(web.base.replace("http", "ws", 1) + "/ws", timeout=5, origin=web.base, cookie=p.cookie)
    assert json.loads(ws.recv())["t"] == "hello"
    row = boss("PUT", f"/roles/{role['id']}", {"rights": ["calls:list", "extensions:list", "live:list"], "rev": role["rev"]})
    assert "live:list" in p.get("/session")["rights"], "more rights are there at once"
    row = boss("PUT", f"/roles/{role['id']}", {"rights": ["calls:list"], "rev": row["rev"]})
    assert p.raw("GET", "/api/v1/session")[0] == 401 and q.raw("GET", "/api/v1/session")[0] == 401
    while (t := json.loads(ws.recv())["t"]) != "session.kicked":
        assert t != "pong"
    p.login(p.row["login"], p.password)
    boss("PUT", f"/users/{p.id}", {"role_id": role_id(admin, c, "管理员"), "rev": boss.get(f"/users/{p.id}")["rev"]})
    assert p.raw("GET", "/api/v1/session")[0] == 200, "a role that gives all that the old one gave"
    boss("PUT", f"/users/{p.id}", {"role_id": role["id"], "rev": boss.get(f"/users/{p.id}")["rev"]})
    assert p.raw("GET", "/api/v1/session")[0] == 401


@pytest.fixture(scope="module")
def team(web, admin, people):
    """a department with a leader and an agent, an agent of no department, another company's"""
    class Team:
        pass
    t = Team()
    t.company = people.company()["id"]
    t.boss = people.user(t.company, "管理员")
    t.dept = t.boss.post("/departments", {"name": "一部"})
    ext = {n: people.extension(t.company, n) for n in ("88420001", "88420002", "88420003")}
    t.leader = people.user(t.company, "部门组长", extension_id=ext["88420001"])
    t.agent = people.user(t.company, "坐席", extension_id=ext["88420002"], department_id=t.dept["id"])
    t.stranger = people.user(t.company, "坐席", extension_id=ext["88420003"])
    t.dept = t.boss("PUT", f"/departments/{t.dept['id']}", {"leaders": [t.leader.id], "rev": t.dept["rev"]})
    t.calls = {n: web.add_call(company_id=t.company, callee=n, callee_ext=n) for n in ext}
    return t


def test_departments(web, admin, people, team):
    assert [x["v"] for x in team.dept["leaders"]] == [team.leader.id]
    other = people.user(people.company()["id"], "管理员")
    for leaders, code in [([other.id], "reference"), ([888888], "reference"), (["x"], None), ([team.leader.id, team.leader.id], None)]:
        s, fields = refused(team.boss, "PUT", f"/departments/{team.dept['id']}", {"leaders": leaders, "rev": team.dept["rev"]})
        assert s == 422 and any(k.startswith("leaders") for k in fields) and (not code or code in fields.values()), (leaders, fields)
    assert refused(team.boss.post, "/departments", {"name": "一部"}) == (422, {"name": "unique"})
    assert other.post("/departments", {"name": "一部"})["name"] == "一部", "of another company"
    s, data, _ = team.boss.raw("DELETE", f"/api/v1/departments/{team.dept['id']}")
    assert s == 409 and {u["resource"] for u in json.loads(data)["used_by"]} == {"users"}
    assert {r["id"] for r in team.leader.get("/departments")["rows"]} == {team.dept["id"]}


def ids(a, path):
    return {r["id"] for r in a.get(path)["rows"]}


def test_data_scope(web, team):
    """an agent sees own ones, a leader the department's, a company administrator the company's"""
    c = team.calls
    mine, dept, rest = c["88420002"], c["88420001"], c["88420003"]
    assert ids(team.agent, "/calls?size=100") == {mine}
    assert ids(team.leader, "/calls?size=100") == {mine, dept}
    assert ids(team.boss, "/calls?size=100") == {mine, dept, rest}
    assert team.agent.raw("GET", f"/api/v1/calls/{dept}")[0] == 404 and team.leader.raw("GET", f"/api/v1/calls/{mine}")[0] == 200
    for p in (f"/calls/{rest}", f"/calls/{rest}/recording", f"/calls/{rest}/peaks", f"/pop/{rest}"):
        assert team.leader.raw("GET", "/api/v1" + p)[0] == 404 and team.agent.raw("GET", "/api/v1" + p)[0] == 404, p
    assert team.agent.raw("POST", "/api/v1/phone/dial", {"call": rest})[0] == 404
    assert team.leader.raw("POST", "/api/v1/phone/dial", {"call": mine})[0] == 409, "found; but the phone is not registered"
    assert team.leader.get("/calls?f.callee_ext=88420003")["total"] == 0 and team.leader.get("/calls?q=88420003")["total"] == 0
    text = team.leader.raw("GET", "/api/v1/calls/export.csv")[1].decode()
    assert "88420002" in text and "88420003" not in text
    numbers = {r["number"] for r in team.leader.get("/extensions")["rows"]}
    assert numbers == {"88420001", "88420002"}
    assert ids(team.leader, "/users") == {team.leader.id, team.agent.id}
    # the right decides what may be done, the scope to whom
    web.role(team.leader.row["login"], "department", "users:list users:lock users:edit users:add calls:list")
    team.leader.login(team.leader.row["login"], team.leader.password)
    assert team.leader.raw("POST", f"/api/v1/users/{team.stranger.id}/lock", {"on": True})[0] == 404
    assert team.leader.raw("PUT", f"/api/v1/users/{team.stranger.id}", {"name": "x", "rev": 1})[0] == 404
    own = web.db("INSERT INTO roles (company_id, name, scope, rights) VALUES (?, 'little', 'own', 'calls:list') RETURNING id", team.company)[0][0]
    assert refused(team.leader.post, "/users", {"login": "neuer", "role_id": own}) == (422, {"department_id": "required"})
    far = team.boss.post("/departments", {"name": "二部"})["id"]
    assert refused(team.leader.post, "/users", {"login": "neuer", "role_id": own, "department_id": far}) == (422, {"department_id": "rights"})
    assert team.leader.post("/users", {"login": "neuer", "role_id": own, "department_id": team.dept["id"]})["department_id"] == team.dept["id"]
    # who leads no longer sees no longer
    team.dept = team.boss("PUT", f"/departments/{team.dept['id']}", {"leaders": [], "rev": team.dept["rev"]})
    assert ids(team.leader, "/calls?size=100") == {dept}
    team.dept = team.boss("PUT", f"/departments/{team.dept['id']}", {"leaders": [team.leader.id], "rev": team.dept["rev"]})


def test_pushes_follow_the_scope(web, admin, people):
    """the state of a phone is told to the agent, the leader of the department, the company's administrator; to nobody else"""
    c = people.company()["id"]
    boss = people.user(c, "管理员")
    ext = {n: admin.post("/extensions", {"company_id": c, "number": n}) for n in ("88430001", "88430002", "88430003")}
    dept = boss.post("/departments", {"name": "三部"})
    leader = people.user(c, "部门组长", extension_id=ext["88430001"]["id"])
    agent = people.user(c, "坐席", extension_id=ext["88430002"]["id"], department_id=dept["id"])
    peer = people.user(c, "部门组长", extension_id=ext["88430003"]["id"])
    other = people.user(people.company()["id"], "管理员")
    boss("PUT", f"/departments/{dept['id']}", {"leaders": [leader.id], "rev": dept["rev"]})
    socks = {n: websocket.create_connection(web.base.replace("http", "ws", 1) + "/ws", timeout=5, origin=web.base, cookie=p.cookie)
             for n, p in (("boss", boss), ("leader", leader), ("agent", agent), ("peer", peer), ("other", other))}
    for s in socks.values():
        assert json.loads(s.recv())["t"] == "hello"
    boss.post("/config/apply", {"hash": boss.get("/config")["draftHash"], "note": ""})
    phones = []
    for n in ("88430002", "88430003"):
        phones.append(Ua(n, ext[n]["secret"], ("127.0.0.1", web.d.port)))
        phones[-1].register()
    heard = {}
    for name, s in socks.items():
        heard[name] = set()
        s.settimeout(1.5)
        try:
            while True:
                m = json.loads(s.recv())
                if m["t"] == "ext.reg" and m["online"]:
                    heard[name].add(m["ext"])
        except websocket.WebSocketTimeoutException:
            pass
    for p in phones:
        p.close()
    assert heard == {"boss": {"88430002", "88430003"}, "leader": {"88430002"}, "agent": {"88430002"}, "peer": {"88430003"}, "other": set()}


def test_without_the_list_of_calls_only_own_ones(web, team, people):
    """a right to dial or to have pops is none to look into everybody's calls"""
    nobody = web.db("INSERT INTO roles (company_id, name, scope, rights) VALUES (?, 'dials', 'company', 'phone:dial') RETURNING id", team.company)[0][0]
    ext = people.extension(team.company, "88420009")
    p = people.user(team.company, nobody, extension_id=ext)
    for c in team.calls.values():
        assert p.raw("GET", f"/api/v1/pop/{c}")[0] == 404 and p.raw("POST", "/api/v1/phone/dial", {"call": c})[0] == 404
    mine = web.add_call(company_id=team.company, callee="88420009", callee_ext="88420009")
    assert p.get(f"/pop/{mine}")["call"]["id"] == mine


def test_masked(web, team, people):
    """no digit of a customer's number reaches who must not see it, by any way there is"""
    web.db("UPDATE users SET mask_numbers = 1 WHERE id = ?", team.agent.id)
    i = web.add_call(company_id=team.company, callee="88420002", callee_ext="88420002", caller_name=CUSTOMER, transfer_to=CUSTOMER)
    web.role(team.agent.row["login"], "company", "*", mask=1)
    a = team.agent
    a.login(a.row["login"], a.password)
    a.post("/blacklist", {"number": CUSTOMER, "note": "x"})
    black = a.get("/blacklist?size=100")["rows"]
    hidden = CUSTOMER[:4] + "****" + CUSTOMER[-3:]
    assert hidden in [r["number"] for r in black]
    paths = ["/calls?size=100", f"/calls/{i}", f"/pop/{i}", "/calls/export.csv", "/live/calls", "/blacklist?size=100", "/blacklist/export.csv", "/audit?size=100",
             "/audit/export.csv", "/calls/refs/company_id", "/config"]
    paths += [f"/blacklist/{r['id']}{x}" for r in black for x in ("", "/uses", "/history")]
    paths += [f"/audit/{r['id']}" for r in a.get("/audit?size=100")["rows"]]
    for p in paths:
        assert CUSTOMER[4:] not in a.raw("GET", "/api/v1" + p)[1].decode(), p
    for name in ("calls", "blacklist", "audit"):
        for kind in ("csv", "xlsx"):
            job = a.post(f"/{name}/export", {"format": kind})["job"]
            end = time.monotonic() + 15
            while a.get(f"/jobs/{job}")["state"] == "running":
                assert time.monotonic() < end
                time.sleep(0.02)  # lint: poll of a job
            data = a.raw("GET", f"/api/v1/jobs/{job}/file")[1]
            if kind == "xlsx":
                import io
                import zipfile
                z = zipfile.ZipFile(io.BytesIO(data))
                data = b"".join(z.read(n) for n in z.namelist())
            assert CUSTOMER[4:].encode() not in data, (name, kind)
    # a search would find the hidden digits out, one by one or by trying
    for q in (f"f.number={CUSTOMER}", "f.number=1361234*", "f.number=*345*", "sort=number"):
        assert a.raw("GET", "/api/v1/blacklist?" + q)[0] == 400, q
    assert a.get(f"/blacklist?q={CUSTOMER}")["total"] == 0 and a.get(f"/calls?q={CUSTOMER[4:8]}")["total"] == 0
    assert a.raw("POST", "/api/v1/blacklist/delete", {"all": True, "filter": "f.number=1361234*", "confirm": 1})[0] >= 400
    assert a.raw("POST", "/api/v1/calls/export", {"format": "csv", "query": "f.caller=1361234*"})[0] >= 400
    # changing a row it cannot read does not store the stars
    row = black[0]
    a.raw("PUT", f"/api/v1/blacklist/{row['id']}", {"number": row["number"], "note": "geändert", "rev": row["rev"]})
    assert web.db("SELECT number FROM blacklist WHERE id = ?", row["id"])[0][0] == CUSTOMER


# ---- second factor ----

def totp(secret, at=None):
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(at or time.time()) // 30), "sha1").digest()
    o = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[o:o + 4])[0] & 0x7fffffff) % 1000000:06d}"


def login(web, p, code=None):
    a = Api(web.base)
    body = {"login": p.row["login"], "password": p.password, **({"code": code} if code is not None else {})}
    s, data, h = a.raw("POST", "/api/v1/session", body)
    js = json.loads(data)
    return s, js if s == 200 else js["error"]["code"]


def test_second_factor(web, admin, people):
    c = people.company()["id"]
    boss, p = people.user(c, "管理员"), people.user(c, "坐席")
    assert p.get("/session")["twoFactor"] is False and p.get("/account")["codesLeft"] == 0
    assert refused(p.post, "/account/totp", {"code": "123456"}) == (409, "totp_off")
    begun = p.post("/account/totp/start")
    assert begun["uri"].startswith("otpauth://totp/Zuoxi:") and f"secret={begun['secret']}" in begun["uri"] and len(begun["secret"]) == 32
    assert login(web, p)[0] == 200, "not in force before it is proved"
    assert refused(p.post, "/account/totp", {"code": "000000" if totp(begun["secret"]) != "000000" else "000001"}) == (422, {"code": "wrong"})
    first = totp(begun["secret"])
    codes = p.post("/account/totp", {"code": first})["codes"]
    assert len(codes) == 10 == len(set(codes)) and p.get("/account")["codesLeft"] == 10 and p.get("/session")["twoFactor"] is True
    assert refused(p.post, "/account/totp/start") == (409, "totp_on")
    # at rest: neither the secret nor the codes
    row = str(web.db("SELECT * FROM users WHERE id = ?", p.id))
    assert begun["secret"] not in row and not any(x in row or x.replace("-", "") in row for x in codes)
    for path in (f"/users/{p.id}", f"/users/{p.id}/history", "/users"):
        assert row.split("'1.")[1][:20] not in boss.raw("GET", "/api/v1" + path)[1].decode()
    # the password alone is not enough any more, and a wrong one does not tell that there is a second factor
    assert login(web, p) == (401, "totp") and login(web, p, "") == (401, "totp")
    good, p.password = p.password, "wrong-password"
    assert login(web, p, totp(begun["secret"])) == (401, "bad_login")
    p.password = good
    # no code twice, also not the one that proved it
    assert login(web, p, first) == (401, "totp")
    later = totp(begun["secret"], time.time() + 30)
    s, js = login(web, p, later)
    assert s == 200 and js["twoFactor"] is True
    assert login(web, p, later) == (401, "totp"), "used"
    # recovery codes, each once, in any spelling
    assert login(web, p, codes[0].upper().replace("-", " "))[0] == 200
    assert login(web, p, codes[0]) == (401, "totp") and p.get("/account")["codesLeft"] == 9
    assert login(web, p, codes[1])[0] == 200
    # switched off by the password only
    assert refused(p, "DELETE", "/account/totp", {"password": "wrong-password"}) == (422, {"password": "wrong"})
    assert p.raw("DELETE", "/api/v1/account/totp", {"password": p.password})[0] == 204
    assert login(web, p)[0] == 200 and p.get("/account") ["codesLeft"] == 0
    # somebody who lost it
    begun = p.post("/account/totp/start")
    p.post("/account/totp", {"code": totp(begun["secret"], time.time() + 30)})
    assert boss.get(f"/users/{p.id}")["two_factor"] is True
    assert boss.post(f"/users/{p.id}/totp/reset")["two_factor"] is False
    assert p.raw("GET", "/api/v1/session")[0] == 401 and login(web, p)[0] == 200
    assert {"totpOn", "totpOff", "resetTotp"} <= {r["action"] for r in boss.get(f"/audit?f.row_id={p.id}&f.resource=users&size=100")["rows"]}


def test_codes_are_slowed_down(web, people):
    p = people.user(people.company()["id"], "坐席")
    begun = p.post("/account/totp/start")
    codes = p.post("/account/totp", {"code": totp(begun["secret"])})["codes"]
    seen = []
    for i in range(8):
        s, _ = login(web, p, f"{i:06d}")
        seen.append(s)
    assert seen[:4] == [401] * 4 and 429 in seen[4:]
    assert login(web, p, codes[0])[0] == 429, "a right one waits, too"


def test_own_sessions(web, people):
    p = people.user(people.company()["id"], "坐席")
    other = Api(web.base)
    other.login(p.row["login"], p.password)
    rows = p.get("/account")["sessions"]
    assert len(rows) == 2 and [r["current"] for r in rows].count(True) == 1 and all(r["addr"] == "127.0.0.1" and r["agent"] for r in rows)
    gone = next(r for r in rows if not r["current"])
    stranger = people.user(people.company()["id"], "坐席")
    assert stranger.raw("DELETE", f"/api/v1/account/sessions/{gone['id']}")[0] == 404, "somebody else's"
    assert p.raw("DELETE", f"/api/v1/account/sessions/{gone['id']}")[0] == 204
    assert other.raw("GET", "/api/v1/session")[0] == 401 and p.raw("GET", "/api/v1/session")[0] == 200
    assert p.raw("DELETE", f"/api/v1/account/sessions/{gone['id']}")[0] == 404


def test_params(admin, people):
    c = people.company()["id"]
    boss = people.user(c, "管理员")
    p = boss.get("/params")
    assert p == {"company_id": c, "whitelist": False, "keep_recordings": 180, "keep_marks": 365, "keep_missed": 365, "keep_busy_log": 365, "keep_surveys": 365,
                 "keep_edits": 365, "rev": 1}
    p = boss("PUT", "/params", {"whitelist": True, "keep_recordings": 0, "rev": 1})
    assert p["whitelist"] is True and p["keep_recordings"] == 0 and p["keep_marks"] == 365 and p["rev"] == 2
    s, data, _ = boss.raw("PUT", "/api/v1/params", {"keep_marks": 1, "rev": 1})
    assert s == 409 and json.loads(data)["current"]["rev"] == 2
    for body, want in [({"keep_marks": -1, "rev": 2}, {"keep_marks": "range"}), ({"keep_marks": 1.5, "rev": 2}, {"keep_marks": "pattern"}),
                       ({"whitelist": 1, "rev": 2}, {"whitelist": "pattern"}), ({"keep_marks": 1}, {"rev": "required"}), ({"keep_marks": 1e9, "rev": 2}, {"keep_marks": "range"})]:
        assert refused(boss, "PUT", "/params", body) == (422, want), body
    assert admin.get(f"/params?company_id={c}")["rev"] == 2 and admin("PUT", f"/params?company_id={c}", {"keep_marks": 9, "rev": 2})["keep_marks"] == 9
    assert boss.raw("GET", "/api/v1/params?company_id=1")[0] == 404 and admin.raw("GET", "/api/v1/params?company_id=99999")[0] == 404
    assert boss.raw("PUT", "/api/v1/params?company_id=1", {"keep_marks": 1, "rev": 1})[0] == 404
    assert [r["company_id"] for r in boss.get("/audit?f.resource=params")["rows"]] == [c, c]


def test_audit_is_the_companys(admin, people):
    """what the system administrator does in a company is that company's history, and only its"""
    c = people.company()["id"]
    boss, other = people.user(c, "管理员"), people.user(people.company()["id"], "管理员")
    admin.post("/departments", {"company_id": c, "name": "被审计"})
    row = next(r for r in boss.get("/audit?f.resource=departments")["rows"] if r["action"] == "add")
    assert row["user_id_label"].startswith("admin") and row["addr"] == "127.0.0.1"
    assert boss.get(f"/audit/{row['id']}")["after"]["name"] == "被审计"
    assert other.raw("GET", f"/api/v1/audit/{row['id']}")[0] == 404 and other.get("/audit?f.resource=departments")["total"] == 0
    assert boss.raw("POST", "/api/v1/audit", {})[0] == 405 and boss.raw("DELETE", f"/api/v1/audit/{row['id']}")[0] == 405
    assert any(r["action"] == "login" for r in boss.get("/audit?f.resource=session")["rows"])
    meta = boss.get("/meta/audit")
    known = {o["v"] for f in meta["fields"] if f["key"] == "resource" for o in f["options"]}
    missing = {n for n in boss.get("/meta")["resources"] if boss.get(f"/meta/{n}")["can"] and n not in known} - {"calls", "audit"}
    assert not missing, f"pages the audit log has no name for: {missing}"

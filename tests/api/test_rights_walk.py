"""Every endpoint of the API document as every kind of person, and as somebody of another company: nothing leaks, nothing changes.

New endpoints enter by themselves: what the walker cannot exercise fails the last test, and has to be taught to it (walk.py, KEYS, CUSTOM).
"""
import base64
import contextlib
import hmac
import json
import os
import re
import sqlite3
import struct
import time

import pytest
import websocket
from lib.daemon import BINARY, Daemon

from .walk import CUSTOMER_A, MARK, Bodies, Http, Snapshot, Unknown, csv_of, png, quoted, wav

NOWHERE = 888888888  # id of nothing
PUBLIC = {("GET", "/health"), ("GET", "/openapi.json"), ("POST", "/session"), ("GET", "/provision")}
BEFORE_CHANGE = {("GET", "/session"), ("DELETE", "/session"), ("POST", "/session/password")}
# ends the daemon or the machine, or replaces the data: what they do is shown by their own tests, who may do it by this one
DANGEROUS = {"/system/restart", "/system/reboot", "/system/poweroff", "/system/repair", "/system/backups/{id}/restore", "/system/backups/{id}/verify"}

# values of bodies that are no row, by key; ids and company_id are those aimed at
KEYS = {"login": "nobody", "password": "Geheim-1234", "code": "123456", "old": "x", "new": "Ganz-Anders-77", "on": True, "number": "95588", "force": False,
        "all": None, "filter": None, "confirm": None, "format": "csv", "query": "q=1391111", "columns": None, "hash": "", "note": "", "to": 1, "from": "62419001",
        "strategy": "random", "secret": None, "caller_id": "", "record": True, "bind_ip": "", "whitelist": True, "keep_recordings": 30, "keep_marks": 30,
        "keep_missed": 30, "keep_busy_log": 30, "keep_surveys": 30, "keep_edits": 30, "rev": 1, "mode": "good", "map": {}, "update": False, "value": 1,
        "app": "hangup", "host": "127.0.0.1", "company": "ZXWALK", "area_code": "0571", "agents": 1, "first": "62419501", "department": "ZXWALK",
        "queue": "ZXWALK", "queue_number": "62419601", "prefix": "1391111", "province": "浙江", "city": "杭州", "carrier": "移动", "name": "zxwalk", "lang": "en",
        "users": None, "department_id": None, "recordings": False, "passphrase": None, "auto": False, "at": "03:00", "keep": 7, "when": None}
# the same key of certain endpoints
OVERRIDE = {("/help/qr", "app"): "linphone", ("/extensions/batch", "from"): lambda w: f"{62420000 + w.next() * 10}",
            ("/extensions/batch", "to"): lambda w: f"{62420000 + w.n * 10 + 3}", ("/locations/reset", "confirm"): "RESET",
            ("/locations", "prefix"): lambda w: f"141{w.next():04d}", ("/locations", "area_code"): "0571"}
SHARED = {"locations"}  # the same for all companies
QUERY = {"/locations/find": "?number=13912345678", "/locations/export.csv": "?f.prefix=1391111"}  # not all 321,000


def totp(secret, at):
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(at) // 30), "sha1").digest()
    o = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[o:o + 4])[0] & 0x7fffffff) % 1000000:06d}"


class World:
    def __init__(self, d):
        self.d, self.n, self.unknown = d, 0, set()
        self.system = Http(d.http, "system").login("admin", d.creds[("user", "admin")])
        self.doc = self.system.get("/openapi.json")
        self.routes = [(m.upper(), p, op) for p, ops in self.doc["paths"].items() for m, op in ops.items()]
        self.a, self.b = self.company(f"{MARK} 公司", "251735"), self.company("乙公司", "624162")
        self.admin_a = self.person(self.a, "zxmarka-admin", "管理员", name=f"{MARK} 管理员")
        self.admin_b = self.person(self.b, "zxb-admin", "管理员", name="乙")
        self.bodies_a, self.bodies_b = Bodies(self.admin_a, MARK, "7351"), Bodies(self.admin_b, "ZXB", "6241")
        self.bodies_s = Bodies(self.system, "ZXSYS", "5130")
        row, why = self.create(self.admin_a, self.bodies_a, "extensions")
        assert row, why
        self.version_a = self.apply(self.admin_a)
        self.fill(self.admin_a, self.bodies_a)
        self.fill(self.admin_b, self.bodies_b)
        self.people()
        self.records()
        self.resources = set(self.system.get("/meta")["resources"])
        self.ids_a, self.ids_b = self.ids(self.admin_a), self.ids(self.admin_b)

    # ---- making
    def db(self, sql, *args):
        with contextlib.closing(sqlite3.connect(f"{self.d.data}/zuoxi.db", timeout=10)) as db, db:
            return db.execute(sql, args).fetchall()

    def company(self, name, code):
        return self.system.post("/companies", {"name": name, "code": code})["id"]

    def next(self):
        self.n += 1
        return self.n

    def role(self, company, name):
        return next(r["id"] for r in self.system.get(f"/roles?f.company_id={company}&size=100")["rows"] if r["name"] == name)

    def person(self, company, login, role, change=True, **kw):
        row = self.system.post("/users", {"company_id": company, "login": login, "role_id": role if isinstance(role, int) else self.role(company, role), **kw})
        p = Http(self.d.http, login).login(login, row["password"])
        p.id, p.password = row["id"], row["password"]
        if change:
            p.post("/session/password", {"old": row["password"], "new": "Ganz-Anders-77"})
            p.password = "Ganz-Anders-77"
        return p

    def apply(self, who):
        state = who.get("/config")
        who.post("/config/apply", {"hash": state["draftHash"], "note": MARK if who is self.admin_a else "ZXB"})
        return who.get("/config/versions")["rows"][0]["id"]

    def create(self, who, bodies, name):
        """one row of a page, or why not"""
        if name in ("prompts", "music"):
            status, data, _ = who.raw("POST", f"/{name}/upload?name={quoted(bodies.mark)}", wav(), {"X-File-Name": f"{bodies.mark}-{name}-{self.next()}.wav",
                                                                                                 "Content-Type": "audio/wav"})
        else:
            status, data, _ = who.raw("POST", f"/{name}", bodies.body(name))
        return (json.loads(data), None) if status in (200, 201) else (None, (status, data.decode(errors="replace")[:300]))

    def fill(self, who, bodies):
        left = [n for n in who.get("/meta")["resources"] if "add" in bodies.meta(n)["can"]]
        while left:
            failed = {}
            for name in left:
                for _ in range(2):
                    row, why = self.create(who, bodies, name)
                    if why:
                        failed[name] = why
            if len(failed) == len(left):
                raise Unknown(f"rows of these pages cannot be made: {failed}")
            left = [n for n in left if n in failed]

    def people(self):
        ext = [r["id"] for r in self.admin_a.get("/extensions?size=100&sort=-id")["rows"]]
        used = {r["extension_id"] for r in self.admin_a.get("/users?size=100")["rows"]}
        free = [e for e in ext if e not in used]
        while len(free) < 3:
            row, why = self.create(self.admin_a, self.bodies_a, "extensions")
            assert row, why
            free.append(row["id"])
        dept = self.admin_a.get("/departments")["rows"][0]["id"]
        self.agent = self.person(self.a, "zxmarka-agent", "坐席", extension_id=free[0], department_id=dept, name=MARK)
        self.leader = self.person(self.a, "zxmarka-leader", "部门组长", extension_id=free[1], name=MARK)
        none = self.admin_a.post("/roles", {"name": MARK + " nothing", "scope": "company", "rights": []})["id"]
        self.nothing = self.person(self.a, "zxmarka-nothing", none, name=MARK)
        self.new = self.person(self.a, "zxmarka-new", "管理员", change=False, name=MARK)
        self.locked = self.person(self.a, "zxmarka-locked", "管理员", name=MARK)
        self.admin_a.post(f"/users/{self.locked.id}/lock", {"on": True})

    def records(self):
        rec = f"2026/11/22/{MARK}.wav"
        path = os.path.join(self.d.data, "recordings", rec)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(wav(2))
        for i in (73510001, 73510002):
            self.db("INSERT INTO calls (id, company_id, start, ended, talk, direction, caller, caller_name, callee, callee_ext, state, recording, trunk) "
                    "VALUES (?, ?, ?, ?, 1000, 'inbound', ?, ?, '73510001', '73510001', 'answered', ?, ?)", i, self.a, int(time.time() * 1000) - 9000,
                    int(time.time() * 1000), CUSTOMER_A, MARK, rec, MARK)
            self.db("INSERT INTO call_details (call_id, timeline) VALUES (?, ?)", i, json.dumps([{"t": 1, "e": MARK, "n": CUSTOMER_A}]))
        self.db("INSERT INTO calls (id, company_id, start, ended, direction, caller, callee, state) VALUES (62410001, ?, 1, 2, 'internal', '1', '2', 'answered')", self.b)
        self.admin_a.raw("POST", f"/companies/{self.a}/logo", png(), {"Content-Type": "image/png"})
        self.job_a = self.admin_a.post("/extensions/export", {"format": "csv"})["job"]
        head = self.admin_a.raw("GET", "/departments/template.csv")[1].decode("utf-8-sig").splitlines()[0]
        self.import_a = self.admin_a("POST", "/departments/import", csv_of(head.split(","), [MARK] * len(head.split(","))),
                                     {"Content-Type": "text/csv", "X-File-Name": "a.csv"})["import"]
        self.session_a = self.admin_a.get("/account")["sessions"][0]["id"]
        self.admin_a("PUT", "/prefs/grid.walk", {"v": MARK})
        self.admin_b("PUT", "/prefs/grid.walk", {"v": "ZXB"})

    def ids(self, who):
        out = {}
        for name in who.get("/meta")["resources"]:
            out[name] = [r["id"] for r in who.get(f"/{name}?size=100")["rows"]]
        return out

    # ---- requests
    @property
    def markers(self):
        return re.compile(rf"{MARK.lower()}|(?<!\d)(?:251735|{CUSTOMER_A}|73510001)(?!\d)")

    def targets(self, path, ids=None):
        """what {id} of a path may be: rows of company A"""
        ids = ids or self.ids_a
        first = path.split("/")[1]
        if "/import/{id}" in path:
            return [self.import_a]
        special = {"jobs": [self.job_a], "account": [self.session_a], "config": [self.version_a], "pop": ids["calls"], "live": [73510001]}
        if first in special:
            return special[first]
        if first in ids:
            return ids[first]
        if first == "system":
            return [1]
        raise Unknown(f"{path}: where do its ids come from?")

    def names(self, path, bodies):
        if "/refs/{name}" in path:
            return self.ref_names(bodies, path.split("/")[1])
        return ["grid.walk"] if path.startswith("/prefs") else ["zxwalk.backup"]

    def ref_names(self, bodies, name, some=True):
        out = []
        for f in bodies.meta(name)["fields"]:
            if f["type"] == "ref":
                out.append(f["key"])
            if f["type"] == "target":
                out += [f"{f['key']}?app={a['app']}" for a in f["target"]["apps"] if a["resource"]]
            for it in f.get("list", {}).get("items", []) if f["type"] == "list" else []:
                if it["type"] == "ref":
                    out.append(f"{f['key']}.{it['key']}")
        return out or (["company_id"] if some else [])

    def paths(self, path, bodies, ids=None, most=2):
        out = [path + QUERY.get(path, "")]
        if "{id}" in path:
            t = self.targets(path, ids)
            out = [path.replace("{id}", str(i)) for i in t[:most]] or [path.replace("{id}", str(NOWHERE))]
        if "{name}" in path:
            out = [p.replace("{name}", n) for p in out for n in self.names(path, bodies)]
        return out

    def raw_body(self, m, p):
        """content of a request that is no JSON object"""
        if m != "POST":
            return None
        if p.endswith("/import"):
            name = p.split("/")[1]
            head = self.system.raw("GET", f"/{name}/template.csv")[1].decode("utf-8-sig").splitlines()[0].split(",")
            return csv_of(head, ["1"] * len(head)), {"Content-Type": "text/csv", "X-File-Name": "walk.csv"}
        if p.endswith("/upload"):
            return wav(), {"Content-Type": "audio/wav", "X-File-Name": "zxwalk.wav"}
        if p.endswith("/logo"):
            return png(), {"Content-Type": "image/png"}
        return None

    def body(self, m, p, op, bodies, aim):
        """JSON body aimed at company A's rows"""
        content = op.get("requestBody", {}).get("content", {}).get("application/json")
        if not content:
            return {} if m in ("POST", "PUT", "PATCH") else None
        schema = content["schema"]
        name = p.split("/")[1]
        if "$ref" in schema and name in self.resources and name in bodies.who.get("/meta")["resources"]:
            try:
                body = bodies.body(name, foreign=self.ids_a, company=aim)
            except Unknown:
                raise
            return {**body, "rev": 1} if m == "PUT" else body
        out = {}
        for k in schema.get("properties", {}):
            if k == "ids":
                out[k] = self.ids_a.get(name, [NOWHERE])[:2]
            elif k == "set":
                out[k] = self.bulk_set(bodies, name) or {"zxwalk": 1}
            elif k == "company_id":
                out[k] = aim
            elif k == "call":
                out[k] = 73510001
            elif k == "extension_id":
                out[k] = self.ids_a["extensions"][0]
            elif (p, k) in OVERRIDE:
                v = OVERRIDE[p, k]
                out[k] = v(self) if callable(v) else v
            elif k not in KEYS:
                self.unknown.add((m, p, k))
                out[k] = 1
            elif KEYS[k] is not None:
                out[k] = KEYS[k]
        return out

    def bulk_set(self, bodies, name):
        for f in bodies.meta(name)["fields"]:
            if "form" in f["in"] and not f.get("readOnly") and not f.get("unique") and not f.get("createOnly") and f["type"] in ("bool", "enum", "duration", "int"):
                return {f["key"]: bodies.value(name, f)}
        return None

    def requests(self, m, p, op, bodies, most=2):
        """(path, body, headers) of an endpoint, aimed at company A"""
        raw = self.raw_body(m, p)
        for path in self.paths(p, bodies, most=most):
            if raw:
                yield path, raw[0], raw[1]
            else:
                yield path, self.body(m, p, op, bodies, self.a), None


@pytest.fixture(scope="module")
def world():
    with Daemon({"http.threads": 8}) as d:
        began = time.process_time()
        w = World(d)
        w.began = began
        yield w


def code(data):
    try:
        return json.loads(data)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return None


def leaks(w, data, h=None):
    text = (data.decode(errors="replace") + str(h or "")).lower()
    return w.markers.findall(text)[:3]


def nothing_changed(w, before, allowed=lambda table, key, company, user: False):
    bad = Snapshot(f"{w.d.data}/zuoxi.db").changes(before, allowed)
    assert not bad, f"{len(bad)} rows have changed, first: {bad[:3]}"


def snapshot(w):
    return Snapshot(f"{w.d.data}/zuoxi.db")


def walk(w, who, bodies, expect, skip=(), headers=None, writes_only=False, most=1):
    """every endpoint as somebody who must be refused"""
    wrong = []
    for m, p, op in w.routes:
        if (m, p) in skip or (writes_only and m == "GET"):
            continue
        for path, body, h in w.requests(m, p, op, bodies, most):
            status, data, head = who.raw(m, path, body, {**(h or {}), **(headers or {})})
            want = expect(m, p, op)
            if (want and (status, code(data)) != want) or leaks(w, data, head):
                wrong.append((m, path, status, code(data), leaks(w, data, head)))
    assert not wrong, f"{len(wrong)}: {wrong[:10]}"


def test_nobody(world):
    before = snapshot(world)
    walk(world, Http(world.d.http, "nobody"), world.bodies_b, lambda m, p, op: (401, "no_session"), PUBLIC)
    nothing_changed(world, before)


def test_public_ones_are_known(world):
    assert {(m, p) for m, p, op in world.routes if not op["security"]} == PUBLIC


def test_locked(world):
    before = snapshot(world)
    walk(world, world.locked, world.bodies_b, lambda m, p, op: (401, "no_session"), PUBLIC)
    nothing_changed(world, before)


def test_before_the_first_password_is_changed(world):
    before = snapshot(world)
    walk(world, world.new, world.bodies_b, lambda m, p, op: (403, "must_change"), PUBLIC | BEFORE_CHANGE)
    nothing_changed(world, before)


def test_without_the_token_of_the_page(world):
    before = snapshot(world)
    walk(world, world.admin_a, world.bodies_b, lambda m, p, op: (403, "csrf"), PUBLIC, {"X-CSRF-Token": "0" * 32}, writes_only=True)
    nothing_changed(world, before)


@pytest.mark.parametrize("who", ["nothing", "agent", "leader"])
def test_without_the_right(world, who):
    """what one has no right to is refused, whatever it is aimed at"""
    p = getattr(world, who)
    rights = p.rights()
    before = snapshot(world)
    wrong = []
    for m, path, op in world.routes:
        if op.get("x-right") and op["x-right"] not in rights:
            for url, body, h in world.requests(m, path, op, world.bodies_b, most=1):
                status, data, _ = p.raw(m, url, body, h)
                if (status, code(data)) != (403, "forbidden"):
                    wrong.append((m, url, status, data[:100]))
    assert not wrong, f"{len(wrong)}: {wrong[:10]}"
    nothing_changed(world, before)
    assert who != "nothing" or not rights


def test_system_rights_are_no_companys(world):
    """rights that reach beyond a company: not even by a role that says it has all"""
    only = world.system.rights() - world.admin_a.rights()
    assert {"companies:add", "companies:delete", "locations:edit"} <= only
    assert all(r in only for r in world.system.rights() if r.startswith("system:"))
    before = snapshot(world)
    for p in (world.admin_a, world.admin_b):
        for m, path, op in world.routes:
            if op.get("x-right") in only:
                for url, body, h in world.requests(m, path, op, world.bodies_s, most=1):
                    status, data, _ = p.raw(m, url, body, h)
                    assert (status, code(data)) == (403, "forbidden"), (m, url, status, data[:200])
    nothing_changed(world, before)


def of_b(w):
    return lambda table, key, company, user: company == w.b


class Listener:
    """what is pushed to somebody meanwhile"""

    def __init__(self, w, who):
        base = f"http://127.0.0.1:{w.d.http}"
        self.ws = websocket.create_connection(base.replace("http", "ws", 1) + "/ws", timeout=5, origin=base, cookie=who.cookie)

    def all(self):
        out, end = [], time.monotonic() + 1.0
        self.ws.settimeout(0.4)
        while time.monotonic() < end:
            try:
                out.append(self.ws.recv())
            except websocket.WebSocketTimeoutException:
                break
        return out


@pytest.fixture(scope="module")
def listener(world):
    return Listener(world, world.admin_b)


# of one's own account, to be tried with a person of one's own
OWN = {("DELETE", "/session"), ("POST", "/session/password"), ("POST", "/session")}


def test_another_company_by_ids(world, listener):
    """full rights in company B, aimed at the ids of company A: as if they were not there"""
    b, before, wrong = world.admin_b, snapshot(world), []
    for m, p, op in world.routes:
        if (m, p) in PUBLIC | OWN:
            continue
        for path, body, h in world.requests(m, p, op, world.bodies_b):
            status, data, head = b.raw(m, path, body, h)
            if status >= 500 or leaks(world, data, head):
                wrong.append((m, path, body, status, data[:200]))
        if "{id}" in p and p.split("/")[1] not in SHARED:
            for i in world.targets(p)[:3]:
                url = world.paths(p.replace("{id}", str(i)), world.bodies_b)[0]
                none = world.paths(p.replace("{id}", str(NOWHERE)), world.bodies_b)[0]
                raw = world.raw_body(m, p)
                body, h = raw if raw else (world.body(m, p, op, world.bodies_b, world.a), None)
                x, y = b.raw(m, url, body, h), b.raw(m, none, body, h)
                if (x[0], x[1]) != (y[0], y[1]) or x[0] < 400:
                    wrong.append((m, url, x[0], x[1][:200], y[0], y[1][:200]))
    assert not wrong, f"{len(wrong)}: {wrong[:8]}"
    nothing_changed(world, before, of_b(world))


def test_another_company_by_filters(world):
    """lists, counts, sorting, references, exports: nothing of A is found by any of them"""
    b, before, wrong = world.admin_b, snapshot(world), []
    for m, p, op in world.routes:
        if m != "GET" or "{id}" in p or (m, p) in PUBLIC or p.split("/")[1] in SHARED:
            continue
        queries = [f"company_id={world.a}", f"f.company_id={world.a}", f"q={MARK}", f"q={CUSTOMER_A}"]
        name = p.split("/")[1]
        for x in op.get("parameters", []):
            if x["in"] == "query" and x["name"].startswith("f."):
                key = x["name"][2:]
                ref = key[:-3] + "s" if key.endswith("_id") else name
                v = (world.ids_a.get(ref) or world.ids_a.get(name) or [1])[0] if key.endswith("id") else MARK
                v = world.a if key == "company_id" else v
                queries += [f"{x['name']}={v}"] + ([f"{x['name']}=*{MARK}*"] if not key.endswith("id") else [])
            if x["name"] == "id" and x["in"] == "query":
                queries.append("id=" + ",".join(str(i) for v in world.ids_a.values() for i in v[:2])[:300])
        for path in world.paths(p, world.bodies_b):
            for q in queries:
                url = path + ("&" if "?" in path else "?") + q
                status, data, head = b.raw("GET", url)
                if status >= 500 or leaks(world, data, head):
                    wrong.append((url, status, leaks(world, data, head)))
                elif status == 200 and q.startswith(("q=", "f.company_id")) and b'"total"' in data and name in world.ids_b:
                    js = json.loads(data)
                    if js.get("total") and name not in ("locations",):
                        wrong.append((url, js["total"]))
    assert not wrong, f"{len(wrong)}: {wrong[:8]}"
    nothing_changed(world, before, of_b(world))


def test_another_company_by_references(world):
    """each reference of a row of B's own, one at a time, aimed at a row of A"""
    b, bodies, before, wrong, tried = world.admin_b, world.bodies_b, snapshot(world), [], 0
    for name in b.get("/meta")["resources"]:
        meta = bodies.meta(name)
        for f in meta["fields"]:
            if "form" not in f["in"] or f.get("readOnly") or f["type"] not in ("ref", "target", "list") or f["key"] == "company_id":
                continue
            if f["type"] == "list" and not any(it["type"] in ("ref", "target") for it in f["list"]["items"]):
                continue
            aimed = bodies.value(name, f, "", world.ids_a)
            if aimed in (None, [], [{}]) or aimed == ("hangup", ""):
                continue
            part = {f["key"]: aimed[0], f["target"].get("param", "param"): aimed[1]} if f["type"] == "target" else {f["key"]: aimed}
            tried += 1
            if "add" in meta["can"]:
                status, data, _ = b.raw("POST", f"/{name}", {**bodies.body(name), **part})
                if status not in (404, 422) or leaks(world, data):
                    wrong.append(("POST", name, part, status, data[:200]))
            if "edit" in meta["can"] and world.ids_b.get(name):
                row = b.get(f"/{name}/{world.ids_b[name][0]}")
                status, data, _ = b.raw("PUT", f"/{name}/{row['id']}", {**part, "rev": row["rev"]})
                if status not in (404, 422) or leaks(world, data):
                    wrong.append(("PUT", name, part, status, data[:200]))
                status, data, _ = b.raw("POST", f"/{name}/bulk", {"ids": [row["id"]], "set": part})
                if status < 400 or leaks(world, data):
                    wrong.append(("bulk", name, part, status, data[:200]))
    assert not wrong, f"{len(wrong)}: {wrong[:8]}"
    assert tried >= 15
    nothing_changed(world, before, of_b(world))


def wait_job(who, job):
    end = time.monotonic() + 20
    while True:
        js = who.get(f"/jobs/{job}")
        if js["state"] != "running":
            return js
        assert time.monotonic() < end, js
        time.sleep(0.02)  # lint: poll of a job


def test_another_company_by_jobs(world):
    """exports of A's ids and filters, imports that name A's rows, deletions by a filter"""
    b, before, wrong = world.admin_b, snapshot(world), []
    for name in b.get("/meta")["resources"]:
        meta = world.bodies_b.meta(name)
        if "export" in meta["can"] and name not in SHARED:
            for want in ({"ids": world.ids_a.get(name) or [1]}, {"query": f"q={MARK}"}, {"query": f"f.company_id={world.a}"}, {"query": ""}):
                status, data, _ = b.raw("POST", f"/{name}/export", {"format": "csv", **want})
                if status == 202:
                    job = json.loads(data)["job"]
                    done = wait_job(b, job)
                    file = b.raw("GET", f"/jobs/{job}/file")
                    if leaks(world, json.dumps(done).encode()) or leaks(world, file[1], file[2]):
                        wrong.append((name, want, leaks(world, file[1], file[2])))
                elif status >= 500 or leaks(world, data):
                    wrong.append((name, want, status, data[:200]))
        if "import" in meta["can"]:
            head = b.raw("GET", f"/{name}/template.csv")[1].decode("utf-8-sig").splitlines()[0].split(",")
            refs = {f["label"]["en"]: world.ids_a.get(f.get("ref"), [1])[:1] for f in meta["fields"] if f["type"] == "ref"}
            cells = [str((refs.get(c.strip('"')) or ["62419901"])[0]) for c in head]
            status, data, _ = b.raw("POST", f"/{name}/import", csv_of(head, cells), {"Content-Type": "text/csv", "X-File-Name": "b.csv"})
            if status == 200:
                i = json.loads(data)["import"]
                status, data, _ = b.raw("POST", f"/{name}/import/{i}", {"mode": "good", "map": None, "update": True})
                if status == 202:
                    wait_job(b, json.loads(data)["job"])
            if status >= 500 or leaks(world, data):
                wrong.append((name, "import", status, data[:200]))
        if "delete" in meta["can"]:
            for n in (1, 2, 3):
                b.raw("POST", f"/{name}/delete", {"all": True, "filter": f"q={MARK}", "confirm": n})
    assert not wrong, f"{len(wrong)}: {wrong[:8]}"
    nothing_changed(world, before, of_b(world))


def test_no_row_of_b_points_to_a(world):
    """after all that, in the store itself"""
    with contextlib.closing(sqlite3.connect(f"file:{world.d.data}/zuoxi.db?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        company = {}
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        rows = {t: [dict(r) for r in db.execute(f"SELECT * FROM {t}")] for t in tables}
        for t in tables:
            for r in rows[t]:
                if "id" in r:
                    company[t, r["id"]] = r["id"] if t == "companies" else r.get("company_id")
        checked = 0
        for t in tables:
            refs = [(f["from"], f["table"]) for f in db.execute(f"PRAGMA foreign_key_list({t})")]
            for r in rows[t]:
                seen = {company.get((p, r[c])) for c, p in refs if r[c] is not None} - {None}
                mine = company.get((t, r.get("id")))
                assert len(seen | ({mine} if mine else set())) <= 1, (t, r)
                checked += len(refs)
        targets = {(r["app"], str(r["id"])): r["company_id"] for r in db.execute("SELECT * FROM targets")}
        for r in db.execute("SELECT * FROM target_uses"):
            to = targets.get((r["app"], r["param"]))
            assert to is None or to == company[r["resource"], r["id"]], dict(r)
        assert checked > 100


# ---- that the requests above are right ones: those who may, can ----

def custom(w):
    """(method, path) -> done by hand with somebody of one's own; the status"""
    p = w.person(w.a, "zxmarka-own", "管理员", name=MARK)
    other = Http(w.d.http, "second").login("zxmarka-own", p.password)
    out = {}

    def do(m, path, body=None, who=p, at=None):
        status, data, _ = who.raw(m, at or path, body)
        out[m, path] = (status, data[:200])
        return json.loads(data) if data[:1] == b"{" and status < 300 else None
    do("POST", "/session", {"login": "zxmarka-own", "password": p.password}, Http(w.d.http))
    do("POST", "/session/password", {"old": p.password, "new": "Noch-Anders-78"}, other)
    p = Http(w.d.http, "again").login("zxmarka-own", "Noch-Anders-78")
    secret = do("POST", "/account/totp/start", {}, p)["secret"]
    do("POST", "/account/totp", {"code": totp(secret, time.time())}, p)
    do("DELETE", "/account/totp", {"password": "Noch-Anders-78"}, p)
    sessions = do("GET", "/account", None, p)["sessions"]
    do("DELETE", "/account/sessions/{id}", None, p, f"/account/sessions/{next(s['id'] for s in sessions if not s['current'])}")
    do("DELETE", "/session", None, p)
    a = w.admin_a
    do("GET", "/jobs/{id}", None, a, f"/jobs/{w.job_a}")
    do("GET", "/jobs/{id}/file", None, a, f"/jobs/{w.job_a}/file")
    do("DELETE", "/jobs/{id}", None, a, f"/jobs/{w.job_a}")
    state = a.get("/config")
    do("POST", "/config/apply", {"hash": state["draftHash"], "note": "walk"}, a)
    state = a.get("/config")
    now = a.get("/config/versions")["rows"][0]["id"]
    do("POST", "/config/versions/{id}/return", {"hash": state["draftHash"], "note": "walk"}, a, f"/config/versions/{now}/return")
    do("PUT", "/params", {"whitelist": True, "rev": a.get("/params")["rev"]}, a)
    for m, path, op in w.routes:
        if path.endswith("/import") and m == "POST":
            who, raw = a if op["x-right"] in w.rights_a else w.system, w.raw_body(m, path)
            one = who(m, path, *raw)["import"]
            do(m, f"{path}/{{id}}/check", {"map": None}, who, f"{path}/{one}/check")
            do(m, f"{path}/{{id}}", {"mode": "good"}, who, f"{path}/{one}")
            do("DELETE", f"{path}/{{id}}", None, who, f"{path}/{who(m, path, *raw)['import']}")
    return out


# answers that are right although they are no success: (method, path) -> statuses
EXPECT = {("DELETE", "/live/calls/{id}"): {404}, ("POST", "/phone/dial"): {409}, ("POST", "/phone/hold"): {409}, ("POST", "/phone/transfer"): {409},
          ("POST", "/phone/hangup"): {409}, ("GET", "/provision"): {404}, ("GET", "/jobs/{id}/file"): {404},
          # companies with something in them are not set up again; files that are no backups; none with that id
          ("POST", "/setup/quick"): {409}, ("POST", "/system/backups/upload"): {422}, ("GET", "/system/backups/{id}/file"): {404},
          ("DELETE", "/system/backups/{id}"): {404}, ("DELETE", "/system/restore"): {404}, ("GET", "/ivrs/{id}/audio"): {404},
          ("GET", "/voicemail_boxes/{id}/audio"): {404}, ("POST", "/prompts"): {422}, ("POST", "/music"): {422}}


def able(w, m, p, op, done):
    """one endpoint as somebody who may; the answers"""
    right = op.get("x-right")
    who, bodies = (w.admin_a, w.bodies_a) if not right or right in w.rights_a else (w.system, w.bodies_s)
    name = p.split("/")[1]
    if (m, p) in done:
        return [done[m, p]]
    ids = w.ids_a if who is w.admin_a else w.ids(w.system)
    path = p
    if "{id}" in p and name in w.resources:
        row = None
        if m != "GET" and "add" in bodies.meta(name)["can"]:
            row, why = w.create(who, bodies, name)
            if not row:
                return [why]
        path = p.replace("{id}", str(row["id"] if row else ids[name][0] if ids.get(name) else NOWHERE))
    out = []
    raw = w.raw_body(m, p)
    if "/refs/{name}" in p and not w.ref_names(bodies, name, False):
        return []  # a page without references
    for path in w.paths(path, bodies, ids, 1):
        body, h = raw if raw else (w.body(m, p, op, bodies, w.a), None)
        schema = op.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        if not raw and "$ref" in schema and name in w.resources:
            body = bodies.body(name)
            if m == "PUT" and "{id}" in p:
                body["rev"] = who.get(path).get("rev", 1)
        if p.endswith("/delete"):
            row, why = w.create(who, bodies, name)
            if not row:
                return [why]
            body = {"ids": [row["id"]]}
        if p.endswith("/bulk"):
            some = w.bulk_set(bodies, name)
            if not some:
                continue  # nothing of this page can be set for many
            row = w.create(who, bodies, name)[0] if "add" in bodies.meta(name)["can"] else None
            body = {"ids": [row["id"]] if row else ids[name][:1], "set": some}
        if p.endswith("/export") and m == "POST":
            body = {"format": "csv", "query": "q=1391111"}
        if isinstance(body, dict) and "company_id" in body and who is w.admin_a:
            del body["company_id"]
        status, data, _ = who.raw(m, path, body, h)
        out.append((status, data[:200]))
    return out


def test_who_may_can(world, listener):
    """the walk proves something only if its requests are right: here they are let through"""
    world.rights_a = world.admin_a.rights()
    done, wrong, n = custom(world), [], 0
    for m, p, op in world.routes:
        if p in DANGEROUS or (m, p) == ("DELETE", "/session") and (m, p) not in done:
            continue
        try:
            answers = able(world, m, p, op, done)
        except Unknown as e:
            answers = [(0, str(e))]
        for status, data in answers:
            n += 1
            if not 200 <= status < 300 and status not in EXPECT.get((m, p), ()):
                wrong.append((m, p, status, data))
    assert not world.unknown, f"keys of bodies the walker does not know: {world.unknown}"
    assert not wrong, f"{len(wrong)} of {n} are not understood: " + "\n".join(map(str, wrong[:40]))
    told = listener.all()
    assert not any(leaks(world, t.encode()) for t in told), [t for t in told if leaks(world, t.encode())][:3]


def test_quick_enough(world):
    """processor time of both: what the walk would take where nothing else runs"""
    with open(f"/proc/{world.d.proc.pid}/stat") as f:
        v = f.read().rsplit(")", 1)[1].split()
    daemon = (int(v[11]) + int(v[12])) / os.sysconf("SC_CLK_TCK")
    own = time.process_time() - world.began
    assert daemon + own < 60 * (5 if "asan" in BINARY or "tsan" in BINARY else 1), (daemon, own)
    print(f"daemon {daemon:.1f} s, walker {own:.1f} s")

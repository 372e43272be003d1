"""Status, announcements, knowledge base, number locations, help, set-up (SPEC 6.2, 8.1-8.3, 8.5, 8.7)."""
import json
import time
import urllib.parse

import pytest
import websocket

from lib.daemon import Daemon, HttpError
from api.conftest import until


def fails(status, f, *a):
    with pytest.raises(HttpError) as e:
        f(*a)
    assert e.value.status == status, e.value.body
    return e.value.body["error"]


def quote(s):
    return urllib.parse.quote(s)


def listen(d, api):
    ws = websocket.create_connection(f"ws://127.0.0.1:{d.http}/ws", cookie=api.cookie, origin=f"http://127.0.0.1:{d.http}", timeout=5)
    assert json.loads(ws.recv())["t"] == "hello"
    return ws


def news(ws, t):
    while True:
        js = json.loads(ws.recv())
        if js["t"] == t:
            return js


# ---- status

def test_status(daemon, admin):
    until(lambda: admin.get("/system/status")["cpu"]["percent"] is not None)  # rates need two looks
    s = admin.get("/system/status")
    assert s["os"]["kernel"] and s["os"]["name"] and s["cpu"]["cores"] >= 1
    assert abs(s["time"] - time.time() * 1000) < 5000
    assert 0 < s["machine"]["uptime_s"] and abs(s["machine"]["boot_at"] / 1000 + s["machine"]["uptime_s"] - time.time()) < 120
    assert s["service"]["pid"] == daemon.proc.pid
    rss = int(open(f"/proc/{daemon.proc.pid}/statm").read().split()[1]) * 4096
    assert abs(s["service"]["rss"] - rss) < 32 << 20
    assert 0 <= s["cpu"]["percent"] <= 100 and len(s["load"]) == 3
    total = [int(line.split()[1]) * 1024 for line in open("/proc/meminfo") if line.startswith("MemTotal")][0]
    assert s["memory"]["total"] == total and 0 < s["memory"]["used"] < total
    uses = [u for d in s["disks"] for u in d["use"]]
    assert sorted(uses) == ["backups", "data", "recordings", "system"]
    for d in s["disks"]:
        assert d["total"] > 0 and d["free"] >= 0 and d["days_left"] is None  # nobody knows within a minute
    assert s["lamps"]["pbx"]["state"] == "ok" and s["lamps"]["pbx"]["loop_ms"] < 200
    assert s["lamps"]["database"]["state"] == "ok" and s["lamps"]["database"]["size"] > 0
    assert s["calls"] == 0 and s["extensions"] == 50 and s["licence"] == {"limit": 0, "used": 50}
    assert s["restart"] == "none" and s["restore"] is None


def test_status_counts_what_is_there(daemon, admin):
    ws = listen(daemon, admin)
    phone = daemon.ua(8031)
    s = admin.get("/system/status")
    assert s["phones_online"] == 1 and s["users_online"] == 1
    phone.register(expires=0)
    ws.close()
    until(lambda: admin.get("/system/status")["users_online"] == 0 and admin.get("/system/status")["phones_online"] == 0)


def test_status_is_the_system_administrators(web, admin):
    agent = web.login("agent1")
    for path in ("/system/status", "/system/maintenance", "/system/backups", "/system/licence"):
        assert fails(403, agent.get, path)["code"] == "forbidden"


# ---- announcements

def test_notices(daemon, web, admin):
    agent, other = web.login("agent2"), web.login("agent3")
    assert agent.get("/notices/unread")["n"] == 0
    wa, wo = listen(daemon, agent), listen(daemon, other)
    n = admin.post("/notices", {"subject": "国庆节放假!", "body": "10月1日至7日\n请提前安排"})
    assert n["author"].startswith("8000 (") and n["body"] == "10月1日至7日\n请提前安排"
    news(wa, "notice.changed")
    u = agent.get("/notices/unread")
    assert u["n"] == 1 and u["rows"][0]["subject"] == "国庆节放假!"
    assert agent.get("/notices?q=" + quote("提前"))["total"] == 1 and agent.get("/notices?q=" + quote("不在"))["total"] == 0
    row = agent.get("/notices")["rows"][0]
    assert row["read"] is False and "body" not in row

    assert admin.post(f"/notices/{n['id']}/send")["online"] == 2
    for ws in (wa, wo):
        got = news(ws, "notice.new")["notice"]
        assert got["id"] == n["id"] and got["body"] == n["body"]
    agent("POST", f"/notices/{n['id']}/read", {})
    assert agent.get("/notices/unread")["n"] == 0 and other.get("/notices/unread")["n"] == 1
    assert agent.get(f"/notices/{n['id']}")["read"] is True
    other("POST", "/notices/read", {})
    assert other.get("/notices/unread")["n"] == 0
    # an agent reads, and does no more
    fails(403, agent.post, "/notices", {"subject": "x"})
    fails(403, agent.post, f"/notices/{n['id']}/send")
    wa.close()
    wo.close()


def test_notice_to_the_department(daemon, web, admin):
    web.db("INSERT OR IGNORE INTO departments (id, company_id, name, created) VALUES (71, 1, '一组', 1), (72, 1, '二组', 1)")
    web.db("UPDATE users SET department_id = 71 WHERE login IN ('admin', 'agent2')")
    web.db("UPDATE users SET department_id = 72 WHERE login = 'agent3'")
    wa, wo = listen(daemon, web.login("agent2")), listen(daemon, web.login("agent3"))
    n = admin.post("/notices", {"subject": "一组开会"})
    admin.post(f"/notices/{n['id']}/send?to=department")
    assert news(wa, "notice.new")["notice"]["subject"] == "一组开会"
    admin.post(f"/notices/{n['id']}/send")
    assert news(wo, "notice.new")["seq"] > 0  # the first one he gets is the one to the company
    assert news(wa, "notice.new")["seq"] > 0
    wo.settimeout(0.5)
    with pytest.raises(websocket.WebSocketTimeoutException):
        news(wo, "notice.new")
    wa.close()
    wo.close()


def test_notices_of_another_company(web, admin):
    company = web.other_company()
    web.db("INSERT INTO notices (id, company_id, subject, created) VALUES (900, ?, '别家', 1)", company)
    agent = web.login("agent2")
    fails(404, agent.get, "/notices/900")
    fails(404, agent, "POST", "/notices/900/read", {})
    assert all(r["id"] != 900 for r in agent.get("/notices")["rows"])


# ---- knowledge base

def test_articles(web, admin):
    a = admin.post("/articles", {"subject": "退款流程", "category": "售后", "body": "# 步骤\n- 先核对订单\n- <b>再退款</b>"})
    admin.post("/articles", {"subject": "Opening hours", "body": "9 to 5"})
    assert a["body"].endswith("<b>再退款</b>") and a["author"].startswith("8000")
    agent = web.login("agent1")
    assert [r["subject"] for r in agent.get("/articles?q=" + quote("退款"))["rows"]] == ["退款流程"]
    assert [r["subject"] for r in agent.get("/articles?q=" + quote("核对"))["rows"]] == ["退款流程"]  # two characters, in the body
    assert agent.get("/articles?q=OPENING")["total"] == 1
    assert {"category": "售后", "n": 1} in agent.get("/articles/categories")["rows"]
    fails(403, agent.post, "/articles", {"subject": "x"})
    b = admin("PUT", f"/articles/{a['id']}", {"body": "新", "rev": a["rev"]})
    assert b["body"] == "新" and b["updated"] >= a["updated"] and b["created"] == a["created"]
    fails(422, admin.post, "/articles", {"subject": "x", "body": "y" * 200001})


def test_articles_are_searched_quickly(web, admin):
    text = "普通话的知识库文章内容用于测试全文搜索的速度。" * 40
    web.db("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
           "INSERT INTO articles (company_id, subject, body, created) SELECT 1, '文章' || i, ? || i, i FROM n", text)
    admin.get("/articles")
    t = time.monotonic()
    assert admin.get("/articles?q=" + quote("搜索的速度。9999"))["total"] == 1
    took = time.monotonic() - t
    print(f"search in 10,000 articles of 3 kB: {took * 1000:.0f} ms")
    assert took < 3  # with sanitizers; some 100 ms without
    web.db("DELETE FROM articles WHERE subject LIKE '文章%'")


# ---- number locations

def test_locations(web, admin):
    page = admin.get("/locations?size=20")
    assert page["total"] > 300000 and len(page["rows"]) == 20 and page["next"]
    assert page["rows"][0] | {"updated": None} == {"id": 1300000, "prefix": "1300000", "province": "山东", "city": "济南市", "area_code": "0531",
                                                   "carrier": "联通", "source": "shipped", "updated": None}
    again = admin.get(f"/locations?size=20&after={page['next']}")
    second = admin.get("/locations?size=20&page=2")
    assert again["rows"] == second["rows"] and int(again["rows"][0]["prefix"]) > int(page["next"]) and again["total"] == page["total"]
    last = admin.get("/locations?size=1&sort=-prefix")["rows"][0]
    assert last["prefix"] == "1899999"
    sz = admin.get("/locations?q=" + quote("深圳"))
    assert 1000 < sz["total"] < 20000 and all("深圳" in r["city"] for r in sz["rows"])
    both = admin.get("/locations?q=" + quote("深圳 移动"))
    assert 0 < both["total"] < sz["total"] and all(r["carrier"] == "移动" for r in both["rows"])
    narrow = admin.get("/locations?q=1380")
    assert all(r["prefix"].startswith("1380") for r in narrow["rows"]) and 0 < narrow["total"] <= 1000
    assert admin.get("/locations?q=0755")["total"] == admin.get("/locations?f.area_code=0755")["total"] >= sz["total"]
    assert admin.get("/locations?q=13800138000")["rows"][0]["prefix"] == "1380013"
    some = admin.get("/locations?f.prefix=1380013..1380015&f.province=" + quote("北京"))
    assert [r["prefix"] for r in some["rows"]] == ["1380013", "1380014", "1380015"]
    for bad in ("sort=city", "after=x", "f.prefix=!1", "page=0", "f.nothing=1"):
        fails(400, admin.get, "/locations?" + bad)


def test_locations_are_quick(admin):
    took = []
    for path in ("/locations?page=16000", "/locations?q=" + quote("广东 移动"), "/locations?sort=-prefix&q=" + quote("联通")):
        t = time.monotonic()
        admin.get(path)
        took.append(time.monotonic() - t)
    print("locations, ms:", [round(x * 1000) for x in took])
    assert max(took) < 1  # with sanitizers; some 10 ms without


def test_locations_of_ones_own(web, admin):
    total = admin.get("/locations?size=1")["total"]
    assert fails(422, admin.post, "/locations", {"prefix": "1380013", "province": "x", "city": "y"})["fields"] == {"prefix": "unique"}
    for bad in ("138001", "1280013", "2000000", "13800130"):
        assert fails(422, admin.post, "/locations", {"prefix": bad, "province": "x", "city": "y"})["fields"]["prefix"] in ("pattern", "length")
    assert fails(422, admin.post, "/locations", {"prefix": "1999999"})["fields"] == {"province": "required", "city": "required"}
    free = next(str(p) for p in range(1999999, 1990000, -1) if not admin.get(f"/locations?q={p}")["total"])
    row = admin.post("/locations", {"prefix": free, "province": "新疆维吾尔自治区", "city": "乌鲁木齐市", "area_code": "0991", "carrier": "广电"})
    assert row["source"] == "own" and row["updated"] and admin.get("/locations?size=1")["total"] == total + 1
    found = admin.get(f"/locations/find?number={free}1234")
    assert found["province"] == "新疆维吾尔自治区" and found["mobile"] is True

    edited = admin("PUT", "/locations/1380013", {"carrier": "电信"})
    assert edited["source"] == "own" and edited["carrier"] == "电信" and edited["city"]
    assert admin.get("/locations?f.source=own")["total"] == 2 and admin.get("/locations?f.source=shipped")["total"] == total - 1
    assert admin.get("/locations/find?number=13800138000")["carrier"] == "电信"
    admin("DELETE", "/locations/1380013")
    assert admin.get("/locations/1380013")["carrier"] == "移动"
    assert fails(409, admin, "DELETE", "/locations/1380013")["code"] == "shipped"
    assert admin.post("/locations/delete", {"ids": [int(free), 1380013]}) == {"deleted": 1}
    fails(404, admin.get, f"/locations/{free}")
    admin("PUT", "/locations/1380014", {"city": "某市"})
    fails(422, admin.post, "/locations/reset", {})
    assert admin.post("/locations/reset", {"confirm": "RESET"}) == {"deleted": 1}
    assert admin.get("/locations?size=1")["total"] == total
    acts = [r["action"] for r in (dict(zip(("action",), x)) for x in web.db("SELECT action FROM audit WHERE resource = 'locations' ORDER BY id"))]
    assert acts == ["add", "edit", "delete", "delete", "edit", "reset"]


def test_locations_are_changed_by_the_system_alone(web, admin):
    agent = web.login("agent1")
    assert agent.get("/locations?size=1")["total"] > 300000
    fails(403, agent.post, "/locations", {"prefix": "1999999", "province": "x", "city": "y"})
    fails(403, agent, "PUT", "/locations/1380013", {"city": "x"})
    web.role("agent4", "company", "*")
    boss = web.login("agent4")
    fails(403, boss, "PUT", "/locations/1380013", {"city": "x"})
    assert boss("PUT", "/locations/area", {"area_code": "0755"})["city"] == "深圳市"
    fails(404, boss, "PUT", "/locations/area", {"area_code": "010", "company_id": web.other_company()})


def test_area_code(web, admin):
    assert admin("PUT", "/locations/area", {"area_code": "010"}) == {"company_id": 1, "area_code": "010", "province": "北京", "city": "北京"}
    assert admin.get("/locations/find?number=13800138000")["local"] is True
    assert admin.get("/locations/find?number=0755-12345678")["local"] is False
    for bad in ("10", "0999999", "0000", None, 10):
        assert fails(422, admin, "PUT", "/locations/area", {"area_code": bad})["fields"]["area_code"]
    assert admin("PUT", "/locations/area", {"area_code": ""})["area_code"] == ""
    assert admin.get("/locations/find?number=13800138000")["local"] is None
    fails(404, admin.get, "/locations/find?number=12")


def finish(api, n, state="done"):
    until(lambda: api.get(f"/jobs/{n}")["state"] not in ("running", "waiting"), 120)
    j = api.get(f"/jobs/{n}")
    assert j["state"] == state, j
    return j


def post_file(api, path, data):
    status, body, _ = api.raw("POST", "/api/v1" + path, data, {"Content-Type": "text/csv", "X-File-Name": "a.csv"})
    assert status == 200, body
    return json.loads(body)


def test_locations_by_file(web, admin):
    """a new edition of the whole list: what is known already is not stored again; then the list as a file"""
    status, csv, _ = admin.raw("GET", "/api/v1/locations/template.csv")
    assert status == 200 and csv.decode("utf-8-sig").split(",")[0].endswith("*")
    rows = []
    for page in range(1, 4):
        rows += admin.get(f"/locations?size=100&page={page}")["rows"]
    text = "手机号码段,省份,城市,区号,运营商\r\n" + "".join(f"{r['prefix']},{r['province']},{r['city']},{r['area_code']},{r['carrier']}\r\n" for r in rows[:-1])
    new = next(str(p) for p in range(1999999, 1990000, -1) if not admin.get(f"/locations?q={p}")["total"])
    text += f"{rows[-1]['prefix']},{rows[-1]['province']},新城市,0999,虚拟\r\n{new},广东,深圳市,0755,广电\r\n12345,广东,深圳市,0755,x\r\n"
    up = post_file(admin, "/locations/import", text.encode("gb18030"))
    assert up["lines"] == 302 and up["encoding"].upper().startswith("GB")
    up = admin.post(f"/locations/import/{up['import']}/check", {"update": True})
    assert up["good"] == 301 and up["bads"] == 1 and up["bad"][0]["line"] == 303 and up["added"] == 1 and up["updated"] == 300
    j = finish(admin, admin.post(f"/locations/import/{up['import']}", {"mode": "good", "update": True})["job"])
    assert j["result"]["added"] == 1 and j["result"]["bad"] == 1
    own = admin.get("/locations?f.source=own")["rows"]
    assert [(r["prefix"], r["city"], r["carrier"]) for r in own] == [(rows[-1]["prefix"], "新城市", "虚拟"), (new, "深圳市", "广电")]
    assert web.db("SELECT count(*) FROM locations") == [(2,)] and admin.get(f"/locations/find?number={new}0000")["carrier"] == "广电"
    assert web.db("SELECT action FROM audit WHERE resource = 'locations' ORDER BY id DESC LIMIT 1") == [("import",)]

    n = admin.post("/locations/export", {"format": "csv", "query": "q=" + quote("深圳")})["job"]
    finish(admin, n)
    lines = admin.raw("GET", f"/api/v1/jobs/{n}/file")[1].decode("utf-8-sig").splitlines()
    assert len(lines) == 1 + admin.get("/locations?q=" + quote("深圳"))["total"] and any(new in x for x in lines)
    n = admin.post("/locations/export", {"format": "csv", "ids": [1300000, int(new)]})["job"]
    finish(admin, n)
    assert len(admin.raw("GET", f"/api/v1/jobs/{n}/file")[1].decode("utf-8-sig").splitlines()) == 3
    for method, path, body in (("POST", "/locations/bulk", {"ids": [1300000], "set": {"city": "x"}}), ("GET", "/locations/1300000/uses", None),
                               ("GET", "/locations/refs/city", None)):
        assert admin.raw(method, "/api/v1" + path, body)[0] < 500, path
    admin.post("/locations/reset", {"confirm": "RESET"})


def test_300000_locations_by_file(web, admin):
    head = "手机号码段,省份,城市,区号,运营商\r\n"
    text = head + "".join(f"{p},广东,测试市{p % 500},0755,移动\r\n" for p in range(1300000, 1600000))
    t = time.monotonic()
    up = post_file(admin, "/locations/import", text.encode())
    looked = time.monotonic() - t
    assert up["lines"] == 300000 and up["bads"]
    j = finish(admin, admin.post(f"/locations/import/{up['import']}", {"mode": "all", "update": True})["job"])
    took = time.monotonic() - t - looked
    print(f"300,000 locations: looked through in {looked:.1f} s, written in {took:.1f} s")
    assert j["result"]["added"] + j["result"]["updated"] == 300000
    t = time.monotonic()
    assert admin.get("/locations?f.source=own&sort=-prefix")["total"] == 300000
    print(f"a page of them: {(time.monotonic() - t) * 1000:.0f} ms")
    assert admin.get("/locations/find?number=15999991234")["city"] == "测试市499"
    assert admin.post("/locations/reset", {"confirm": "RESET"}) == {"deleted": 300000}


def test_own_locations_survive_a_restart():
    with Daemon() as d:
        d.api("PUT", "/locations/1380013", {"city": "某市"})
        d.terminate()
        d.start()
        until(lambda: d.api.get("/locations/1380013")["city"] == "某市")


# ---- help

def test_help_and_qr(daemon, web, admin):
    agent = web.login("agent1")
    h = agent.get("/help")
    assert h["sip"] == {"udp": daemon.port, "tcp": daemon.port, "tls": daemon.tls_port} and h["host"] == "127.0.0.1"
    assert h["extension"]["number"] == "8001" and [a["id"] for a in h["apps"]] == ["linphone", "gswave", "manual"]
    q = agent.post("/help/qr", {"app": "manual"})
    assert q["text"] == f"sip:8001@127.0.0.1:{daemon.port}" and q["svg"].startswith("<svg ") and q["account"]["secret"] == daemon.password(8001)
    assert web.db("SELECT row_id, user_id FROM audit WHERE resource = 'extensions' AND action = 'secret'")[-1][0] == h["extension"]["id"]
    # somebody else's only by right
    other = web.db("SELECT id FROM extensions WHERE number = '8002'")[0][0]
    fails(403, agent.post, "/help/qr", {"app": "manual", "extension_id": other})
    assert admin.post("/help/qr", {"app": "gswave", "extension_id": other})["account"]["secret"] == daemon.password(8002)
    web.other_company()
    web.role("agent5", "company", "*")
    fails(404, web.login("agent5").post, "/help/qr", {"app": "manual", "extension_id": 7770})
    for bad in ({}, {"app": "x"}, {"app": "manual", "host": "a b"}, {"app": "manual", "host": "<x>"}):
        fails(422, agent.post, "/help/qr", bad)


def test_linphone_fetches_its_account_once(daemon, web):
    q = web.login("agent1").post("/help/qr", {"app": "linphone", "host": "pbx.example"})
    url = urllib.parse.urlsplit(q["text"])
    assert url.hostname == "pbx.example" and url.port == daemon.http
    a = web.anonymous()
    status, xml, h = a.raw("GET", f"{url.path}?{url.query}")
    assert status == 200 and h["Content-Type"].startswith("application/xml")
    text = xml.decode()
    assert f'<entry name="passwd" overwrite="true">{daemon.password(8001)}</entry>' in text
    assert f"&lt;sip:pbx.example:{daemon.port};transport=udp&gt;" in text and "&lt;sip:8001@pbx.example&gt;" in text
    assert a.raw("GET", f"{url.path}?{url.query}")[0] == 404
    for bad in ("", "token=", "token=" + "0" * 32, "token=%00" + "a" * 31):
        assert a.raw("GET", f"{url.path}?{bad}")[0] in (400, 404)


# ---- set-up

def test_setup_from_nothing():
    with Daemon(demo=False) as d:
        first = open(f"{d.data}/first-admin.txt").read().split()
        d.creds[("user", "admin")] = first[2]
        a = d.client("admin")
        a("POST", "/session/password", {"old": first[2], "new": "Zuoxi-2026-setup"})
        d.creds[("user", "admin")] = "Zuoxi-2026-setup"
        a = d.client("admin")
        s = a.get("/setup")
        assert s["quick"] is True and s["done"] is False and not any(x["done"] for x in s["steps"] if x["id"] != "apply")

        body = {"company": "晨光商贸", "area_code": "0755", "agents": 3, "first": "8000", "department": "客服部", "queue": "热线", "queue_number": "6000"}
        for bad, key in (({"agents": 0}, "agents"), ({"agents": 201}, "agents"), ({"first": "80"}, "first"), ({"queue_number": "8001"}, "queue_number"),
                         ({"area_code": "99"}, "area_code"), ({"company": ""}, "company"), ({"first": "998", "agents": 5, "queue_number": "6000"}, "agents")):
            assert key in fails(422, a.post, "/setup/quick", {**body, **bad})["fields"]
        assert d.sql("SELECT count(*) n FROM extensions") == [{"n": 0}] and d.sql("SELECT name FROM companies") == [{"name": "默认公司"}]

        q = a.post("/setup/quick", body)
        assert [u["extension"] for u in q["users"]] == ["8000", "8001", "8002"] and q["version"]
        assert fails(409, a.post, "/setup/quick", body)["code"] == "not_empty"
        # the first call, at once: phones register with what was shown, and the user logs in with his one-time password
        for u in q["users"]:
            d.creds[("extension", u["extension"])] = u["secret"]
            d.creds[("user", u["login"])] = u["password"]
        x, y = d.ua(8000), d.ua(8001)
        call = x.invite(8001)
        inc = y.incoming()
        inc.answer()
        call.wait_answer()
        call.bye()
        d.call_rows(1)
        login = d.client("8001")
        assert login.get("/session")["mustChange"] is True
        done = {s["id"]: s["done"] for s in a.get("/setup")["steps"]}
        assert all(done[k] for k in ("company", "area", "department", "extensions", "phone", "queue", "users", "apply"))
        assert not done["trunk"] and not done["inbound"]
        assert d.sql("SELECT company_id FROM config_applied")
        text = json.dumps(d.sql("SELECT * FROM audit"), ensure_ascii=False) + d.log()
        assert not any(u["password"] in text or u["secret"] in text for u in q["users"])
        assert a.get("/setup")["dismissed"] is False
        a("POST", "/setup/dismiss", {})
        assert a.get("/setup")["dismissed"] is True

"""Backup, restore, check and repair, restart (SPEC 8.4)."""
import contextlib
import glob
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import threading
import time

import pytest

from lib.daemon import BINARY, Daemon, HttpError
from api.conftest import until

TABLES = ("companies", "users", "roles", "extensions", "queues", "trunks", "inbound_routes", "departments", "notices", "articles", "locations", "calls",
          "call_details", "config_versions", "config_applied", "company_params", "prompts")


@pytest.fixture
def d():
    with Daemon() as x:
        yield x


def fails(status, f, *a):
    with pytest.raises(HttpError) as e:
        f(*a)
    assert e.value.status == status, e.value.body
    return e.value.body["error"]


def job(api, path, body=None, state="done", timeout=60):
    """starts it and waits for its end"""
    end = time.monotonic() + timeout
    n = api.post(path, body or {})["job"]
    while True:
        j = api.get(f"/jobs/{n}")
        if j["state"] != "running" and j["state"] != "waiting":
            assert j["state"] == state, j
            return j
        assert time.monotonic() < end, j
        time.sleep(0.05)  # lint: a job is asked after


def restart(d, when="now"):
    before = d.api.get("/health")["started_at"]
    d.api.post("/system/restart", {"when": when})

    def back():
        with contextlib.suppress(Exception):
            return d.api.get("/health")["started_at"] != before
        return False
    until(back, 30)
    d._api = None


def tables(d):
    return {t: d.sql(f"SELECT * FROM {t}") for t in TABLES}


def fetch(api, row, path):
    status, data, h = api.raw("GET", f"/api/v1/system/backups/{row['id']}/file")
    assert status == 200 and len(data) == row["size"]
    with open(path, "wb") as f:
        f.write(data)
    return data


def upload(api, data, name="x.tar.gz"):
    status, body, _ = api.raw("POST", "/api/v1/system/backups/upload", data, {"Content-Type": "application/octet-stream", "X-File-Name": name})
    return status, json.loads(body)


def fill(d):
    """something of everything, and files beside the database"""
    a = d.api
    a.post("/notices", {"subject": "公告", "body": "内容"})
    a.post("/articles", {"subject": "文章", "body": "正文"})
    a("PUT", "/locations/1380013", {"city": "某市"})
    os.makedirs(f"{d.data}/sounds", exist_ok=True)
    os.makedirs(f"{d.data}/files", exist_ok=True)
    open(f"{d.data}/sounds/abc.wav", "wb").write(b"RIFF" + bytes(40000))
    open(f"{d.data}/files/logo.png", "wb").write(b"\x89PNG logo")
    os.makedirs(f"{d.data}/recordings/2026/11/22", exist_ok=True)
    open(f"{d.data}/recordings/2026/11/22/a 1.wav", "wb").write(b"RIFF" + os.urandom(100000))


def wreck(d):
    """what a bad day does"""
    with contextlib.closing(sqlite3.connect(f"{d.data}/zuoxi.db", timeout=10)) as db, db:
        for t in ("config_applied", "config_versions", "queue_members", "queues", "inbound_routes", "notices", "articles", "locations"):
            db.execute(f"DELETE FROM {t}")
        db.execute("UPDATE users SET extension_id = NULL, password = 'x' WHERE login <> 'admin'")
        db.execute("DELETE FROM extensions")
    shutil.rmtree(f"{d.data}/sounds")
    shutil.rmtree(f"{d.data}/files")
    shutil.rmtree(f"{d.data}/recordings/2026")


# ---- the story: backup -> wreck -> restore -> everything as before

@pytest.mark.parametrize("passphrase", ["", "correct horse battery"])
def test_backup_and_restore(d, passphrase):
    fill(d)
    before = tables(d)
    made = job(d.api, "/system/backups", {"recordings": True, "passphrase": passphrase})["result"]
    row = d.api.get("/system/backups")["rows"][0]
    assert row["id"] == made["id"] and row["encrypted"] is bool(passphrase) and row["extensions"] == 50 and row["users"] == 6 and row["readable"]
    path = f"{d.data}/backups/{row['name']}"
    assert os.stat(path).st_mode & 0o777 == 0o600 and not glob.glob(f"{d.data}/backups/.work*")
    raw = open(path, "rb").read()
    if passphrase:
        assert b"SQLite format" not in raw and b"secret.key" not in raw
    else:
        names = tarfile.open(path).getnames()
        assert names[0] == "zuoxi-backup.json" and names[-1] == "SHA256SUMS" and "secret.key" in names and "recordings/2026/11/22/a 1.wav" in names
        # anybody can check it without us
        out = f"{d.data}/out"
        tarfile.open(path).extractall(out)
        assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out, capture_output=True).returncode == 0
        shutil.rmtree(out)

    wreck(d)
    if passphrase:
        for wrong in ("", "correct horse batterz"):
            j = job(d.api, f"/system/backups/{row['id']}/verify", {"passphrase": wrong}, "failed")
            assert "passphrase" in json.dumps(j["error"])
    v = job(d.api, f"/system/backups/{row['id']}/verify", {"passphrase": passphrase})["result"]
    assert v["ok"] and v["counts"] == {"companies": 1, "users": 6, "extensions": 50, "calls": len(before["calls"])} and not v["ready"]
    assert fails(422, d.api.post, f"/system/backups/{row['id']}/restore", {"passphrase": passphrase})["fields"] == {"confirm": "required"}
    r = job(d.api, f"/system/backups/{row['id']}/restore", {"passphrase": passphrase, "confirm": "RESTORE"})["result"]
    assert r["ok"] and r["ready"]
    assert d.api.get("/system/maintenance")["restore"]["id"] == row["id"]
    assert d.sql("SELECT count(*) n FROM extensions") == [{"n": 0}]  # nothing has happened yet
    pid = d.proc.pid
    old = d.api
    restart(d)
    assert d.proc.poll() is None and d.proc.pid == pid
    assert fails(401, old.get, "/session")  # logins of then are not logins of now
    after = tables(d)
    for t in TABLES:
        assert after[t] == before[t], t
    assert os.path.getsize(f"{d.data}/sounds/abc.wav") == 40004 and open(f"{d.data}/files/logo.png", "rb").read() == b"\x89PNG logo"
    until(lambda: os.path.exists(f"{d.data}/recordings/2026/11/22/a 1.wav") and not os.path.exists(f"{d.data}/recordings.restored"))
    assert os.path.getsize(f"{d.data}/recordings/2026/11/22/a 1.wav") == 100004
    until(lambda: d.api.get("/locations/1380013")["city"] == "某市")
    # the secrets open: phones register, people log in, a call is answered
    x, y = d.ua(8001), d.ua(8002)
    call = x.invite(8002)
    y.incoming().answer()
    call.wait_answer()
    call.bye()
    d.client("agent1")
    aside = glob.glob(f"{d.data}/before-restore-*")
    assert len(aside) == 1 and os.path.exists(f"{aside[0]}/zuoxi.db") and os.path.exists(f"{aside[0]}/secret.key")
    assert d.api.get("/system/maintenance")["restore"] is None and not os.path.exists(f"{d.data}/restore.ready")


def test_on_another_machine(d):
    """the passwords of one machine open on another, because the key goes with them"""
    fill(d)
    job(d.api, "/system/backups", {})
    row = d.api.get("/system/backups")["rows"][0]
    data = fetch(d.api, row, f"{d.data}/copy")
    with Daemon() as e:
        with contextlib.closing(sqlite3.connect(f"{e.data}/zuoxi.db", timeout=10)) as db, db:
            db.execute("DELETE FROM users WHERE login = 'agent5'")
        status, got = upload(e.api, data, "%E5%A4%87%E4%BB%BD.tar.gz")
        assert status == 201 and got["id"] == row["id"] and got["extensions"] == 50
        assert job(e.api, f"/system/backups/{got['id']}/restore", {"confirm": "RESTORE"})["result"]["ready"]
        assert e.sql("SELECT count(*) n FROM users") == [{"n": 5}]
        restart(e)
        assert e.sql("SELECT count(*) n FROM users") == [{"n": 6}] and len(e.sql("SELECT * FROM notices")) == 1
        e.creds = d.creds
        e.ua(8003)


# ---- what must be refused, with the running system untouched

def repack(data, change):
    """the parts of a plain backup, changed, with right sums"""
    src = tarfile.open(fileobj=io.BytesIO(data))
    parts = [(m.name, src.extractfile(m).read()) for m in src.getmembers() if m.name != "SHA256SUMS"]
    parts = change(parts)
    sums = "".join(f"{hashlib.sha256(b).hexdigest()}  {n}\n" for n, b in parts).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as t:
        for n, b in parts + [("SHA256SUMS", sums)]:
            i = tarfile.TarInfo(n)
            i.size = len(b)
            t.addfile(i, io.BytesIO(b))
    return out.getvalue()


def edit_db(parts, sql, tmp):
    out = []
    for n, b in parts:
        if n == "zuoxi.db":
            open(tmp, "wb").write(b)
            with contextlib.closing(sqlite3.connect(tmp)) as db, db:
                db.executescript(sql)
            b = open(tmp, "rb").read()
        out.append((n, b))
    return out


def replace(parts, name, f):
    return [(n, f(b) if n == name else b) for n, b in parts]


def test_bad_backups_are_refused(d):
    fill(d)
    job(d.api, "/system/backups", {})
    row = d.api.get("/system/backups")["rows"][0]
    data = fetch(d.api, row, f"{d.data}/copy")
    before = tables(d)
    tmp = f"{d.data}/tmp.db"
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0x10
    bad = {
        "no backup at all": ("foreign", b"hello"),
        "another archive": ("foreign", repack(data, lambda p: [("readme.txt", b"x")])),
        "cut off": ("damaged", data[:len(data) * 2 // 3]),
        "a bit changed": ("damaged", bytes(flipped)),
        "no key": ("damaged", repack(data, lambda p: [x for x in p if x[0] != "secret.key"])),
        "another key": ("damaged", repack(data, lambda p: replace(p, "secret.key", lambda b: bytes(32)))),
        "another database": ("foreign", repack(data, lambda p: edit_db(p, "PRAGMA application_id = 1", tmp))),
        "newer database": ("newer", repack(data, lambda p: edit_db(p, "PRAGMA user_version = 999", tmp))),
        "newer backup": ("newer", repack(data, lambda p: replace(p, "zuoxi-backup.json", lambda b: b.replace(b'"schema":', b'"schema":9')))),
        "broken reference": ("damaged", repack(data, lambda p: edit_db(p, "PRAGMA foreign_keys=0; UPDATE users SET role_id = 4711 WHERE login = 'agent1'", tmp))),
        "damaged page": ("damaged", repack(data, lambda p: replace(p, "zuoxi.db", lambda b: b[:4096 * 6] + os.urandom(4096 * 3) + b[4096 * 9:]))),
        "out of its folder": ("damaged", repack(data, lambda p: p + [("../evil", b"x")])),
        "absolute": ("damaged", repack(data, lambda p: p + [("/tmp/evil", b"x")])),
        "not ours": ("damaged", repack(data, lambda p: p + [("zuoxid", b"x")])),
        "twice": ("damaged", repack(data, lambda p: p + [("sounds/abc.wav", b"x")])),
    }
    for what, (code, content) in bad.items():
        status, got = upload(d.api, content)
        if status != 201:
            assert status == 422 and got["error"]["code"] == code == "foreign", (what, got)
            continue
        v = job(d.api, f"/system/backups/{got['id']}/verify")["result"]
        assert not v["ok"] and v["problems"][0]["code"] == code, (what, v)
        j = job(d.api, f"/system/backups/{got['id']}/restore", {"confirm": "RESTORE"}, "failed")
        assert code in json.dumps(j["error"]), (what, j)
        assert not os.path.exists(f"{d.data}/restore.ready") and not os.path.exists(f"{d.data}/restore.new"), what
        d.api("DELETE", f"/system/backups/{got['id']}")
    assert not glob.glob(f"{d.data}/**/evil", recursive=True) and not os.path.exists("/tmp/evil")
    restart(d)
    assert tables(d) == before


def test_encrypted_backup_cut_off_or_changed(d):
    made = job(d.api, "/system/backups", {"passphrase": "0123456789abc"})["result"]
    data = open(f"{d.data}/backups/{made['name']}", "rb").read()
    for i in (100, 2000, len(data) // 2, len(data) - 20):
        b = bytearray(data)
        b[i] ^= 1
        status, got = upload(d.api, bytes(b))
        if status == 422:
            continue
        with contextlib.suppress(AssertionError):
            v = job(d.api, f"/system/backups/{got['id']}/verify", {"passphrase": "0123456789abc"})["result"]
            assert not v["ok"], i
    status, got = upload(d.api, data[:len(data) * 3 // 4])
    assert status == 201
    v = job(d.api, f"/system/backups/{got['id']}/verify", {"passphrase": "0123456789abc"})["result"]
    assert not v["ok"] and v["problems"][0]["code"] == "damaged"
    fails(422, d.api.post, "/system/backups", {"passphrase": "short"})


def test_crash_in_the_middle_of_the_swap(d):
    """whatever part of the swap was done when the power went, the next start ends it"""
    fill(d)
    job(d.api, "/system/backups", {})
    row = d.api.get("/system/backups")["rows"][0]
    before = tables(d)
    wreck(d)
    job(d.api, f"/system/backups/{row['id']}/restore", {"confirm": "RESTORE"})
    d.kill9()
    os.unlink(f"{d.data}/notify.sock")
    d.demo = False  # or the start would put a demo company where the database is missing
    base = f"{d.data}.base"
    shutil.copytree(d.data, base)
    aside = open(f"{base}/restore.ready/aside").readline().strip()
    steps = [("zuoxi.db-wal", aside), ("zuoxi.db-shm", aside), ("zuoxi.db", aside), ("restore.ready/zuoxi.db", "."), ("secret.key", aside),
             ("restore.ready/secret.key", "."), ("sounds", aside), ("restore.ready/sounds", ".")]
    try:
        for n in range(len(steps) + 1):
            shutil.rmtree(d.data)
            shutil.copytree(base, d.data)
            os.makedirs(f"{d.data}/{aside}", exist_ok=True)
            for what, to in steps[:n]:
                if os.path.exists(f"{d.data}/{what}"):
                    shutil.move(f"{d.data}/{what}", f"{d.data}/{to}/" if to != "." else f"{d.data}/{os.path.basename(what)}")
            d.start()
            assert tables(d) == before, n
            d.ua(8001).close()
            d.kill9()
            os.unlink(f"{d.data}/notify.sock")
    finally:
        shutil.rmtree(base)
    d.start()


def test_restore_can_be_called_off(d):
    made = job(d.api, "/system/backups", {})["result"]
    job(d.api, f"/system/backups/{made['id']}/restore", {"confirm": "RESTORE"})
    d.api.post("/notices", {"subject": "danach"})
    d.api("DELETE", "/system/restore")
    fails(404, d.api, "DELETE", "/system/restore")
    restart(d)
    assert [r["subject"] for r in d.sql("SELECT subject FROM notices")] == ["danach"]


# ---- while calls run

def test_backup_while_in_use(d):
    """writers go on; the copy is one moment of it"""
    stop, n = threading.Event(), [0]
    a = d.client("admin")

    def write():
        while not stop.is_set():
            n[0] += 1
            a.post("/articles", {"subject": f"a{n[0]}", "body": "x" * 2000})
    t = threading.Thread(target=write)
    t.start()
    x, y = d.ua(8001), d.ua(8002)
    call = x.invite(8002)
    y.incoming().answer()
    call.wait_answer()
    try:
        ids = [job(d.api, "/system/backups", {})["result"]["id"] for _ in range(3)]
    finally:
        stop.set()
        t.join()
    call.bye()
    counts = []
    for i in ids:
        assert job(d.api, f"/system/backups/{i}/verify")["result"]["ok"]
        name = next(r["name"] for r in d.api.get("/system/backups")["rows"] if r["id"] == i)
        tarfile.open(f"{d.data}/backups/{name}").extract("zuoxi.db", f"{d.data}/x{i}")
        with contextlib.closing(sqlite3.connect(f"{d.data}/x{i}/zuoxi.db")) as db:
            rows = db.execute("SELECT count(*), max(substr(subject, 2) + 0) FROM articles").fetchone()
            assert rows[0] == (rows[1] or 0)
            counts.append(rows[0])
    assert counts == sorted(counts) and counts[-1] <= n[0] and n[0] > 10
    assert d.call_rows(1)[0]["state"] == "answered"


def test_one_at_a_time_and_cancel(d):
    with open(f"{d.data}/recordings/big.wav", "wb") as f:
        for _ in range(60):
            f.write(os.urandom(1 << 20))
    n = d.api.post("/system/backups", {"recordings": True})["job"]
    other = d.api.post("/system/check")["job"]
    until(lambda: d.api.get(f"/jobs/{other}")["state"] in ("failed", "done"), 30)
    d.api("DELETE", f"/jobs/{n}")
    until(lambda: not glob.glob(f"{d.data}/backups/.work*"), 30)
    assert job(d.api, "/system/check")["result"]["ok"]


# ---- every night

def test_nightly_backup(d):
    a = d.api
    assert a.get("/system/maintenance")["settings"] == {"auto": True, "at": "03:15", "keep": 7, "recordings": False}
    for bad in ({"at": "24:00"}, {"at": "3:15"}, {"keep": 0}, {"keep": 366}, {"auto": 1}, {"recordings": None}):
        fails(422, a, "PUT", "/system/backups/settings", {"auto": True, "at": "03:15", "keep": 7, "recordings": False, **bad})
    os.makedirs(f"{d.data}/backups", exist_ok=True)
    for i in range(4):
        open(f"{d.data}/backups/zuoxi-2020010{i + 1}-031500-auto.tar.gz", "wb").write(b"x")
    open(f"{d.data}/backups/zuoxi-20200109-031500.tar.gz", "wb").write(b"x")
    now = time.localtime()
    at = time.strftime("%H:%M", time.localtime(time.time() - 1800)) if now.tm_hour or now.tm_min >= 30 else "00:00"  # within this day, this hour
    a("PUT", "/system/backups/settings", {"auto": True, "at": at, "keep": 2, "recordings": False})
    until(lambda: any(r["auto"] for r in a.get("/system/backups")["rows"]), 45)
    until(lambda: (a.get("/system/maintenance")["last"]["backup"] or {}).get("auto"), 10)
    last = a.get("/system/maintenance")["last"]["backup"]
    assert last["error"] is None and last["name"].endswith("-auto.tar.gz")
    names = sorted(os.path.basename(p) for p in glob.glob(f"{d.data}/backups/*"))
    # two of the nightly ones stay; one made by hand is nobody's to remove
    assert names == ["zuoxi-20200104-031500-auto.tar.gz", "zuoxi-20200109-031500.tar.gz", last["name"]]


# ---- check and repair

def test_check_finds_and_repair_helps(d):
    good = job(d.api, "/system/check")["result"]
    assert good["ok"] and good["problems"] == []
    with contextlib.closing(sqlite3.connect(f"{d.data}/zuoxi.db", timeout=10)) as db, db:
        db.execute("PRAGMA foreign_keys=0")
        db.execute("INSERT INTO notice_reads VALUES (4711, 1, 1)")
        db.execute("UPDATE users SET department_id = 4711 WHERE login = 'agent1'")
        # an index that does not know its rows
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, 'extensions(company_id, number)', 'extensions(company_id, name)') WHERE name = 'extensions_company'")
        db.execute("PRAGMA writable_schema=OFF")
    d.terminate()
    d.start()
    bad = job(d.api, "/system/check")["result"]
    text = " ".join(bad["problems"])
    assert not bad["ok"] and "extensions_company" in text and "notice_reads" in text and "users" in text
    r = job(d.api, "/system/repair")["result"]
    assert r["ok"] and not r["rebuild"] and len(r["done"]) == 3, r
    assert job(d.api, "/system/check")["result"]["ok"]
    assert d.sql("SELECT count(*) n FROM notice_reads") == [{"n": 0}] and d.sql("SELECT department_id FROM users WHERE login = 'agent1'") == [{"department_id": None}]
    assert d.api.get("/system/maintenance")["last"]["repair"]["ok"] is True


def test_rebuild_of_a_damaged_file(d):
    a = d.api
    for i in range(400):
        a.post("/articles", {"subject": f"a{i:04}", "body": "文" * 900})
    d.terminate()
    with contextlib.closing(sqlite3.connect(f"{d.data}/zuoxi.db")) as db:
        leaves = db.execute("SELECT pageno FROM dbstat WHERE name = 'articles' AND pagetype = 'leaf' ORDER BY path").fetchall()
        page = leaves[len(leaves) // 2][0]
        users = db.execute("SELECT login, password FROM users ORDER BY id").fetchall()
    with open(f"{d.data}/zuoxi.db", "r+b") as f:
        f.seek((page - 1) * 4096)
        f.write(os.urandom(4096))
    p = subprocess.run([BINARY, "--data", d.data, "--check"], capture_output=True, text=True)
    assert p.returncode == 3 and "--rebuild" in p.stderr
    p = subprocess.run([BINARY, "--data", d.data, "--rebuild"], capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    d.start()
    assert job(d.api, "/system/check")["result"]["ok"]
    n = d.sql("SELECT count(*) n FROM articles")[0]["n"]
    assert 300 < n < 400
    assert [tuple(r.values()) for r in d.sql("SELECT login, password FROM users ORDER BY id")] == users
    last = d.api.get("/system/maintenance")["last"]["rebuild"]
    assert last["lost"] == "articles" and last["rows"] > n
    d.ua(8001)
    assert glob.glob(f"{d.data}/before-restore-*/zuoxi.db")


# ---- restart

def test_restart_now_and_when_idle(d):
    pid = d.proc.pid
    for bad in ({}, {"when": "later"}):
        fails(422, d.api.post, "/system/restart", bad)
    restart(d)
    assert d.proc.poll() is None and d.proc.pid == pid
    x, y = d.ua(8001), d.ua(8002)
    call = x.invite(8002)
    y.incoming().answer()
    call.wait_answer()
    before = d.api.get("/health")["started_at"]
    assert d.api.post("/system/restart", {"when": "idle"})["calls"] == 1
    assert d.api.get("/system/status")["restart"] == "idle"
    assert d.api.post("/system/restart", {"when": "cancel"})["restart"] == "none"
    assert d.api.post("/system/restart", {"when": "idle"})["restart"] == "idle"
    time.sleep(1)  # lint: it must not restart while the call is up
    assert d.api.get("/health")["started_at"] == before
    call.bye()

    def back():
        with contextlib.suppress(Exception):
            return d.api.get("/health")["started_at"] != before
        return False
    until(back, 30)
    assert d.sql("SELECT state FROM calls") == [{"state": "answered"}]
    d._api = None
    assert [r["action"] for r in d.sql("SELECT action FROM audit WHERE resource = 'system' AND action = 'restart'")]


def test_machine_is_not_restarted_unless_allowed(d):
    assert d.api.get("/system/maintenance")["power"] is False
    for path, word in (("/system/reboot", "REBOOT"), ("/system/poweroff", "POWEROFF")):
        assert fails(403, d.api.post, path, {"confirm": word})["code"] == "power_off"


def test_machine_restart_by_systemctl():
    with Daemon(start=False) as d:
        bin = f"{d.data}/bin"
        os.makedirs(bin)
        d.sets["system.power"] = "yes"
        d.start()
        assert d.api.get("/system/maintenance")["power"] is True
        assert fails(422, d.api.post, "/system/reboot", {"confirm": "yes"})["fields"] == {"confirm": "required"}


# ---- before a new version changes the database

def test_migration_keeps_a_copy(tmp_path):
    data = str(tmp_path / "old")
    os.makedirs(data)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with contextlib.closing(sqlite3.connect(f"{data}/zuoxi.db")) as db, db:
        db.execute(f"PRAGMA application_id={0x5a784462}")
        db.executescript(open(f"{root}/schema/001_init.sql").read())
        db.execute("PRAGMA user_version=1")
        db.execute("INSERT INTO companies (code, name, created) VALUES ('100000', '老公司', 1)")
    open(f"{data}/secret.key", "wb").write(os.urandom(32))
    os.chmod(f"{data}/secret.key", 0o600)
    d = Daemon(data=data, demo=False)
    try:
        assert d.sql("SELECT name FROM companies") == [{"name": "老公司"}]
        new = d.sql("PRAGMA user_version")[0]["user_version"]
        assert new > 1
        with contextlib.closing(sqlite3.connect(f"file:{data}/zuoxi.db.before-002?mode=ro", uri=True)) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (1,) and db.execute("SELECT name FROM companies").fetchall() == [("老公司",)]
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert os.stat(f"{data}/zuoxi.db.before-002").st_mode & 0o777 == 0o600
        restart_log = d.log()
        assert "is kept as" in restart_log
    finally:
        d.stop()


def test_program_of_the_tests_exists():
    assert os.access(BINARY, os.X_OK)

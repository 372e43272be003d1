"""A daemon for the API tests: https on, a masked agent, an agent without rights, call records with a recording."""
import contextlib
import json
import os
import sqlite3
import struct
import time

import pytest

from lib.daemon import Api, Daemon, free_port

CUSTOMER = "13612345678"


def until(true, timeout=5.0):
    """waits for what gives no sign by itself"""
    end = time.monotonic() + timeout
    while True:
        if true():
            return
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)  # lint: the one poll of these tests


class Web:
    def __init__(self, d):
        self.d = d
        self.base = f"http://127.0.0.1:{d.http}"
        self.tls = f"https://127.0.0.1:{d.sets['https.port']}"

    def db(self, sql, *args):
        with contextlib.closing(sqlite3.connect(f"{self.d.data}/zuoxi.db", timeout=10)) as db, db:
            return db.execute(sql, args).fetchall()

    def login(self, user, password=None):
        a = Api(self.base)
        a.session = a.login(user, password or self.d.creds[("user", user)])
        return a

    def anonymous(self):
        return Api(self.base)

    def role(self, user, scope, rights, mask=0):
        """gives a demo user a role of its own"""
        name = f"test-{user}-{time.monotonic_ns()}"
        self.db("INSERT INTO roles (company_id, name, scope, rights) VALUES (NULL, ?, ?, ?)", name, scope, rights)
        self.db("UPDATE users SET role_id = (SELECT id FROM roles WHERE name = ?), mask_numbers = ? WHERE login = ?", name, mask, user)

    def other_company(self):
        self.db("INSERT OR IGNORE INTO companies (id, code, name, created) VALUES (777, '200000', '别家公司', 1)")
        self.db("INSERT OR IGNORE INTO extensions (id, company_id, number, secret, created) VALUES (7770, 777, '9700', 'x', 1)")
        return 777

    def add_call(self, **kw):
        row = dict(id=int(time.time() * 1e6) % 2**52 + self.n, company_id=1, start=int(time.time() * 1000) - 60000, ended=int(time.time() * 1000), ring=4000,
                   talk=30000, direction="inbound", caller=CUSTOMER, caller_name="", callee="8001", caller_ext="", callee_ext="8001",
                   state="answered", scode=200, hangup_by="caller", recording="")
        row.update(kw)
        Web.n += 1
        self.db(f"INSERT INTO calls ({','.join(row)}) VALUES ({','.join('?' * len(row))})", *row.values())
        self.db("INSERT INTO call_details (call_id, quality, timeline) VALUES (?, '', ?)", row["id"],
                json.dumps([{"t": 1, "e": "ring", "ext": "8001"}, {"t": 2, "e": "from", "n": CUSTOMER}]))
        return row["id"]

    n = 0

    def add_recording(self, seconds=2, name="2026/11/22/test.wav"):
        path = os.path.join(self.d.data, "recordings", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = b"".join(struct.pack("<hh", (i * 37) % 8000, -((i * 91) % 8000)) for i in range(8000 * seconds))
        with open(path, "wb") as f:
            f.write(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 2, 8000, 32000, 4, 16))
            f.write(b"data" + struct.pack("<I", len(data)) + data)
        return name


@pytest.fixture(scope="module")
def daemon():
    with Daemon({"https.port": free_port(), "http.threads": 8}) as d:
        yield d


@pytest.fixture(scope="module")
def web(daemon):
    return Web(daemon)


@pytest.fixture(scope="module")
def admin(web):
    return web.login("admin")

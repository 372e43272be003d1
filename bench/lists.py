#!/usr/bin/python3
"""How long a page of a long list takes: ROWS calls and ROWS extensions are seeded, then pages are asked for as a browser does: the first ones,
sorted by every column that can be, by cursor and by number far behind, quick search, filters.

  lists.py --zuoxid build/release/zuoxid [--rows 100000] [--limit 100]

Exits with 1 when the median of any page is longer than --limit ms.
"""
import argparse
import contextlib
import os
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))


def parse():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--zuoxid", default=os.path.join(ROOT, "build/release/zuoxid"))
    ap.add_argument("--rows", type=int, default=100000)
    ap.add_argument("--times", type=int, default=7)
    ap.add_argument("--limit", type=float, default=100.0, metavar="MS")
    return ap.parse_args()


A = parse()
os.environ["ZUOXID"] = A.zuoxid
from lib.daemon import Daemon  # noqa: E402


def seed(path):
    rnd = random.Random(1)
    now = int(time.time() * 1000)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executemany("INSERT INTO extensions (company_id, number, secret, name, caller_id, created) VALUES (1, ?, 'x', ?, ?, ?)",
                       ((str(100000 + i), f"坐席 {i}", f"0755{i:07d}" if i % 3 == 0 else "", now - i * 1000) for i in range(A.rows)))
        states = ["answered"] * 6 + ["no-answer", "busy", "cancelled", "not-found"]

        def call(i):
            inside, ext = rnd.random() < 0.4, str(8000 + rnd.randrange(50))
            caller = str(8000 + rnd.randrange(50)) if inside else f"13{rnd.randrange(10**9):09d}"
            start = now - i * 20000
            return (now * 1000 - i, 1, start, rnd.randrange(30000), rnd.randrange(600000), start + 60000, "internal" if inside else "inbound", caller, ext,
                    caller if inside else "", ext, rnd.choice(states))
        db.executemany("INSERT INTO calls (id, company_id, start, ring, talk, ended, direction, caller, callee, caller_ext, callee_ext, app, trunk, state, scode, hangup_by) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'extension', '', ?, 200, 'caller')", (call(i) for i in range(A.rows)))


def main():
    data = tempfile.mkdtemp(prefix="zuoxi-lists-", dir=os.environ.get("TMPDIR"))
    slow = 0
    try:
        with Daemon(data=data, sets={"log.level": "info"}) as d:
            d.stop_keep()
            seed(f"{data}/zuoxi.db")
            d.start()
            api = d.api

            def page(name, path):
                nonlocal slow
                took, total = [], 0
                for _ in range(A.times):
                    t = time.monotonic()
                    r = api.get(path)
                    took.append((time.monotonic() - t) * 1000)
                    total = r["total"]
                med = statistics.median(took)
                slow += med > A.limit
                print(f"{name:44} {med:7.1f} ms  longest {max(took):7.1f}   {total} rows{'   SLOW' if med > A.limit else ''}", flush=True)
                return r

            for res, quick, filters in [
                    ("calls", "1381", ["f.state=busy", "f.callee=8001", "f.caller=138*", f"f.start={int(time.time() * 1000) - 86400000}.."]),
                    ("extensions", "1234", ["f.number=1012*", "f.record=0", "f.caller_id=*", "f.name=*999*"])]:
                meta = api.get(f"/meta/{res}")
                first = page(f"{res}, first page", f"/{res}?size=20")
                page(f"{res}, 100 a page", f"/{res}?size=100")
                page(f"{res}, by cursor", f"/{res}?size=20&after={first['next']}")
                page(f"{res}, page {A.rows // 40}", f"/{res}?size=20&page={A.rows // 40}")
                for f in meta["fields"]:
                    if f.get("sortable"):
                        page(f"{res}, by {f['key']}", f"/{res}?size=20&sort=-{f['key']}")
                page(f"{res}, quick search {quick}", f"/{res}?size=20&q={quick}")
                for f in filters:
                    page(f"{res}, {f.split('=')[0][2:]} filtered", f"/{res}?size=20&{f}")
            return int(slow > 0)
    finally:
        shutil.rmtree(data, ignore_errors=True)


sys.exit(main())

#!/usr/bin/python3
"""How long 更新配置 takes: COUNT extensions and what a call centre of that size has around them, one change each round, from the request to the
answer (draft read, checked, written and on the disk, snapshot built, swapped on the loop). A phone on the loop's thread is asked for an
answer all the while: the longest pause is what a call could notice.

  apply.py --zuoxid build/release/zuoxid [--count 5000] [--rounds 20] [--limit 1000]

Exits with 1 when the slowest round took longer than --limit ms.
"""
import argparse
import os
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))


def parse():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--zuoxid", default=os.path.join(ROOT, "build/release/zuoxid"))
    ap.add_argument("--count", type=int, default=5000)
    ap.add_argument("--rounds", type=int, default=20)
    ap.add_argument("--limit", type=float, default=1000.0, metavar="MS")
    return ap.parse_args()


A = parse()
os.environ["ZUOXID"] = A.zuoxid
from lib.daemon import Daemon  # noqa: E402
from lib.sipmsg import token  # noqa: E402


class Pulse(threading.Thread):
    """OPTIONS every 5 ms; how long the loop took to answer"""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect(("127.0.0.1", port))
        self.sock.settimeout(5)
        self.stop, self.waits = False, []

    def run(self):
        port = self.sock.getsockname()[1]
        while not self.stop:
            msg = (f"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{token()}\r\nFrom: <sip:pulse@127.0.0.1>;tag=1\r\n"
                   f"To: <sip:127.0.0.1>\r\nCall-ID: {token()}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\nContent-Length: 0\r\n\r\n")
            t = time.monotonic()
            self.sock.send(msg.encode())
            self.sock.recv(4096)
            self.waits.append((time.monotonic() - t) * 1000)
            time.sleep(0.005)  # lint: a metronome


def ms(f):
    t = time.monotonic()
    r = f()
    return (time.monotonic() - t) * 1000, r


def cpu(d):
    """CPU seconds of the daemon so far: on a busy machine the honest figure"""
    f = open(f"/proc/{d.proc.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")


def fill(d):
    """a queue for every 20 extensions, an IVR and an inbound route for every queue, a few outbound routes"""
    api = d.api
    api.post("/extensions/batch", {"from": "10000", "to": str(9999 + A.count), "strategy": "given", "secret": "bench-secret-1"})
    d.stop_keep()
    import contextlib
    import sqlite3
    with contextlib.closing(sqlite3.connect(f"{d.data}/zuoxi.db")) as db, db:
        db.execute("PRAGMA foreign_keys = 1")
        trunk = db.execute("INSERT INTO trunks (company_id, name, host) VALUES (1, 'bench', '127.0.0.2')").lastrowid
        exts = [r[0] for r in db.execute("SELECT id FROM extensions WHERE number >= '10000' AND length(number) = 5 ORDER BY number")]
        for i in range(A.count // 20):
            q = db.execute("INSERT INTO queues (company_id, name, number, created) VALUES (1, ?, ?, 0)", (f"queue {i}", f"6{i:04d}")).lastrowid
            db.executemany("INSERT INTO queue_members VALUES (?, ?, ?)", [(q, e, n) for n, e in enumerate(exts[i * 20:i * 20 + 20])])
            v = db.execute("INSERT INTO ivrs (company_id, name, number, direct_dial, created) VALUES (1, ?, ?, 1, 0)", (f"menu {i}", f"7{i:04d}")).lastrowid
            db.execute("INSERT INTO ivr_keys VALUES (?, '1', 'queue', ?, 1)", (v, str(q)))
            db.execute("INSERT INTO inbound_routes (company_id, name, position, pattern, app, param) VALUES (1, ?, ?, ?, 'ivr', ?)", (f"did {i}", i, f"0755{i:08d}", str(v)))
        for i in range(20):
            db.execute("INSERT INTO outbound_routes (company_id, name, position, pattern, trunk1_id, created) VALUES (1, ?, ?, ?, ?, 0)", (f"out {i}", i, f"{i:02d}X.", trunk))
    d.start()


def main():
    data = tempfile.mkdtemp(prefix="zuoxi-apply-", dir=os.environ.get("TMPDIR"))
    try:
        with Daemon(data=data, sets={"log.level": "info"}) as d:
            fill(d)
            took, _ = ms(d.apply)
            print(f"first apply of {A.count} extensions, {A.count // 20} queues, IVRs, inbound routes: {took:.0f} ms")
            row = d.api.get("/extensions?f.number=10000")["rows"][0]
            pulse = Pulse(d.port)
            pulse.start()
            rounds, server, full, brief, used = [], [], [], [], 0.0
            for i in range(A.rounds):
                row = d.api("PUT", f"/extensions/{row['id']}", {"rev": row["rev"], "name": f"round {i}"})
                full.append(ms(lambda: d.api.get("/config"))[0])
                t, c = ms(lambda: d.api.get("/config?brief=1"))
                brief.append(t)
                before = cpu(d)
                t, r = ms(lambda h=c["draftHash"]: d.api.post("/config/apply", {"hash": h}))
                used += cpu(d) - before
                assert r["companies"][0]["changes"] == 1
                rounds.append(t)
                server.append(r["took_ms"])
            pulse.stop = True
            pulse.join()
            for name, v in [("apply, request to answer", rounds), ("apply, as the server says", server), ("GET /config", full), ("GET /config?brief=1", brief),
                            ("loop answers an OPTIONS meanwhile", pulse.waits)]:
                v = sorted(v)
                print(f"{name:34} median {statistics.median(v):7.1f} ms, 95 % {v[int(len(v) * .95)]:7.1f}, longest {v[-1]:7.1f}   ({len(v)} times)")
            print(f"CPU time of an apply {used / A.rounds * 1000:.0f} ms")
            size = d.sql("SELECT max(length(doc)) AS n FROM config_versions")[0]["n"]
            print(f"a version takes {size / 1e6:.2f} MB in the database")
            return int(max(rounds) > A.limit)
    finally:
        shutil.rmtree(data, ignore_errors=True)


sys.exit(main())

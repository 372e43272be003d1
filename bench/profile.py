#!/usr/bin/python3
"""Sets up a zuoxid for the load tests and runs it: extensions FIRST..FIRST+COUNT-1 with passwords bench-pwN, a trunk at 127.0.0.2,
prefix 77 for recorded calls.

  profile.py --data /tmp/bench [--zuoxid build/release/zuoxid] [--exts 8000:1000] [--port 5084]     set up, then run in the foreground
  profile.py --data /tmp/bench --setup-only                                                        only set up; prints the start command
"""
import argparse
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def parse():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True, help="data folder, made anew unless --keep")
    ap.add_argument("--zuoxid", default=os.path.join(ROOT, "build/release/zuoxid"))
    ap.add_argument("--exts", default="8000:1000")
    ap.add_argument("--password", default="bench-pw%d")
    ap.add_argument("--port", type=int, default=5084)
    ap.add_argument("--http", type=int, default=0, help="a free one by default")
    ap.add_argument("--trunk", default="127.0.0.2")
    ap.add_argument("--rtp", default="17000-59999")
    ap.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    ap.add_argument("--keep", action="store_true", help="use the data folder as it is")
    ap.add_argument("--setup-only", action="store_true")
    ap.add_argument("--no-nice", action="store_true")
    return ap.parse_args()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


A = parse()
A.http = A.http or free_port()


def command():
    lo, hi = A.rtp.split("-")
    sets = {"sip.listen": "127.0.0.1", "sip.port": A.port, "sip.tls_port": 0, "http.listen": "127.0.0.1", "http.port": A.http, "https.port": 0,
            "rtp.port_min": lo, "rtp.port_max": hi, "sip.options_interval": 0, "sip.digest": "md5", "sip.expires_max": 3600, "http.threads": 16}
    sets.update(kv.split("=", 1) for kv in A.set)
    return [A.zuoxid, "--data", A.data] + [x for k, v in sets.items() for x in ("--set", f"{k}={v}")]


def run_ready(cmd):
    """starts the daemon and returns when it says READY"""
    path = os.path.join(A.data, "notify.sock")
    if os.path.exists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(0.5)
        p = subprocess.Popen(cmd, env={**os.environ, "NOTIFY_SOCKET": path})
        end = time.monotonic() + 60
        while True:
            try:
                if b"READY=1" in s.recv(4096):
                    break
            except socket.timeout:
                pass
            if p.poll() is not None or time.monotonic() > end:
                sys.exit("zuoxid did not get ready")
    return p


def first_start():
    """the demo company, and in its place what the load tests need; returns the admin's password"""
    shutil.rmtree(A.data, ignore_errors=True)
    os.makedirs(A.data)
    p = run_ready(command() + ["--demo"])
    p.send_signal(signal.SIGTERM)
    p.wait(30)
    creds = dict(line.split()[1:] for line in open(os.path.join(A.data, "demo-credentials.txt")) if line.startswith("user "))
    with contextlib.closing(sqlite3.connect(os.path.join(A.data, "zuoxi.db"), isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = 1")
        for table in ("inbound_routes", "time_conditions", "queues", "ivrs", "conferences", "voicemail_boxes"):  # their numbers may be among ours
            db.execute(f"DELETE FROM {table}")
        company = db.execute("SELECT id FROM companies").fetchone()[0]
        db.execute("INSERT INTO trunks(company_id, name, host, port) VALUES (?, 'bench', ?, 5060)", (company, A.trunk))
        trunk = db.execute("SELECT id FROM trunks WHERE name = 'bench'").fetchone()[0]
        db.execute("INSERT INTO inbound_routes(company_id, name, trunk_id, position, pattern, strip, record, app) VALUES (?, 'recorded', ?, 1, '77X.', 2, 1, 'extension')",
                   (company, trunk))
        db.execute("INSERT INTO inbound_routes(company_id, name, trunk_id, position, pattern, strip, record, app) VALUES (?, 'plain', ?, 2, 'X.', 0, 0, 'extension')",
                   (company, trunk))
    return creds["admin"]


def setup():
    password = first_start()
    p = run_ready(command())
    try:
        c = http.client.HTTPConnection("127.0.0.1", A.http)
        h = {"Content-Type": "application/json"}

        def req(method, path, body=None):
            c.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None, h)
            r = c.getresponse()
            data = r.read()
            if r.status >= 400:
                sys.exit(f"{method} {path}: {r.status} {data[:300]}")
            if r.getheader("Set-Cookie"):
                h["Cookie"] = r.getheader("Set-Cookie").split(";")[0]
            return json.loads(data) if data else None

        h["X-CSRF-Token"] = req("POST", "/session", {"login": "admin", "password": password})["csrf"]
        company = req("GET", "/session")["user"]["company_id"]
        have = {r["number"]: r for r in req("GET", "/extensions?size=100")["rows"]}
        first, count = map(int, A.exts.split(":"))
        for n in range(first, first + count):
            row = {"number": str(n), "secret": A.password % n, "record": False, "name": f"bench {n}"}
            old = have.get(str(n))
            if old:
                req("PUT", f"/extensions/{old['id']}", {**row, "rev": old["rev"]})
            else:
                req("POST", "/extensions", {**row, "company_id": company})
        req("POST", "/config/apply", {"hash": req("GET", "/config?brief=1")["draftHash"], "note": "bench"})
    finally:
        p.send_signal(signal.SIGTERM)
        p.wait(30)


def main():
    if not A.keep:
        setup()
    cmd = command()
    if not A.no_nice and os.geteuid() == 0:
        cmd = ["nice", "-n", "-15"] + cmd
    if A.setup_only:
        print(" ".join(cmd))
        return
    p = run_ready(cmd)
    with open(os.path.join(A.data, "pid"), "w") as f:
        f.write(f"{p.pid}\n")
    print(f"ready, pid {p.pid} in {A.data}/pid", flush=True)
    try:
        sys.exit(p.wait())
    except KeyboardInterrupt:
        p.send_signal(signal.SIGTERM)
        p.wait(30)


main()

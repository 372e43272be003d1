#!/usr/bin/python3
"""A long run, bounded: bursts of registrations and calls for --minutes while memory and descriptors of the server are watched.

  soak.py --pid-file /tmp/bench/pid --minutes 10 --cps 50
Exit 1 when a call failed, or memory or descriptors grew by more than the limits between the second round and the last.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def parse():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--target", default="127.0.0.1:5084")
    ap.add_argument("--pid-file", required=True)
    ap.add_argument("--exts", default="8000:1000")
    ap.add_argument("--password", default="bench-pw%d")
    ap.add_argument("--minutes", type=float, default=10)
    ap.add_argument("--cps", type=int, default=50)
    ap.add_argument("--registrations", type=int, default=20000, help="in each round")
    ap.add_argument("--max-growth-kb", type=int, default=2048)
    return ap.parse_args()


def main():
    a = parse()
    pid = int(open(a.pid_file).read())
    first, count = map(int, a.exts.split(":"))
    build = tempfile.mkdtemp(prefix="pbxload-")
    subprocess.run(["make", "-s", "-C", HERE, f"BUILD={build}"], check=True)
    gen = [os.path.join(build, "pbxload")]
    common = ["--target", a.target, "--password", a.password, "--pid", str(pid)]

    def rss():
        return next(int(x.split()[1]) for x in open(f"/proc/{pid}/status") if x.startswith("VmRSS"))

    def load(*args):
        r = subprocess.run(gen + list(map(str, args)) + common, capture_output=True, text=True, timeout=600)
        return json.loads(r.stdout.strip().splitlines()[-1])

    end, rounds, failed = time.time() + a.minutes * 60, [], 0
    while time.time() < end:
        reg = load("register", "--ext", a.exts, "--count", a.registrations, "--window", 16, "--duration", 120000)
        call = load("call", "--ext", f"{first}:{count // 2}", "--callee", f"{first + count // 2}:{count - count // 2}", "--rate", a.cps,
                    "--count", a.cps * 30, "--hold", 2000, "--rtp", "--timeout", 10000)
        failed += reg["failed"] + call["failed"] + call["dropped"]
        time.sleep(34)  # transactions are kept for 32 s
        rounds.append((rss(), len(os.listdir(f"/proc/{pid}/fd"))))
        print(f"{len(rounds)}: {reg['registrations']} registrations, {call['completed']} calls, {failed} failed so far, "
              f"RSS {rounds[-1][0]} kB, {rounds[-1][1]} descriptors", flush=True)
    if len(rounds) > 2:
        grown = rounds[-1][0] - rounds[1][0]
        print(f"RSS grew by {grown} kB, descriptors by {rounds[-1][1] - rounds[1][1]}")
        if grown > a.max_growth_kb or rounds[-1][1] - rounds[1][1] > 20:
            sys.exit(1)
    sys.exit(1 if failed else 0)


main()

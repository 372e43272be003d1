"""The same daemon as another implementation sees it: SIPp (Debian's sip-tester) as caller and callee."""
import os
import shutil
import subprocess
import time

import pytest
from lib.daemon import Daemon, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
pytestmark = pytest.mark.skipif(not shutil.which("sipp"), reason="sipp is not installed (packaging/deps-test.txt)")


@pytest.fixture(scope="module")
def daemon():
    """SIPp knows MD5 only, and gives up when the first challenge offers something else"""
    with Daemon({"sip.digest": "md5"}) as d:
        yield d


@pytest.fixture(scope="module")
def daemon():
    with Daemon({"sip.digest": "md5"}) as d:  # SIPp knows no other, and looks at the first challenge only
        yield d


def media_port():
    """SIPp binds the port two above it as well"""
    while True:
        p = [free_port() for _ in range(4)]
        if p[3] - p[0] == 6:
            return p[0]


def sipp(d, scenario, rows, port, count, rate=20, transport="u1", tmp=None, background=False):
    inf = os.path.join(tmp, f"{scenario}-{port}.csv")
    with open(inf, "w") as f:
        f.write("SEQUENTIAL\n" + "\n".join(rows) + "\n")
    cmd = ["sipp", f"127.0.0.1:{d.port}", "-sf", os.path.join(HERE, scenario + ".xml"), "-inf", inf, "-i", "127.0.0.1", "-p", str(port),
           "-mp", str(media_port()), "-m", str(count), "-r", str(rate), "-l", "200", "-t", transport, "-nostdin", "-timeout", "60s", "-timeout_error",
           "-trace_err", "-error_file", os.path.join(tmp, f"{scenario}-{port}.err"), "-recv_timeout", "8000"]
    p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp)
    if background:
        end = time.monotonic() + 10
        while not any(f":{port:04X} " in x for x in open("/proc/net/udp")):
            assert p.poll() is None and time.monotonic() < end, f"sipp {scenario} did not start: {p.poll()}"
            time.sleep(0.02)  # lint: poll of /proc
        return p
    return finish(p, scenario, port, tmp)


def finish(p, scenario, port, tmp):
    code = p.wait(70)
    err = os.path.join(tmp, f"{scenario}-{port}.err")
    assert code == 0, f"sipp {scenario} ended with {code}: {open(err).read()[-3000:] if os.path.exists(err) else ''}"


def row(d, ext, callee, contact_port):
    return f"{ext};[authentication username={ext} password={d.password(ext)}];{callee};{contact_port}"


@pytest.mark.parametrize("caller,callee,count", [("call", "answerer", 30), ("hold", "answerer_hold", 10), ("cancel", "ringer", 10), ("refused", "redirector", 10)])
@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_scenario(daemon, tmp_path, caller, callee, count, transport):
    tmp = str(tmp_path)
    uas_port, uac_port = free_port(), free_port()
    # calls go where the registration came from
    sipp(daemon, "register", [row(daemon, 8021, 8021, uas_port)], uas_port, 1, tmp=tmp)
    uas = sipp(daemon, callee, ["x"], uas_port, count, tmp=tmp, background=True)
    try:
        sipp(daemon, caller, [row(daemon, 8022, 8021, 0)], uac_port, count, transport=transport, tmp=tmp)
        finish(uas, callee, uas_port, tmp)
    finally:
        uas.kill()
        u = daemon.ua(8021, register=False)
        u.register(contact="*", expires=0)

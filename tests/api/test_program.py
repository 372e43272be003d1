"""The program itself: options, exit status, data folder, service manager, signals."""
import os
import signal
import socket
import stat
import subprocess
import time

import pytest
from lib.daemon import BINARY, ROOT, Daemon, free_port


def run(*args, **kw):
    return subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=60, **kw)


@pytest.fixture
def house(tmp_path):
    d = Daemon(data=str(tmp_path / "data"), start=False)
    yield d
    d.stop()


def test_help_and_version():
    r = run("--help")
    assert r.returncode == 0 and r.stdout.startswith("Usage: zuoxid") and "Exit status" in r.stdout
    assert run("--version").stdout.startswith("zuoxid ")


def test_print_config_is_the_shipped_sample():
    r = run("--print-config")
    assert r.returncode == 0
    assert r.stdout == open(os.path.join(ROOT, "packaging/zuoxid.conf")).read()


@pytest.mark.parametrize("args, words", [
    (["--bogus"], "--help"),
    (["stray"], '"stray"'),
    (["--config", "/nonexistent"], "/nonexistent: cannot be read"),
    (["--set", "sip.prot=1"], "did you mean sip.port?"),
    (["--set", "sip.port=0"], "from 1 to 65535"),
    (["--set", "rtp.port_min=30000"], "rtp.port_max"),
    (["--data", "/nonexistent/a/b"], "/nonexistent/a/b"),
    (["--data", "/proc"], "/proc"),
])
def test_wrong_options(args, words, tmp_path):
    r = run(*args, cwd=tmp_path)
    assert r.returncode == 2 and words in r.stderr
    assert not os.listdir(tmp_path)


def test_file_errors_name_the_line(tmp_path):
    f = tmp_path / "z.conf"
    f.write_text("# mine\nsip.port = 6000\nsip.port = 6001\n")
    r = run("--check", "--config", str(f), "--data", str(tmp_path / "none"))
    assert r.returncode == 2 and f"{f}:3: sip.port is given a second time" in r.stderr
    f.write_text("sip.port = 6000\n")
    r = run("--check", "--config", str(f), "--data", str(tmp_path / "none"))
    assert r.returncode == 0 and not (tmp_path / "none").exists()


def test_check_touches_nothing(house):
    house.start()
    assert run("--check", "--data", house.data).returncode == 0  # in use
    assert house.terminate() == 0
    before = {f: os.stat(os.path.join(house.data, f)).st_mtime_ns for f in os.listdir(house.data)}
    assert run("--check", "--data", house.data).returncode == 0
    assert before == {f: os.stat(os.path.join(house.data, f)).st_mtime_ns for f in os.listdir(house.data)}
    with open(os.path.join(house.data, "zuoxi.db"), "r+b") as f:
        f.write(b"something else altogether")
    assert run("--check", "--data", house.data).returncode == 3


def test_secrets_are_private(house):
    os.umask(0)
    try:
        house.start()
    finally:
        os.umask(0o022)
    for base, _, names in os.walk(house.data):
        for n in names:
            if n != "test.log" and n != "notify.sock":
                assert stat.S_IMODE(os.stat(os.path.join(base, n)).st_mode) & 0o077 == 0, n


def test_one_daemon_a_folder_and_a_port(house, tmp_path):
    house.start()
    sets = [x for k, v in house.sets.items() for x in ("--set", f"{k}={v}")]
    r = run("--data", house.data, *sets)
    assert r.returncode == 3 and "in use by another zuoxid" in r.stderr
    r = run("--data", str(tmp_path / "other"), *sets)
    assert r.returncode == 4 and str(house.port) in r.stderr
    assert stat.S_IMODE(os.stat(tmp_path / "other").st_mode) == 0o700
    r = run("--data", str(tmp_path / "other"), *sets, "--set", f"sip.port={free_port()}", "--set", f"sip.tls_port={free_port()}")
    assert r.returncode == 4 and str(house.http) in r.stderr
    assert house.proc.poll() is None


def test_damaged_database_is_refused_untouched(tmp_path):
    (tmp_path / "zuoxi.db").write_bytes(b"garbage" * 1000)
    r = run("--data", str(tmp_path), "--demo")
    assert r.returncode == 3 and "zuoxi.db" in r.stderr
    assert (tmp_path / "zuoxi.db").read_bytes() == b"garbage" * 1000


def test_demo_only_once(house):
    house.start()
    path = os.path.join(house.data, "demo-credentials.txt")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    first = open(path).read()
    kinds = [line.split()[0] for line in first.splitlines()]
    assert kinds.count("extension") == 50 and kinds.count("user") >= 2
    assert house.terminate() == 0
    house.start()
    assert open(path).read() == first and "adds nothing" in house.log()


def test_first_admin_without_demo(tmp_path):
    with Daemon(data=str(tmp_path / "d"), demo=False) as d:
        path = os.path.join(d.data, "first-admin.txt")
        kind, name, password = open(path).read().split()
        assert (kind, name) == ("user", "admin") and len(password) >= 12
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert password not in d.log()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it(house, sig):
    house.start()
    house.proc.send_signal(sig)
    assert house.proc.wait(10) == 0


def test_impatient_signals(house):
    house.start()
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        house.proc.send_signal(signal.SIGTERM)
    assert house.proc.wait(10) == 0


def test_stderr_nobody_reads(house):
    """a full pipe costs log lines, not calls"""
    house.start()
    house.terminate()
    r, w = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ns:
        ns.bind("\0" + house.data)  # an abstract name, as systemd may give
        ns.settimeout(30)
        p = subprocess.Popen(house.command(), stderr=w, stdout=subprocess.DEVNULL,
                             env={**os.environ, "NOTIFY_SOCKET": "@" + house.data})
        os.close(w)
        assert ns.recv(100) == b"READY=1"
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(0.2)
    s.connect(("127.0.0.1", house.port))

    def answered(n):
        try:
            s.send((f"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{s.getsockname()[1]};branch=z9hG4bK{n}\r\n"
                    f"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {n}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n"
                    "Content-Length: 0\r\n\r\n").encode())
            return b"SIP/2.0" in s.recv(4000)
        except OSError:
            return False
    for n in range(3000):  # far more debug lines than a pipe holds
        s.send(b"garbage %d" % n)
        if n % 100 == 0:
            assert answered(n)
    assert answered("end")
    p.terminate()
    assert p.wait(20) == 0
    os.close(r)

"""cmake --install: what is put where, and that what is installed runs."""
import os
import re
import subprocess

import pytest
from lib.daemon import BINARY, ROOT

BUILD = os.path.dirname(os.path.realpath(BINARY))


def install(dest, prefix):
    if not os.path.exists(os.path.join(BUILD, "cmake_install.cmake")):
        pytest.skip("the program is not in a build folder")
    return subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], env={**os.environ, "DESTDIR": str(dest)}, text=True,
                          capture_output=True, timeout=120, check=True).stdout


def text(path):
    with open(path) as f:
        return f.read()


@pytest.mark.parametrize("prefix, etc", [("/usr", "/etc"), ("/opt/zuoxi", "/opt/zuoxi/etc")])
def test_everything_in_its_place(tmp_path, prefix, etc):
    install(tmp_path, prefix)

    def at(path):
        return os.path.join(tmp_path, path.lstrip("/"))

    for f in ["bin/zuoxid", "share/man/man8/zuoxid.8", "share/zuoxi/location.dat", "share/zuoxi/sounds/moh/default.wav",
              "share/zuoxi/sounds/zh/busy.wav", "lib/sysusers.d/zuoxi.conf", "share/doc/zuoxi/LICENSE"]:
        assert os.path.getsize(at(f"{prefix}/{f}")) > 0, f
    unit = text(at(f"{prefix}/lib/systemd/system/zuoxid.service"))
    program, conf = re.search(r"^ExecStart=(\S+) --config (\S+) ", unit, re.M).groups()
    assert program == f"{prefix}/bin/zuoxid" and conf == f"{etc}/zuoxi/zuoxid.conf"
    assert text(at(conf)) == text(os.path.join(ROOT, "packaging/zuoxid.conf"))
    # nothing beside what the paths above allow, and the user the unit names is made
    assert sorted(os.listdir(tmp_path)) == sorted({p.split("/")[1] for p in (prefix, etc)})
    assert re.search(r"^User=zuoxi$", unit, re.M) and text(at(f"{prefix}/lib/sysusers.d/zuoxi.conf")).startswith("u zuoxi ")
    r = subprocess.run([at(program), "--check", "--config", at(conf), "--data", str(tmp_path / "none")], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr


def test_the_configuration_is_never_overwritten(tmp_path):
    install(tmp_path, "/usr")
    conf = tmp_path / "etc/zuoxi/zuoxid.conf"
    conf.write_text("sip.port = 5070\n")
    assert f"Kept: {conf}" in install(tmp_path, "/usr")
    assert conf.read_text() == "sip.port = 5070\n"

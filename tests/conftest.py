import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib.daemon import Daemon  # noqa: E402


@pytest.fixture(scope="module")
def daemon():
    """a daemon with the demo company, shared by the tests of a file"""
    with Daemon() as d:
        yield d


@pytest.fixture
def phones(daemon):
    """makes registered phones, the only ones of their extensions; closed after the test"""
    def make(*exts, **kw):
        out = []
        for e in exts:
            u = daemon.ua(e, register=False, **kw)
            u.register(contact="*", expires=0)
            u.register()
            out.append(u)
        return out
    yield make
    for u in daemon.uas:
        u.close()
    daemon.uas.clear()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """the end of the daemon's log with every failure"""
    rep = (yield).get_result()
    d = item.funcargs.get("daemon") if hasattr(item, "funcargs") else None
    if rep.failed and d is not None:
        rep.sections.append(("zuoxid log", d.log()[-6000:]))

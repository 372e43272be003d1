"""The API document against the living API, in both directions."""
import json
import re

from .conftest import Web  # noqa: F401


def routes(admin):
    doc = admin.get("/openapi.json")
    assert doc["openapi"].startswith("3.")
    return doc, [(m.upper(), p, op) for p, ops in doc["paths"].items() for m, op in ops.items()]


def path_of(p):
    return "/api/v1" + p.replace("{id}", "999999999").replace("{name}", "nothing")


def test_every_route_of_the_document_answers(admin):
    _, rs = routes(admin)
    assert len(rs) > 25
    for m, p, op in rs:
        if (m, p) in {("DELETE", "/session")}:
            continue
        status, data, h = admin.raw(m, path_of(p), {} if m in ("POST", "PUT") else None)
        assert status not in (405, 500, 501), (m, p, status, data[:200])
        if status == 404:
            assert ("{" in p or p in ("/logo", "/provision", "/locations/find", "/system/restore")) and json.loads(data)["error"]["code"] in ("not_found", "import_gone"), (m, p)
        if status == 200:
            assert h["Content-Type"].split(";")[0] in op["responses"]["200"]["content"], (m, p)


def test_no_route_is_missing_in_the_document(admin):
    """asks for paths that are known from elsewhere (descriptors, source), and for methods that the document does not have"""
    doc, rs = routes(admin)
    known = {(m, p) for m, p, _ in rs}
    import os
    src = open(os.path.join(os.path.dirname(__file__), "../../src/web/route.c")).read()
    for m, p in re.findall(r'\{"(GET|POST|PUT|DELETE)", "(/[^"]*)"', src):
        assert (m, p.replace(":id", "{id}").replace(":name", "{name}")) in known, (m, p)
    for name in admin.get("/meta")["resources"]:
        meta = admin.get(f"/meta/{name}")
        want = {"list": [("GET", f"/{name}"), ("GET", f"/{name}/{{id}}")], "add": [("POST", f"/{name}")], "edit": [("PUT", f"/{name}/{{id}}")],
                "delete": [("DELETE", f"/{name}/{{id}}"), ("POST", f"/{name}/delete")], "export": [("GET", f"/{name}/export.csv")],
                "batchAdd": [("POST", f"/{name}/batch")]}
        for can in meta["can"]:
            for route in want.get(can, []):
                assert route in known
    for path in doc["paths"]:
        for m in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            if (m, path) not in known:
                status, _, h = admin.raw(m, path_of(path), {} if m in ("POST", "PUT", "PATCH") else None)
                assert status == 405 and m not in h["Allow"], (m, path, status)


def test_schemas_say_what_rows_are(admin):
    doc, _ = routes(admin)
    row = admin.get("/extensions?size=1")["rows"][0]
    props = doc["components"]["schemas"]["extensions"]["properties"]
    assert set(row) <= set(props)
    types = {"integer": int, "boolean": bool, "string": str}
    for k, v in row.items():
        assert v is None or isinstance(v, types[props[k]["type"]]), k
    refs = re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(doc))
    assert set(refs) <= set(doc["components"]["schemas"])
    ids = [op["operationId"] for _, _, op in routes(admin)[1]]
    assert len(ids) == len(set(ids))


def test_one_right_opens_one_thing(web, admin):
    """who may do what is walked by test_rights_walk.py; here: that a right is enough"""
    _, rs = routes(admin)
    web.role("agent5", "company", "nothing:list")
    a = web.login("agent5")
    assert a.session["rights"] == [] and a.get("/meta")["resources"] == []
    web.role("agent5", "company", "*")
    only = set(admin.get("/session")["rights"]) - set(a.get("/session")["rights"])  # the system administrator's
    for right in sorted({op["x-right"] for m, _, op in rs if "x-right" in op and m == "GET"} - only):
        web.role("agent5", "company", right)
        for m, p, op in rs:
            if m == "GET" and "x-right" in op:
                status, data, _ = a.raw(m, path_of(p))
                forbidden = status == 403 and json.loads(data)["error"]["code"] == "forbidden"
                assert forbidden != (op["x-right"] == right) and status < 500, (right, m, p, status)


def test_unknown_paths(web, admin):
    for p in ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/extensions/1/2/3", "/api/v1/extensions/x", "/api/v1/extensions/-1", "/api/v1/extensions/1e3",
              "/api/v1/extensions/99999999999999999999", "/api/v1/meta/nothing", "/api/v2/session", "/api/v1/extensions/"]:
        status, data, _ = admin.raw("GET", p)
        assert status == 404 or (status == 200 and p == "/api/v2/session"), (p, status)

"""Files in and out: jobs, exports (CSV, XLSX), imports in every encoding, with errors, all or the good lines."""
import codecs
import csv
import io
import json
import re
import time
import xml.etree.ElementTree as ET
import zipfile
from urllib.parse import quote

import pytest

from .test_extensions import refused

NS = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def wait(api, job, timeout=180):
    """the job when it is over"""
    end = time.monotonic() + timeout
    while True:
        j = api.get(f"/jobs/{job}")
        if j["state"] != "running":
            return j
        assert time.monotonic() < end, j
        time.sleep(0.05)  # lint: the push is shown elsewhere; here the request is


def export(api, resource, **body):
    job = wait(api, api.post(f"/{resource}/export", body)["job"])
    assert job["state"] == "done", job
    status, data, headers = api.raw("GET", f"/api/v1/jobs/{job['id']}/file")
    assert status == 200 and len(data) == job["size"]
    return job, data, headers


def rows_of(data):
    assert data.startswith(codecs.BOM_UTF8)
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def sheet(data):
    z = zipfile.ZipFile(io.BytesIO(data))
    assert z.testzip() is None
    root = ET.fromstring(z.read("xl/worksheets/sheet1.xml"))
    return [["".join(c.itertext()) for c in r.findall("m:c", NS)] for r in root.find("m:sheetData", NS)], root


def upload(api, resource, data, name="表.csv", **headers):
    status, body, _ = api.raw("POST", f"/api/v1/{resource}/import", data,
                              {"Content-Type": "application/octet-stream", "X-File-Name": quote(name), **headers})
    return status, json.loads(body)


def checked(api, resource, text, **kw):
    status, js = upload(api, resource, text if isinstance(text, bytes) else text.encode(), **kw)
    assert status == 200, js
    return js


def imported(api, resource, imp, mode="all", **kw):
    return wait(api, api.post(f"/{resource}/import/{imp}", {"mode": mode, **kw})["job"])


# ---- exports

def test_export_csv_by_a_job(admin):
    job, data, headers = export(admin, "extensions", format="csv", query="f.number=8001..8003&sort=-number")
    rows = rows_of(data)
    assert [r[rows[0].index("Number")] for r in rows[1:]] == ["8003", "8002", "8001"]
    assert job["kind"] == "export" and job["result"] == {"rows": 3} and (job["done"], job["total"]) == (3, 3)
    assert "Password" not in rows[0] and headers["Content-Disposition"].startswith("attachment; filename=")
    assert job["file"].startswith("Extensions-") and job["file"].endswith(".csv")


def test_export_of_chosen_rows_and_columns(admin):
    ids = [r["id"] for r in admin.get("/extensions?size=100")["rows"][3:5]]
    _, data, _ = export(admin, "extensions", format="csv", ids=ids, columns=["name", "number"])
    rows = rows_of(data)
    assert rows[0] == ["Name", "Number"] and [r[1] for r in rows[1:]] == ["8003", "8004"]
    for bad, key in [({"format": "pdf"}, "format"), ({}, "format"), ({"format": "csv", "ids": []}, "ids"), ({"format": "csv", "ids": ["x"]}, "ids"),
                     ({"format": "csv", "query": "f.nothing=1"}, "query"), ({"format": "csv", "columns": ["secret"]}, "columns"),
                     ({"format": "csv", "columns": ["nothing"]}, "columns"), ({"format": "xlsx", "query": "sort=secret"}, "query")]:
        if bad.get("query") == "sort=secret":
            assert wait(admin, admin.post("/extensions/export", bad)["job"])["state"] == "failed"
        else:
            assert key in refused(lambda: admin.post("/extensions/export", bad), 422, "invalid")["error"]["fields"]


def test_export_xlsx(admin):
    admin.post("/articles", {"subject": "=1+1", "category": "@x", "body": "多行\n<b>&\"'"})
    admin.post("/articles", {"subject": "013800138000", "category": "b", "body": "x" * 3000})
    job, data, _ = export(admin, "articles", format="xlsx", query="sort=subject")
    rows, root = sheet(data)
    assert job["file"].endswith(".xlsx") and len(rows) == 3
    flat = [c for r in rows for c in r]
    assert "=1+1" in flat and "013800138000" in flat and "多行\n<b>&\"'" in flat
    assert root.findall(".//m:f", NS) == [], "no cell is a formula"


def test_export_hides_what_its_user_may_not_see(web):
    web.add_call(callee_ext="8001")
    web.role("agent3", "company", "calls:list calls:export", mask=1)
    _, data, _ = export(web.login("agent3"), "calls", format="csv")
    assert b"13612345678" not in data and "1361****678".encode() in data
    _, data, _ = export(web.login("agent3"), "calls", format="xlsx")
    xml = b"".join(zipfile.ZipFile(io.BytesIO(data)).read(n) for n in zipfile.ZipFile(io.BytesIO(data)).namelist())
    assert b"13612345678" not in xml and b"1361****678" in xml


def test_jobs_are_ones_own(web, admin):
    job = wait(admin, admin.post("/extensions/export", {"format": "csv"})["job"])
    web.role("agent4", "company", "extensions:list")
    other = web.login("agent4")
    for path in [f"/jobs/{job['id']}", f"/jobs/{job['id']}/file"]:
        refused(lambda: other.get(path), 404, "not_found")
    refused(lambda: other("DELETE", f"/jobs/{job['id']}"), 404, "not_found")
    assert other.get("/jobs")["rows"] == []
    assert job["id"] in [j["id"] for j in admin.get("/jobs")["rows"]]
    refused(lambda: other.post("/extensions/export", {"format": "csv"}), 403, "forbidden")
    assert admin.raw("DELETE", f"/api/v1/jobs/{job['id']}")[0] == 204
    refused(lambda: admin.get(f"/jobs/{job['id']}"), 404, "not_found")


def test_a_job_can_be_cancelled(web, admin):
    web.db("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) "
           "INSERT INTO blacklist (company_id, number, note, created) SELECT 1, printf('9%08d', i), printf('row %d', i), i FROM n")
    job = admin.post("/blacklist/export", {"format": "csv"})["job"]
    assert admin.raw("DELETE", f"/api/v1/jobs/{job}")[0] == 204
    j = wait(admin, job)
    assert j["state"] == "cancelled" and j["file"] is None
    refused(lambda: admin.get(f"/jobs/{job}/file"), 404, "not_found")
    j, data, _ = export(admin, "blacklist", format="csv")
    assert len(rows_of(data)) == 30001 and j["result"]["rows"] == 30000
    web.db("DELETE FROM blacklist")


# ---- imports

def test_template(admin):
    status, data, headers = admin.raw("GET", "/api/v1/extensions/template.csv", headers={"Accept-Language": "zh-CN"})
    assert status == 200 and data.decode("utf-8-sig").startswith("公司名称,分机号码*,名称,")
    assert "attachment" in headers["Content-Disposition"]
    assert "Number*" in admin.raw("GET", "/api/v1/extensions/template.csv")[1].decode("utf-8-sig")


TABLE = "黑名单号码,备注\r\n13900000001,第一\r\n13900000002,\"含,逗号\"\r\n"


@pytest.mark.parametrize("encoding,name", [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("gb18030", "GB18030"), ("gbk", "GB18030"), ("utf-16", "UTF-16LE"),
                                           ("utf-16-be", "UTF-16BE")])
def test_encodings(web, admin, encoding, name):
    head = [f["label"]["zh-CN"] for f in admin.get("/meta/blacklist")["fields"] if f["key"] in ("number", "note")]
    text = TABLE.replace("黑名单号码,备注", ",".join(head))
    data = (codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b"") + text.encode(encoding)
    web.db("DELETE FROM blacklist")
    js = checked(admin, "blacklist", data)
    assert js["encoding"] == name and (js["lines"], js["good"], js["bads"]) == (2, 2, 0)
    assert [c["key"] for c in js["columns"]] == ["number", "note"] and js["preview"][1][1] == "含,逗号" and js["name"] == "表.csv"
    j = imported(admin, "blacklist", js["import"])
    assert j["state"] == "done" and j["result"] == {"lines": 2, "added": 2, "updated": 0, "bad": 0}
    assert web.db("SELECT number, note FROM blacklist ORDER BY number") == [("13900000001", "第一"), ("13900000002", "含,逗号")]
    refused(lambda: admin.post(f"/blacklist/import/{js['import']}", {"mode": "all"}), 404, "import_gone")


BAD = """number,note
13900000011,good
abc,letters
13900000011,twice
,nothing
13900000012,"quo"te
13900000013,"a
second line"
13900000014,fine
"""


def test_bad_lines_are_told(web, admin):
    web.db("DELETE FROM blacklist")
    web.db("INSERT INTO blacklist (company_id, number, created) VALUES (1, '13900000014', 1)")
    js = checked(admin, "blacklist", BAD)
    assert (js["lines"], js["good"], js["bads"]) == (7, 2, 5)
    told = {(b["line"], b["reason"]) for b in js["bad"]}
    assert told == {(3, "pattern"), (4, "twice"), (5, "required"), (6, "quotes"), (8, "unique")}
    bad = next(b for b in js["bad"] if b["line"] == 3)
    assert bad["column"] == "number" and bad["value"] == "abc" and bad["message"] == "has a wrong form"
    # all or nothing: nothing, and the lines with their reasons
    j = imported(admin, "blacklist", js["import"])
    assert j["state"] == "failed" and j["error"]["code"] == "import_bad" and j["result"]["bad"] == 5 and j["result"]["added"] == 0
    assert web.db("SELECT count(*) FROM blacklist") == [(1,)]
    rows = rows_of(admin.raw("GET", f"/api/v1/jobs/{j['id']}/file")[1])
    assert rows[0] == ["number", "note", "Reason"] and len(rows) == 6
    assert rows[1] == ["abc", "letters", "number: has a wrong form"]
    # the good lines
    js = checked(admin, "blacklist", BAD)
    j = imported(admin, "blacklist", js["import"], mode="good")
    assert j["state"] == "done" and j["result"] == {"lines": 7, "added": 2, "updated": 0, "bad": 5}
    assert web.db("SELECT note FROM blacklist WHERE number = '13900000013'") == [("a second line",)]
    # in the user's language
    status, body, _ = admin.raw("POST", "/api/v1/blacklist/import", BAD.encode(), {"Content-Type": "text/csv", "Accept-Language": "zh-CN"})
    assert {b["message"] for b in json.loads(body)["bad"]} >= {"格式不正确", "在文件中重复", "不能为空", "引号不配对", "已存在"}


def test_columns_can_be_chosen(web, admin):
    web.db("DELETE FROM blacklist")
    js = checked(admin, "blacklist", "电话,说明,number\n13900000021,x,1\n")
    assert [c["key"] for c in js["columns"]] == [None, None, "number"]
    again = admin.post(f"/blacklist/import/{js['import']}/check", {"map": {"电话": "number", "说明": "note", "number": None}})
    assert again["import"] == js["import"] and again["good"] == 1 and [c["key"] for c in again["columns"]] == ["number", "note", None]
    for bad in [{"电话": "nothing"}, {"什么": "number"}, {"电话": "number", "说明": "number"}, {"电话": "created"}]:
        refused(lambda: admin.post(f"/blacklist/import/{js['import']}/check", {"map": bad}), 422, "invalid")
    j = imported(admin, "blacklist", js["import"], map={"电话": "number", "说明": "note", "number": None})
    assert j["state"] == "done" and web.db("SELECT number, note FROM blacklist") == [("13900000021", "x")]


def test_references_lists_and_targets_by_name(web, admin):
    text = "队列名称,队列号码,队列策略,队列坐席,溢出去向\n进线一,6101,全部响铃,8001; 8002,分机 8003\n进线二,6102,ringall,9999,挂机\n"
    fields = {f["key"]: f["label"]["zh-CN"] for f in admin.get("/meta/queues")["fields"]}
    text = text.replace("溢出去向", fields["app"])
    js = checked(admin, "queues", text)
    assert (js["good"], [(b["line"], b["reason"], b["column"]) for b in js["bad"]]) == (1, [(3, "reference", "队列坐席")]), js
    j = imported(admin, "queues", js["import"], mode="good")
    assert j["result"]["added"] == 1, j
    q = admin.get("/queues?f.number=6101")["rows"][0]
    assert [m["label"].split()[0] for m in q["members"]] == ["8001", "8002"] and q["app_label"].startswith("8003") and q["strategy"] == "ringall"


def test_update_by_the_unique_column(web, admin):
    js = checked(admin, "extensions", "Number,Name,Recording\n8020,改名,no\n9820,新的,yes\n")
    assert js["good"] == 1 and js["bad"][0]["reason"] == "unique"
    js = admin.post(f"/extensions/import/{js['import']}/check", {"update": True})
    assert (js["good"], js["added"], js["updated"]) == (2, 1, 1)
    j = imported(admin, "extensions", js["import"], update=True)
    assert j["result"] == {"lines": 2, "added": 1, "updated": 1, "bad": 0}
    rows = admin.get("/extensions?f.number=8020,9820")["rows"]
    assert [(r["name"], r["record"], r["rev"]) for r in rows] == [("改名", False, 2), ("新的", True, 1)]
    assert web.db("SELECT action FROM audit WHERE resource = 'extensions' AND row_id = ?", rows[0]["id"])[-1] == ("edit",)


def test_what_was_exported_can_be_imported(web, admin):
    web.db("DELETE FROM blacklist")
    for number, note in [("13900000031", "=1+1"), ("008613900000032", "-5"), ("13900000033", "@cmd")]:
        admin.post("/blacklist", {"number": number, "note": note})
    before = web.db("SELECT number, note FROM blacklist ORDER BY number")
    _, data, _ = export(admin, "blacklist", format="csv")
    assert b"\"'=1+1\"" in data
    web.db("DELETE FROM blacklist")
    js = checked(admin, "blacklist", data)
    assert js["bads"] == 0, js
    assert imported(admin, "blacklist", js["import"])["state"] == "done"
    assert web.db("SELECT number, note FROM blacklist ORDER BY number") == before


@pytest.mark.parametrize("data,status,code", [(b"", 400, "empty_file"), (b"\xff\xfe", 422, "import_none"), (b"nothing,fits\n1,2\n", 422, "import_none"),
                                              (b"\n\n\n", 422, "import_none"), (b"\x00" * 5000, 422, "import_none"), (b'"', 422, "import_none")])
def test_no_table(admin, data, status, code):
    s, js = upload(admin, "blacklist", data)
    assert (s, js["error"]["code"]) == (status, code)


def test_file_too_large(admin):
    s, js = upload(admin, "blacklist", b"number\n" + b"1" * (64 << 20))
    assert (s, js["error"]["code"]) == (413, "too_large")
    assert admin.get("/blacklist")["total"] >= 0


def test_nobody_elses_import(web, admin):
    js = checked(admin, "blacklist", "number\n13900000041\n")
    web.role("agent4", "company", "blacklist:list blacklist:import")
    other = web.login("agent4")
    refused(lambda: other.post(f"/blacklist/import/{js['import']}", {"mode": "all"}), 404, "import_gone")
    refused(lambda: other("DELETE", f"/blacklist/import/{js['import']}"), 404, "import_gone")
    refused(lambda: admin.post(f"/extensions/import/{js['import']}", {"mode": "all"}), 404, "import_gone")
    refused(lambda: admin.post(f"/blacklist/import/{js['import']}", {"mode": "some"}), 422, "invalid")
    assert admin.raw("DELETE", f"/api/v1/blacklist/import/{js['import']}")[0] == 204
    web.role("agent4", "company", "blacklist:list")
    assert upload(web.login("agent4"), "blacklist", b"number\n1390\n")[0] == 403


def test_eighty_thousand_lines(web, admin):
    web.db("DELETE FROM blacklist")
    text = "number,note\n" + "".join(f"9{i:09},line {i}\n" for i in range(80000))
    t = time.monotonic()
    js = checked(admin, "blacklist", text)
    looked = time.monotonic() - t
    assert js["good"] == 80000
    t = time.monotonic()
    j = imported(admin, "blacklist", js["import"], mode="good")
    wrote = time.monotonic() - t
    assert j["result"]["added"] == 80000
    print(f"80,000 lines: looked through in {looked:.1f} s, written in {wrote:.1f} s")
    assert web.db("SELECT count(*) FROM blacklist") == [(80000,)]
    t = time.monotonic()
    assert admin.post("/blacklist/delete", {"all": True, "filter": "", "confirm": 80000}) == {"deleted": 80000}
    print(f"deleted in {time.monotonic() - t:.1f} s")

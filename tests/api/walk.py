"""The world the walker of test_rights_walk.py walks in, and what it knows about requests: bodies from descriptors, ids by path."""
import contextlib
import hashlib
import http.client
import io
import json
import re
import sqlite3
import struct
import urllib.parse
import zlib

MARK = "ZXMARKA"  # is in every text of company A
CUSTOMER_A = "73519990001"  # a customer of A


class Http:
    """one person's keep-alive connection"""

    def __init__(self, port, name=""):
        self.port, self.name, self.cookie, self.csrf, self.session = port, name, "", "", None
        self.conn = None

    def raw(self, method, path, body=None, headers=None):
        h = {"Accept-Language": "en", **(headers or {})}
        if self.cookie:
            h.setdefault("Cookie", self.cookie)
        if self.csrf and method != "GET":
            h.setdefault("X-CSRF-Token", self.csrf)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            h.setdefault("Content-Type", "application/json")
        for again in (True, False):
            try:
                if not self.conn:
                    self.conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.conn.request(method, "/api/v1" + path, body=body, headers=h)
                r = self.conn.getresponse()
                data = r.read()
                if r.getheader("Connection") == "close":
                    self.close()
                return r.status, data, r.headers
            except (http.client.HTTPException, OSError):
                self.close()
                if not again:
                    raise

    def close(self):
        if self.conn:
            self.conn.close()
        self.conn = None

    def __call__(self, method, path, body=None, headers=None):
        status, data, h = self.raw(method, path, body, headers)
        assert status < 300, (self.name, method, path, body, status, data[:400])
        return json.loads(data) if data and "json" in (h.get("Content-Type") or "") else data

    def get(self, path):
        return self("GET", path)

    def post(self, path, body=None):
        return self("POST", path, {} if body is None else body)

    def login(self, user, password):
        status, data, h = self.raw("POST", "/session", {"login": user, "password": password})
        assert status == 200, (user, status, data)
        self.cookie = h["Set-Cookie"].split(";")[0]
        self.session = json.loads(data)
        self.csrf = self.session["csrf"]
        return self

    def rights(self):
        return set(self.get("/session")["rights"])


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(b"\0\0\0\0")) + chunk(b"IEND", b"")


def wav(channels=1):
    data = b"".join(struct.pack("<h", (i * 37) % 8000) for i in range(8000 * channels))
    head = struct.pack("<IHHIIHH", 16, 1, channels, 8000, 16000 * channels, 2 * channels, 16)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + head + b"data" + struct.pack("<I", len(data)) + data


class Unknown(AssertionError):
    """a request the walker cannot make: it has to be taught"""


class Bodies:
    """bodies of a resource from its descriptor, as a person sees it"""

    # what a descriptor alone does not say
    FIXED = {("inbound_routes", "pattern"): lambda b: "0571" + b.digits(6), ("inbound_routes", "caller"): lambda b: "",
             ("outbound_routes", "pattern"): lambda b: "9" + b.digits(6) + ".",
             ("roles", "rights"): lambda b: ["calls:list"], ("trunks", "host"): lambda b: "10.9.8." + str(b.next() % 250 + 1),
             ("locations", "prefix"): lambda b: f"142{b.next():04d}", ("companies", "area_code"): lambda b: "0571", ("locations", "area_code"): lambda b: "0571"}

    def __init__(self, who, mark, prefix):
        self.who, self.mark, self.prefix, self.n = who, mark, prefix, 0
        self.metas = {}

    def next(self):
        self.n += 1
        return self.n

    def digits(self, n):
        return str(self.next()).rjust(n, "7")[-n:]

    def meta(self, name):
        if name not in self.metas:
            self.metas[name] = self.who.get(f"/meta/{name}")
        return self.metas[name]

    def text(self, f):
        most = f.get("maxLen") or 40
        text = (self.mark + str(self.next()))[-most:]
        return text if not f.get("pattern") or f.get("required") or re.search(f["pattern"], text) else ""

    def refs(self, name, key, query=""):
        status, data, _ = self.who.raw("GET", f"/{name}/refs/{key}?size=50{query}")
        return [r["id"] for r in json.loads(data)["rows"]] if status == 200 else []

    def value(self, name, f, path="", foreign=None):
        """a value that is right; foreign: ids of company A by resource, for references"""
        key, t = f["key"], f["type"]
        if (name, key) in self.FIXED:
            return self.FIXED[name, key](self)
        if t in ("text", "textarea"):
            return self.text(f)
        if t == "digits":
            longest = f.get("maxLen") or (int(re.search(r"\{(?:\d+,)?(\d+)\}", f["pattern"]).group(1)) if "{" in (f.get("pattern") or "") else 8)
            return (self.prefix + self.digits(8 - len(self.prefix)))[-longest:]
        if t == "phone":
            return "1395" + self.digits(7)
        if t == "secret":
            return "Geheim-" + self.digits(8)
        if t == "bool":
            return True
        if t in ("int", "duration"):
            return f["def"] if isinstance(f.get("def"), int) else max(f.get("min", 0), min(f.get("max", 5) or 5, 5))
        if t == "enum":
            return next(o["v"] for o in f["options"])
        if t == "order":
            return ",".join(o["v"] for o in f["options"])
        if t == "cidr":
            return "10.1.2.0/24"
        if t == "time":
            return "08:30"
        if t == "date":
            return "2026-10-01"
        if t == "datetime":
            return 1800000000000
        if t == "ref":
            if foreign is not None:
                return foreign[f["ref"]][0] if foreign.get(f["ref"]) else None
            if not path and not f.get("required"):
                return None
            got = self.refs(name, path + key, "&" + f["refFilter"] if f.get("refFilter") else "")
            return got[self.next() % len(got)] if got else None
        if t == "target":
            if foreign is not None:
                app = next((a for a in f["target"]["apps"] if a["resource"] and foreign.get(a["resource"])), None)
                return (app["app"], str(foreign[app["resource"]][0])) if app else ("hangup", "")
            return ("hangup", "")
        if t == "list":
            items = f["list"]["items"]
            vals = {}
            for it in items:
                if it.get("readOnly"):
                    continue
                v = self.value(name, it, key + ".", foreign)
                if it["type"] == "target":
                    vals[it["key"]], vals[it["target"].get("param", "param")] = v
                else:
                    vals[it["key"]] = v
            if f["list"]["single"]:
                v = next(iter(vals.values()), None)
                return [] if v is None else [v]
            return [vals]
        if t in ("upload", "json", "audio"):
            return None
        raise Unknown(f"{name}.{key}: no value for type {t}")

    def body(self, name, foreign=None, company=None):
        out = {}
        for f in self.meta(name)["fields"]:
            if "form" not in f["in"] or f.get("readOnly") or f["type"] == "upload":
                continue
            if f["key"] == "company_id":
                if company:
                    out["company_id"] = company
                continue
            v = self.value(name, f, "", foreign)
            if f["type"] == "target":
                out[f["key"]], out[f["target"].get("param", "param")] = v
            elif v is not None:
                out[f["key"]] = v
        for (n, key), make in self.FIXED.items():
            if n == name and key not in out and key == "rights":
                out[key] = make(self)
        return out


# ---- the store: what there is, and whose ----

class Snapshot:
    """every row of every table, with the company it belongs to; None: nobody's"""
    SKIP = {"sqlite_stat1", "sqlite_stat4", "bindings"}

    def __init__(self, path):
        self.rows = {}  # (table, key) -> (hash, company, user)
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            tables = [r[0] for r in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
            owner, data, parents = {}, {}, {}
            for t in tables:
                info = list(db.execute(f"PRAGMA table_info({t})"))
                pk = [c["name"] for c in sorted(info, key=lambda c: c["pk"]) if c["pk"]] or ["rowid"]
                parents[t] = [(f["table"], f["from"]) for f in db.execute(f"PRAGMA foreign_key_list({t})")]
                data[t] = [(tuple(r[k] for k in pk), dict(r)) for r in db.execute(f"SELECT {'rowid, ' if pk == ['rowid'] else ''}* FROM {t}")]
            for r in data["users"]:
                owner["user", r[1]["id"]] = r[1]["company_id"]
            for t in tables:
                for key, r in data[t]:
                    owner[t, r.get("id", key)] = r["id"] if t == "companies" else r.get("company_id")
            for t in tables:
                if t in self.SKIP:
                    continue
                for key, r in data[t]:
                    company = owner[t, r.get("id", key)]
                    if company is None and "company_id" not in r:
                        if t == "numbers":
                            company = owner.get((r["resource"], r["row_id"]))
                        else:
                            company = next((owner.get((p, r[c])) for p, c in parents[t] if r[c] is not None), None)
                    r = {k: v for k, v in r.items() if not (t == "sessions" and k == "seen")}
                    text = repr(sorted((k, v) for k, v in r.items()))
                    self.rows[t, key] = (hashlib.sha256(text.encode()).digest(), company, r.get("user_id", r["id"] if t == "users" else None), text)

    def changes(self, before, allowed=lambda table, key, company, user: False):
        """rows that are other than before and should not be"""
        out = []
        for k in set(self.rows) | set(before.rows):
            a, b = before.rows.get(k), self.rows.get(k)
            if a and b and a[0] == b[0]:
                continue
            if all(x is None or allowed(k[0], k[1], x[1], x[2]) for x in (a, b)):
                continue
            out.append((k, (a or b)[1], a and a[3][:300], b and b[3][:300]))
        return out


def quoted(s):
    return urllib.parse.quote(str(s))


def csv_of(columns, values):
    out = io.StringIO()
    out.write(",".join(columns) + "\r\n" + ",".join('"' + str(v).replace('"', '""') + '"' for v in values) + "\r\n")
    return out.getvalue().encode()

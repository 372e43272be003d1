"""SIP messages and digest for the test phones. RFC 3261, RFC 7616."""
import hashlib
import os
import re

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
           "s": "subject", "k": "supported", "e": "content-encoding", "r": "refer-to", "b": "referred-by", "x": "session-expires"}


def token(n=8):
    return os.urandom(n).hex()


class Msg:
    """one message; header names are matched without case, compact forms included"""

    def __init__(self, data):
        self.raw = data
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
        self.start = lines[0]
        self.headers = []
        for line in lines[1:]:
            k, _, v = line.partition(":")
            k = k.strip()
            self.headers.append((COMPACT.get(k.lower(), k.lower()), v.strip()))
        self.is_response = self.start.startswith("SIP/2.0")
        self.status = int(self.start.split()[1]) if self.is_response else 0
        self.reason = self.start.split(None, 2)[2] if self.is_response and len(self.start.split(None, 2)) > 2 else ""
        self.method = "" if self.is_response else self.start.split()[0]
        self.ruri = "" if self.is_response else self.start.split()[1]
        cs = (self.get("cseq") or "0 X").split()
        self.cseq, self.cseq_method = int(cs[0]), cs[1]
        self.src = None

    def get(self, name, default=None):
        for k, v in self.headers:
            if k == name.lower():
                return v
        return default

    def all(self, name):
        return [v for k, v in self.headers if k == name.lower()]

    @property
    def callid(self):
        return self.get("call-id", "")

    def tag(self, name):
        m = re.search(r";\s*tag=([^;>\s]+)", self.get(name, ""))
        return m.group(1) if m else ""

    def uri(self, name):
        v = self.get(name, "")
        m = re.search(r"<([^>]+)>", v)
        return m.group(1) if m else v.split(";")[0].strip()

    def sdp(self):
        return Sdp(self.body.decode()) if self.body else None

    def __repr__(self):
        return f"<{self.start} {self.get('cseq')} {self.callid}>"


class Sdp:
    def __init__(self, text):
        self.text = text
        self.lines = text.replace("\r\n", "\n").split("\n")
        c = [x for x in self.lines if x.startswith("c=")]
        self.addr = c[-1].split()[2] if c else None
        m = [x for x in self.lines if x.startswith("m=audio")]
        f = m[0].split()
        self.port = int(f[1])
        self.proto = f[2]
        self.pts = [int(x) for x in f[3:]]
        self.dir = next((x[2:] for x in self.lines if x in ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")), "sendrecv")
        self.te_pt = next((int(x[9:].split()[0]) for x in self.lines if x.startswith("a=rtpmap:") and "telephone-event" in x), None)

    @property
    def remote(self):
        return (self.addr, self.port)

    def attr(self, name):
        return [x[len(name) + 3:] for x in self.lines if x.startswith(f"a={name}:")]


_version = [1]


def make_sdp(addr, port, pts=(0, 8), direction="sendrecv", te_pt=101, extra="", proto="RTP/AVP"):
    """an audio offer or answer"""
    _version[0] += 1
    names = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000", 18: "G729/8000"}
    fam = "IP6" if ":" in addr else "IP4"
    fmts = list(pts) + ([te_pt] if te_pt else [])
    s = (f"v=0\r\no=test 1 {_version[0]} IN {fam} {addr}\r\ns=-\r\nc=IN {fam} {addr}\r\nt=0 0\r\n"
         f"m=audio {port} {proto} {' '.join(map(str, fmts))}\r\n")
    s += "".join(f"a=rtpmap:{p} {names[p]}\r\n" for p in pts)
    if te_pt:
        s += f"a=rtpmap:{te_pt} telephone-event/8000\r\na=fmtp:{te_pt} 0-15\r\n"
    return s + extra + f"a=ptime:20\r\na={direction}\r\n"


def challenge(msg, algorithm=None):
    """the parameters of the WWW-/Proxy-Authenticate header we can answer (or of the given algorithm)"""
    for v in msg.all("www-authenticate") + msg.all("proxy-authenticate"):
        p = {k.lower(): (q or u) for k, q, u in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', v)}
        p.setdefault("algorithm", "MD5")
        if algorithm is None and p["algorithm"].upper() in ("MD5", "SHA-256") or algorithm == p["algorithm"].upper():
            return p
    return None


def authorization(ch, user, password, method, uri, nc=1, cnonce=None, response=None):
    h = hashlib.sha256 if ch["algorithm"].upper() == "SHA-256" else hashlib.md5

    def dig(x):
        return h(x.encode()).hexdigest()
    cnonce = cnonce or token(4)
    ha1, ha2 = dig(f"{user}:{ch['realm']}:{password}"), dig(f"{method}:{uri}")
    r = response or dig(f"{ha1}:{ch['nonce']}:{nc:08x}:{cnonce}:auth:{ha2}")
    return (f'Digest username="{user}", realm="{ch["realm"]}", nonce="{ch["nonce"]}", uri="{uri}", response="{r}", '
            f'algorithm={ch["algorithm"]}, qop=auth, nc={nc:08x}, cnonce="{cnonce}"' +
            (f', opaque="{ch["opaque"]}"' if ch.get("opaque") else ""))

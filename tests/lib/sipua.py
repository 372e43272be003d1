"""Test phones: exact, scriptable SIP user agents over UDP, TCP or TLS. One thread reads; the test drives.

Every wait has a deadline and fails with what did arrive. Nothing is retransmitted unless the test says so,
so that a lost or duplicated message is seen.
"""
import re
import select
import socket
import ssl
import threading
import time

from .rtp import Rtp
from .sipmsg import Msg, Sdp, authorization, challenge, make_sdp, token

WAIT = 8.0


class Ua:
    def __init__(self, user, password="", server=("127.0.0.1", 5084), transport="udp", host="127.0.0.1", contact=None, port=0):
        self.user, self.password, self.server, self.tp, self.host = user, password, server, transport, host
        fam = socket.AF_INET6 if ":" in host else socket.AF_INET
        if transport == "udp":
            self.sock = socket.socket(fam, socket.SOCK_DGRAM)
            self.sock.bind((host, port))
        else:
            self.sock = socket.socket(fam, socket.SOCK_STREAM)
            self.sock.bind((host, port))
            self.sock.settimeout(WAIT)
            self.sock.connect(server)
            if transport == "tls":
                ctx = ssl.create_default_context()
                ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
                self.sock = ctx.wrap_socket(self.sock)
            self.sock.settimeout(None)
        if transport == "tls":
            self.sock.setblocking(False)
        self.tls_lock = threading.Lock()  # OpenSSL does not read and write one connection in two threads at a time
        self.port = self.sock.getsockname()[1]
        self.contact_addr = contact or self.hostport
        self.cond = threading.Condition()
        self.inbox, self.log = [], []
        self.calls = {}
        self.auto = True          # answer BYE, OPTIONS, NOTIFY, INFO, re-INVITE by itself
        self._closed = False
        self._reg_callid, self._reg_cseq = token() + "@test", 0
        self._thread = threading.Thread(target=self._read_loop, daemon=True)
        self._thread.start()

    # ---- addresses
    @property
    def hostport(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def domain(self):
        return f"[{self.server[0]}]" if ":" in self.server[0] else self.server[0]

    @property
    def contact(self):
        tp = f";transport={self.tp}" if self.tp != "udp" else ""
        return f"<sip:{self.user}@{self.contact_addr}{tp}>"

    def via(self, branch=None):
        return f"SIP/2.0/{self.tp.upper()} {self.hostport};rport;branch=z9hG4bK{branch or token()}"

    def close(self):
        self._closed = True
        for c in list(self.calls.values()):
            c.rtp.close()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.close()

    # ---- wire
    def send_raw(self, data):
        if isinstance(data, str):
            data = data.encode()
        if self.tp == "udp":
            self.sock.sendto(data, self.server)
        elif self.tp == "tls":
            with self.tls_lock:
                self.sock.sendall(data)
        else:
            self.sock.sendall(data)

    def send(self, start, headers, body=""):
        if isinstance(body, str):
            body = body.encode()
        lines = [start] + [f"{k}: {v}" for k, v in headers] + [f"Content-Length: {len(body)}", "", ""]
        data = "\r\n".join(lines).encode() + body
        self.send_raw(data)
        return data

    def request(self, method, uri, headers=(), body="", callid=None, cseq=1, to=None, from_tag=None, branch=None, maxfwd=70):
        """a request outside a dialog; headers override by name"""
        base = [("Via", self.via(branch)), ("Max-Forwards", maxfwd), ("From", f"<sip:{self.user}@{self.domain}>;tag={from_tag or token(4)}"),
                ("To", to or f"<{uri}>"), ("Call-ID", callid or token() + "@test"), ("CSeq", f"{cseq} {method}"), ("Contact", self.contact)]
        names = {k.lower() for k, _ in headers}
        return self.send(f"{method} {uri} SIP/2.0", [h for h in base if h[0].lower() not in names] + list(headers), body)

    def reply(self, req, status, reason, headers=(), body="", to_tag=None):
        h = [("Via", v) for v in req.all("via")] + [("Record-Route", v) for v in req.all("record-route")]
        to = req.get("to")
        if to_tag and ";tag=" not in to:
            to += f";tag={to_tag}"
        h += [("From", req.get("from")), ("To", to), ("Call-ID", req.callid), ("CSeq", req.get("cseq"))]
        return self.send(f"SIP/2.0 {status} {reason}", h + list(headers), body)

    def _recv(self):
        while self.tp == "tls":
            with self.tls_lock:
                try:
                    return self.sock.recv(65536)
                except ssl.SSLWantReadError:
                    pass
            select.select([self.sock], [], [], 0.5)
            if self._closed:
                return b""
        return self.sock.recv(65536)

    def _read_loop(self):
        buf = b""
        while not self._closed:
            try:
                data, src = self.sock.recvfrom(65536) if self.tp == "udp" else (self._recv(), None)
            except (OSError, ValueError):
                break
            if self.tp == "udp":
                self._take(data, src)
                continue
            if not data:
                break
            buf += data
            while True:
                buf = buf.lstrip(b"\r\n")
                head, sep, rest = buf.partition(b"\r\n\r\n")
                m = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", head)
                n = int(m.group(1)) if m else 0
                if not sep or len(rest) < n:
                    break
                self._take(head + sep + rest[:n], None)
                buf = rest[n:]
        with self.cond:
            self._closed = True
            self.cond.notify_all()

    def _take(self, data, src):
        if not data.strip():
            return
        try:
            m = Msg(data)
        except (ValueError, IndexError):
            return
        m.src = src
        m.at = time.monotonic()
        call = self.calls.get(m.callid)
        if self.auto and not m.is_response and self._auto(m, call):
            with self.cond:
                self.log.append(m)
                self.cond.notify_all()
            return
        with self.cond:
            self.log.append(m)
            self.inbox.append(m)
            self.cond.notify_all()

    def _auto(self, m, call):
        if m.method == "OPTIONS":
            self.reply(m, 200, "OK", to_tag="opt")
        elif m.method == "BYE" and call:
            self.reply(m, 200, "OK")
            call.ended = m
        elif m.method in ("NOTIFY", "INFO") and call:
            call.notes.append(m)
            self.reply(m, 200, "OK")
        elif m.method in ("INVITE", "UPDATE") and call and call.answered and m.tag("to"):
            call.take_offer(m)
        elif m.method == "ACK" and call and call.answered:
            call.acked = m
            if m.body:
                call.remote_sdp(m.sdp())
        else:
            return False
        return True

    # ---- waiting
    def expect(self, pred, timeout=WAIT, what="message"):
        """takes the first message that fits out of the inbox"""
        end = time.monotonic() + timeout
        with self.cond:
            while True:
                for i, m in enumerate(self.inbox):
                    if pred(m):
                        return self.inbox.pop(i)
                left = end - time.monotonic()
                if left <= 0 or self._closed:
                    raise AssertionError(f"{self.user}: no {what} in {timeout} s; got {self.log[-8:]}")
                self.cond.wait(left)

    def until(self, pred, timeout=WAIT, what="condition"):
        """wait until pred() is true; looked at whenever something arrives"""
        end = time.monotonic() + timeout
        with self.cond:
            while not pred():
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{self.user}: {what} not in {timeout} s; got {self.log[-8:]}")
                self.cond.wait(left)

    def response(self, method, timeout=WAIT, final=True, callid=None):
        return self.expect(lambda m: m.is_response and m.cseq_method == method and (m.status >= 200 or not final) and
                           (callid is None or m.callid == callid), timeout, f"response to {method}")

    def nothing(self, pred, seconds=0.5):
        """nothing that fits arrives for so long"""
        try:
            m = self.expect(pred, seconds)
        except AssertionError:
            return
        raise AssertionError(f"{self.user}: did not want {m}")

    # ---- registration
    def register(self, expires=300, contact=None, algorithm=None, headers=(), password=None, check=200):
        """REGISTER, with digest when asked for; the final response"""
        uri = f"sip:{self.domain}"
        auth, r = [], None
        for _ in range(3):
            self._reg_cseq += 1
            self.request("REGISTER", uri, [("Contact", contact or self.contact), ("Expires", expires)] + list(headers) + auth,
                         callid=self._reg_callid, cseq=self._reg_cseq, to=f"<sip:{self.user}@{self.domain}>")
            r = self.response("REGISTER", callid=self._reg_callid)
            if r.status != 401 or auth:
                break
            ch = challenge(r, algorithm)
            assert ch, f"no usable challenge in {r.raw!r}"
            auth = [("Authorization", authorization(ch, self.user, password or self.password, "REGISTER", uri))]
        if check:
            assert r.status == check, f"REGISTER: {r.start}"
        return r

    # ---- calls
    def invite(self, number, freq=440, pts=(0, 8), sdp=None, headers=(), direction="sendrecv", te_pt=101, late=False):
        """starts a call and passes the challenge; returns when the authenticated INVITE is out"""
        c = Call(self, freq)
        c.number, c.uri = number, f"sip:{number}@{self.domain}"
        c.local_tag = token(4)
        body = "" if late else (sdp or make_sdp(self.host, c.rtp.port, pts, direction, te_pt))
        c.rtp.te_pt = te_pt or 101
        c.rtp.pt = pts[0] if pts[0] in (0, 8) else 0
        c.invite_headers = list(headers) + ([("Content-Type", "application/sdp")] if body else [])
        c.body = body
        self.calls[c.callid] = c
        c.send_invite()
        r = self.expect(lambda m: m.is_response and m.callid == c.callid, WAIT, "response to INVITE")
        if r.status == 401:
            c.ack_failure(r)
            ch = challenge(r)
            c.auth = [("Authorization", authorization(ch, self.user, self.password, "INVITE", c.uri))]
            c.send_invite()
        else:
            with self.cond:
                self.inbox.insert(0, r)
        return c

    def call(self, number, **kw):
        """invite and wait for the answer"""
        c = self.invite(number, **kw)
        c.wait_answer()
        return c

    def incoming(self, timeout=WAIT, freq=880):
        """waits for a new call to this phone"""
        m = self.expect(lambda m: m.method == "INVITE" and not m.tag("to"), timeout, "INVITE")
        c = Call(self, freq)
        c.uas, c.req, c.callid = True, m, m.callid
        c.local_tag, c.remote_tag = token(4), m.tag("from")
        c.target = m.uri("contact")
        c.from_hdr, c.to_hdr = m.get("to"), m.get("from")
        c.routes = m.all("record-route")
        c.cseq = 100
        self.calls[c.callid] = c
        return c


class Call:
    """one dialog of a phone, with its RTP"""

    def __init__(self, ua, freq):
        self.ua, self.uas = ua, False
        self.callid, self.cseq = token() + "@test", 1
        self.local_tag = self.remote_tag = ""
        self.rtp = Rtp(ua.host)
        self.rtp.freq = freq
        self.auth, self.routes, self.notes = [], [], []
        self.answered = False
        self.ended = self.acked = None
        self.offers = []          # directions of offers received in the dialog
        self.answer_dir = None    # force the direction of our answers
        self.branch = None

    # ---- UAC
    def send_invite(self):
        self.branch = token()
        h = [("Via", self.ua.via(self.branch)), ("Max-Forwards", 70), ("From", f"<sip:{self.ua.user}@{self.ua.domain}>;tag={self.local_tag}"),
             ("To", f"<{self.uri}>"), ("Call-ID", self.callid), ("CSeq", f"{self.cseq} INVITE"), ("Contact", self.ua.contact)]
        self.sent = self.ua.send(f"INVITE {self.uri} SIP/2.0", h + self.invite_headers + self.auth, self.body)

    def ack_failure(self, r):
        self.ua.send(f"ACK {self.uri} SIP/2.0", [("Via", self.ua.via(self.branch)), ("Max-Forwards", 70), ("From", r.get("from")), ("To", r.get("to")),
                                                 ("Call-ID", self.callid), ("CSeq", f"{self.cseq} ACK")])
        self.cseq += 1

    def wait_status(self, *status, timeout=WAIT):
        """a response to our INVITE with one of these codes; an early answer starts the audio"""
        r = self.ua.expect(lambda m: m.is_response and m.callid == self.callid and m.cseq_method == "INVITE" and m.cseq == self.cseq and
                           m.status in status, timeout, f"{status}")
        if r.body and r.status < 200:
            self.remote_sdp(r.sdp())
        return r

    def wait_answer(self, timeout=WAIT, sdp=None):
        r = self.wait_status(200, timeout=timeout)
        self.established(r)
        self.ack(sdp)
        return r

    def established(self, r):
        self.answered = True
        self.remote_tag, self.target = r.tag("to"), r.uri("contact")
        self.routes = list(reversed(r.all("record-route")))
        self.from_hdr, self.to_hdr = r.get("from"), r.get("to")
        if r.body:
            self.remote_sdp(r.sdp())

    def ack(self, sdp=None):
        self.ua.send(f"ACK {self.target} SIP/2.0", self._dialog("ACK", self.cseq) + ([("Content-Type", "application/sdp")] if sdp else []), sdp or "")

    def wait_failure(self, timeout=WAIT):
        """the final failure, acknowledged"""
        r = self.ua.expect(lambda m: m.is_response and m.callid == self.callid and m.cseq_method == "INVITE" and m.cseq == self.cseq and
                           m.status >= 300, timeout, "failure response")
        self.ack_failure(r)
        return r

    def cancel(self):
        self.ua.send(f"CANCEL {self.uri} SIP/2.0", [("Via", self.ua.via(self.branch)), ("Max-Forwards", 70),
                                                    ("From", f"<sip:{self.ua.user}@{self.ua.domain}>;tag={self.local_tag}"), ("To", f"<{self.uri}>"),
                                                    ("Call-ID", self.callid), ("CSeq", f"{self.cseq} CANCEL")])

    # ---- UAS
    def ring(self, status=180, sdp=None, headers=()):
        self.ua.reply(self.req, status, "Ringing", [("Contact", self.ua.contact)] + list(headers) +
                      ([("Content-Type", "application/sdp")] if sdp else []), sdp or "", self.local_tag)

    def early_media(self, freq=None, pts=None):
        """183 with an answer, and audio at once"""
        self.ring(183, self._answer_sdp(self.req.sdp(), pts))
        self.start_audio(self.req.sdp(), freq)

    def answer(self, pts=None, direction="sendrecv", wait_ack=True):
        offer = self.req.sdp()
        body = self._answer_sdp(offer, pts, direction) if offer else make_sdp(self.ua.host, self.rtp.port, pts or (0, 8), direction)
        self.answered = True
        self.from_hdr = self.req.get("to") + f";tag={self.local_tag}"
        self.ua.reply(self.req, 200, "OK", [("Contact", self.ua.contact), ("Content-Type", "application/sdp")], body, self.local_tag)
        if offer:
            self.start_audio(offer)
        if wait_ack:
            self.ua.until(lambda: self.acked, what="ACK")

    def reject(self, status=486, reason="Busy Here", headers=()):
        self.ua.reply(self.req, status, reason, headers, "", self.local_tag)
        self.ua.expect(lambda m: m.method == "ACK" and m.callid == self.callid, what="ACK to the refusal")

    def wait_cancel(self, timeout=WAIT):
        m = self.ua.expect(lambda m: m.method == "CANCEL" and m.callid == self.callid, timeout, "CANCEL")
        self.ua.reply(m, 200, "OK", to_tag=self.local_tag)
        self.ua.reply(self.req, 487, "Request Terminated", (), "", self.local_tag)
        self.ua.expect(lambda x: x.method == "ACK" and x.callid == self.callid, what="ACK to 487")
        return m

    # ---- both
    def _dialog(self, method, cseq, branch=None):
        return [("Via", self.ua.via(branch)), ("Max-Forwards", 70)] + [("Route", r) for r in self.routes] + [
            ("From", self.from_hdr), ("To", self.to_hdr), ("Call-ID", self.callid), ("CSeq", f"{cseq} {method}"), ("Contact", self.ua.contact)]

    def send(self, method, headers=(), body=""):
        """a request in the dialog; returns its CSeq"""
        self.cseq += 1
        self.ua.send(f"{method} {self.target} SIP/2.0", self._dialog(method, self.cseq) + list(headers), body)
        return self.cseq

    def final(self, cseq, timeout=WAIT):
        return self.ua.expect(lambda m: m.is_response and m.callid == self.callid and m.cseq == cseq and m.status >= 200, timeout, f"final response {cseq}")

    def reinvite(self, direction="sendrecv", pts=(0, 8), sdp=None, late=False):
        body = "" if late else (sdp or make_sdp(self.ua.host, self.rtp.port, pts, direction))
        n = self.send("INVITE", [("Content-Type", "application/sdp")] if body else [], body)
        r = self.final(n)
        if r.status == 200:
            if r.body:
                self.remote_sdp(r.sdp())
            self.ack(make_sdp(self.ua.host, self.rtp.port, pts, direction) if late else None)
        else:
            self.ua.send(f"ACK {self.target} SIP/2.0", self._dialog("ACK", n))
        return r

    def update(self, direction="sendrecv", pts=(0, 8)):
        r = self.final(self.send("UPDATE", [("Content-Type", "application/sdp")], make_sdp(self.ua.host, self.rtp.port, pts, direction)))
        if r.body:
            self.remote_sdp(r.sdp())
        return r

    def refer(self, number, replaces=None):
        to = f"sip:{number}@{self.ua.domain}"
        if replaces:
            to += f"?Replaces={replaces.callid.replace('@', '%40')}%3Bto-tag%3D{replaces.remote_tag}%3Bfrom-tag%3D{replaces.local_tag}"
        return self.final(self.send("REFER", [("Refer-To", f"<{to}>"), ("Referred-By", f"<sip:{self.ua.user}@{self.ua.domain}>")]))

    def wait_notify(self, text, timeout=WAIT):
        """a NOTIFY whose sipfrag has this text"""
        self.ua.until(lambda: any(text.encode() in n.body for n in self.notes), timeout, f"NOTIFY with {text}")

    def bye(self, check=200):
        r = self.final(self.send("BYE"))
        self.rtp.close()
        assert not check or r.status == check, r.start
        return r

    def wait_end(self, timeout=WAIT):
        self.ua.until(lambda: self.ended, timeout, "BYE")
        self.rtp.close()

    def take_offer(self, m):
        """answers a re-INVITE or UPDATE, and follows it"""
        offer = m.sdp()
        self.offers.append(offer.dir if offer else None)
        if offer is None and m.method == "UPDATE":
            self.ua.reply(m, 200, "OK", [("Contact", self.ua.contact)])
            return
        body = self._answer_sdp(offer) if offer else make_sdp(self.ua.host, self.rtp.port)
        self.ua.reply(m, 200, "OK", [("Contact", self.ua.contact), ("Content-Type", "application/sdp")], body)
        if offer:
            self.remote_sdp(offer)

    def _answer_sdp(self, offer, pts=None, direction=None):
        ours = [p for p in offer.pts if p in (pts or (0, 8))]
        back = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
        return make_sdp(self.ua.host, self.rtp.port, ours or (0,), direction if direction not in (None, "sendrecv") else back[offer.dir], offer.te_pt)

    def remote_sdp(self, sdp):
        self.start_audio(sdp)

    def start_audio(self, sdp, freq=None):
        assert isinstance(sdp, Sdp)
        self.sdp = sdp
        pt = next((p for p in sdp.pts if p in (0, 8)), None)
        if sdp.te_pt:
            self.rtp.te_pt = sdp.te_pt
        self.rtp.muted = sdp.dir in ("sendonly", "inactive")
        self.rtp.start(sdp.remote, freq, pt)

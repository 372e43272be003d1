/*
 * INVITE legs on libre's own transport at 127.0.0.1, phones on plain UDP sockets with hand-written messages, an owner that writes
 * down what it is told. The clock is ours: advance() jumps over what would be waiting.
 */
#ifndef ZX_TESTS_SIP_INV_UTIL_H
#define ZX_TESTS_SIP_INV_UTIL_H

#include "zxtest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <dlfcn.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/re.h"
#include <re_udp.h>
#include "base/log.h"
#include "sip/inv_int.h"
#include "sip/trunk.h"

enum { MSGS = 64, TEXT = 6000, WAIT_MS = 3000 };

static struct {
	struct zx_conf conf;
	struct zx_sip s;
	struct sip_lsnr *lreq, *lresp;
	struct sa laddr;
	struct zx_account acc;
	struct zx_peer peer;
	uint64_t skew;
	char log[8192];
	struct zx_inv *leg; /* last incoming, held */
	uint16_t refer_code;
	bool keep, answer_offers;
	uint32_t seq;
	char info[512];
	uint16_t auth_hits;
} T;

struct phone {
	struct udp_sock *us;
	struct sa sa;
	char rx[MSGS][TEXT];
	unsigned n, seen;
};

struct pdlg { /* a dialog as the phone sees it */
	struct phone *ph;
	char callid[64], ltag[32], rtag[64], branch[64], target[256], extra[512];
	const char *from, *to;
	unsigned cseq;
};

/* ---- clock ---- */

/* The monotonic clock of the whole program. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	const int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (!r && id == CLOCK_MONOTONIC) {
		ts->tv_sec += (time_t)(T.skew / 1000);
		ts->tv_nsec += (long)(T.skew % 1000) * 1000000;
		if (ts->tv_nsec >= 1000000000) {
			ts->tv_nsec -= 1000000000;
			ts->tv_sec++;
		}
	}
	return r;
}

/* libre's own transport, not the edge's: these would pull that in. */
#define LIBRE(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int sip_listen(struct sip_lsnr **lsnrp, struct sip *sip, bool req, sip_msg_h *msgh, void *arg)
{
	return LIBRE(sip_listen)(lsnrp, sip, req, msgh, arg);
}

int sip_transp_laddr(struct sip *sip, struct sa *laddr, enum sip_transp tp, const struct sa *dst)
{
	return LIBRE(sip_transp_laddr)(sip, laddr, tp, dst);
}

void sip_reply_addr(struct sa *addr, const struct sip_msg *msg, bool rport)
{
	LIBRE(sip_reply_addr)(addr, msg, rport);
}

struct pump {
	bool (*cond)(void *arg);
	void *arg;
	uint64_t until;
	bool ok;
	struct tmr tmr;
};

static uint64_t real_ms(void)
{
	return tmr_jiffies() - T.skew;
}

static void pump_tick(void *arg)
{
	struct pump *p = arg;

	p->ok = p->cond && p->cond(p->arg);
	if (p->ok || real_ms() >= p->until) {
		re_cancel();
		return;
	}
	tmr_start(&p->tmr, 1, pump_tick, p);
}

static bool pump(bool (*cond)(void *arg), void *arg, unsigned ms)
{
	struct pump p = {.cond = cond, .arg = arg, .until = real_ms() + ms};

	tmr_init(&p.tmr);
	tmr_start(&p.tmr, 0, pump_tick, &p);
	(void)re_main(NULL);
	tmr_cancel(&p.tmr);
	return p.ok;
}

static void settle(void)
{
	pump(NULL, NULL, 8);
}

/* Jumps in steps, so that timers that start others run as often as they would. */
__attribute__((unused)) static void advance(unsigned ms, unsigned step)
{
	while (ms) {
		const unsigned d = ms < step ? ms : step;

		T.skew += d;
		ms -= d;
		pump(NULL, NULL, 2);
	}
	settle();
}

/* ---- phones ---- */

static void phone_recv(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct phone *ph = arg;
	size_t l = mbuf_get_left(mb);

	(void)src;
	if (ph->n == MSGS) {
		memmove(ph->rx[0], ph->rx[1], sizeof(ph->rx[0]) * (MSGS - 1));
		ph->n--;
		if (ph->seen)
			ph->seen--;
	}
	if (l >= TEXT)
		l = TEXT - 1;
	memcpy(ph->rx[ph->n], mbuf_buf(mb), l);
	ph->rx[ph->n++][l] = '\0';
}

static void phone_open(struct phone *ph, const char *ip)
{
	struct sa sa;

	memset(ph, 0, sizeof(*ph));
	sa_set_str(&sa, ip, 0);
	ZX_CHECK(!udp_listen(&ph->us, &sa, phone_recv, ph));
	ZX_CHECK(!udp_local_get(ph->us, &ph->sa));
}

static void phone_close(struct phone *ph)
{
	ph->us = mem_deref(ph->us);
}

static void phone_send(struct phone *ph, const char *text)
{
	struct mbuf *mb = mbuf_alloc(strlen(text) + 1);

	(void)mbuf_write_str(mb, text);
	mb->pos = 0;
	(void)udp_send(ph->us, &T.laddr, mb);
	mem_deref(mb);
}

struct want {
	struct phone *ph;
	const char *start, *has;
	const char *found;
};

static bool want_cond(void *arg)
{
	struct want *w = arg;

	for (; w->ph->seen < w->ph->n; w->ph->seen++) {
		const char *m = w->ph->rx[w->ph->seen];

		if (!strncmp(m, w->start, strlen(w->start)) && (!w->has || strstr(m, w->has))) {
			w->found = m;
			w->ph->seen++;
			return true;
		}
	}
	return false;
}

/* The next message that begins so (and has that in it); those before it are passed over. NULL: did not come. */
static const char *expect2(struct phone *ph, const char *start, const char *has)
{
	struct want w = {.ph = ph, .start = start, .has = has};

	return pump(want_cond, &w, WAIT_MS) ? w.found : NULL;
}

static const char *expect(struct phone *ph, const char *start)
{
	return expect2(ph, start, NULL);
}

/* True when nothing that begins so has come (after a short while). */
__attribute__((unused)) static bool silent(struct phone *ph, const char *start)
{
	struct want w = {.ph = ph, .start = start};

	settle();
	return !want_cond(&w);
}

/* Value of a header line, in one of some static buffers. */
static const char *hdr(const char *msg, const char *name)
{
	static char bufs[8][600];
	static unsigned next;
	char *buf = bufs[next++ % 8], key[64];
	const char *p, *e;

	snprintf(key, sizeof(key), "\r\n%s: ", name);
	p = strstr(msg, key);
	if (!p)
		return "";
	p += strlen(key);
	e = strstr(p, "\r\n");
	snprintf(buf, 600, "%.*s", (int)(e - p), p);
	return buf;
}

__attribute__((unused)) static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

static void tag_of(char *dst, size_t sz, const char *value)
{
	const char *t = strstr(value, ";tag=");

	dst[0] = '\0';
	if (t)
		snprintf(dst, sz, "%.*s", (int)strcspn(t + 5, ";> \r\n"), t + 5);
}

__attribute__((unused)) static const char *body_of(const char *msg)
{
	const char *p = strstr(msg, "\r\n\r\n");

	return p ? p + 4 : "";
}

static const char sdp_a[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 101\r\n"
			    "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

__attribute__((unused)) static void pdlg_init(struct pdlg *d, struct phone *ph, const char *from, const char *to)
{
	memset(d, 0, sizeof(*d));
	d->ph = ph;
	d->from = from;
	d->to = to;
	d->cseq = 1;
	snprintf(d->callid, sizeof(d->callid), "call%u", ++T.seq);
	snprintf(d->ltag, sizeof(d->ltag), "lt%u", T.seq);
	snprintf(d->target, sizeof(d->target), "sip:%s@127.0.0.1:%u", to, sa_port(&T.laddr));
}

static char sent[TEXT]; /* what request() sent last */

/* A request of the phone; its branch is in d->branch. NULL body: none. */
__attribute__((unused)) static void request_as(struct pdlg *d, const char *met, unsigned cseq, const char *branch, const char *extra,
					       const char *ctype, const char *body)
{
	char tag[80] = "", ct[96] = "", ip[64];

	if (d->rtag[0])
		snprintf(tag, sizeof(tag), ";tag=%s", d->rtag);
	if (body)
		snprintf(ct, sizeof(ct), "Content-Type: %s\r\n", ctype);
	re_snprintf(ip, sizeof(ip), "%J", &d->ph->sa);
	snprintf(
	    sent, sizeof(sent),
	    "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\nFrom: \"Al \\\"x\\\" <B>\" <sip:%s@x>;tag=%s\r\n"
	    "To: <sip:%s@x>%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\nContact: <sip:%s@%s>\r\n%s%s%sContent-Length: %zu\r\n\r\n%s",
	    met, d->target, ip, branch, d->from, d->ltag, d->to, tag, d->callid, cseq, met, d->from, ip, d->extra, extra ? extra : "", ct,
	    body ? strlen(body) : 0, body ? body : "");
	phone_send(d->ph, sent);
}

__attribute__((unused)) static void request(struct pdlg *d, const char *met, const char *extra, const char *body)
{
	if (strcmp(met, "ACK") && strcmp(met, "CANCEL")) {
		d->cseq++;
		snprintf(d->branch, sizeof(d->branch), "z9hG4bKp%u", ++T.seq);
		request_as(d, met, d->cseq, d->branch, extra, "application/sdp", body);
	} else {
		char b[64];

		snprintf(b, sizeof(b), "z9hG4bKp%u", ++T.seq);
		request_as(d, met, d->cseq, strcmp(met, "ACK") ? d->branch : b, extra, "application/sdp", body);
	}
}

__attribute__((unused)) static void pdlg_learn(struct pdlg *d, const char *resp)
{
	const char *c = hdr(resp, "Contact");

	tag_of(d->rtag, sizeof(d->rtag), hdr(resp, "To"));
	if (*c)
		snprintf(d->target, sizeof(d->target), "%.*s", (int)strcspn(c + 1, ">"), c + 1);
}

/* A phone's response to a request of ours. */
__attribute__((unused)) static void respond(struct phone *ph, const char *req, unsigned scode, const char *totag, const char *extra,
					    const char *body)
{
	char buf[TEXT], to[300], ip[64];

	snprintf(to, sizeof(to), "%s", hdr(req, "To"));
	if (!strstr(to, ";tag=") && totag)
		snprintf(to + strlen(to), sizeof(to) - strlen(to), ";tag=%s", totag);
	re_snprintf(ip, sizeof(ip), "%J", &ph->sa);
	snprintf(buf, sizeof(buf),
		 "SIP/2.0 %u X\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: "
		 "<sip:8001@%s;x=%s>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
		 scode, hdr(req, "Via"), hdr(req, "From"), to, hdr(req, "Call-ID"), hdr(req, "CSeq"), ip, totag ? totag : "",
		 extra ? extra : "", body ? "Content-Type: application/sdp\r\n" : "", body ? strlen(body) : 0, body ? body : "");
	phone_send(ph, buf);
}

/* A phone's request inside a dialog that we began: everything is turned round from our INVITE. */
__attribute__((unused)) static void pdlg_called(struct pdlg *d, struct phone *ph, const char *invite, const char *totag)
{
	const char *c = hdr(invite, "Contact");

	memset(d, 0, sizeof(*d));
	d->ph = ph;
	d->from = "8001";
	d->to = "8000";
	d->cseq = 100;
	snprintf(d->callid, sizeof(d->callid), "%s", hdr(invite, "Call-ID"));
	snprintf(d->ltag, sizeof(d->ltag), "%s", totag);
	tag_of(d->rtag, sizeof(d->rtag), hdr(invite, "From"));
	snprintf(d->target, sizeof(d->target), "%.*s", (int)strcspn(c + 1, ">"), c + 1);
}

/* ---- the owner ---- */

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
	size_t l = strlen(T.log);
	va_list ap;

	va_start(ap, fmt);
	if (l)
		l += (size_t)snprintf(T.log + l, sizeof(T.log) - l, " ");
	vsnprintf(T.log + l, sizeof(T.log) - l, fmt, ap);
	va_end(ap);
}

static const enum zx_codec codecs[] = {ZX_CODEC_PCMA, ZX_CODEC_PCMU, ZX_CODEC_G729};

static void media_addr(struct sa *sa)
{
	sa_set_str(sa, "127.0.0.1", 30000);
}

__attribute__((unused)) static struct zx_sdp *own_offer(enum zx_dir dir)
{
	static struct zx_sdp sdp;
	struct sa sa;

	media_addr(&sa);
	zx_sdp_offer(&sdp, &sa, codecs, ARRAY_SIZE(codecs), dir, NULL);
	return &sdp;
}

__attribute__((unused)) static struct zx_sdp *own_answer(const struct zx_sdp *offer)
{
	static struct zx_sdp sdp;
	enum zx_codec c;
	struct sa sa;

	media_addr(&sa);
	ZX_CHECK(!zx_sdp_answer(&sdp, offer, &sa, codecs, ARRAY_SIZE(codecs), ZX_DIR_SENDRECV, &c));
	return &sdp;
}

static void h_progressed(struct zx_inv *inv, uint16_t scode, const struct zx_sdp *sdp, void *arg)
{
	(void)inv;
	(void)arg;
	note("%u%s", scode, sdp ? "+sdp" : "");
}

static void h_answered(struct zx_inv *inv, const struct zx_sdp *sdp, void *arg)
{
	(void)inv;
	(void)arg;
	note("answered%s", sdp ? "+sdp" : "");
}

static void h_confirmed(struct zx_inv *inv, const struct zx_sdp *sdp, void *arg)
{
	(void)inv;
	(void)arg;
	note("confirmed%s", sdp ? "+sdp" : "");
}

static void h_offered(struct zx_inv *inv, const struct zx_sdp *sdp, void *arg)
{
	(void)arg;
	note("offered%s%u", sdp ? "+sdp" : "", sdp ? (unsigned)sdp->dir : 0);
	if (T.answer_offers)
		ZX_CHECK(!zx_inv_offer_answer(inv, sdp ? own_answer(sdp) : own_offer(ZX_DIR_SENDRECV)));
}

static void h_offer_result(struct zx_inv *inv, uint16_t scode, const struct zx_sdp *sdp, void *arg)
{
	(void)inv;
	(void)arg;
	note("result%u%s", scode, sdp ? "+sdp" : "");
}

static void h_dtmf(struct zx_inv *inv, char digit, unsigned ms, void *arg)
{
	(void)inv;
	(void)arg;
	note("dtmf%c/%u", digit, ms);
}

static uint16_t h_refer(struct zx_inv *inv, const struct zx_refer *r, void *arg)
{
	(void)inv;
	(void)arg;
	note("refer:%s%s%s", r->to, r->replaces ? "/" : "", r->replaces ? r->callid : "");
	return T.refer_code;
}

static void h_closed(struct zx_inv *inv, uint16_t scode, const char *reason, void *arg)
{
	(void)inv;
	(void)arg;
	(void)reason;
	note("closed%u", scode);
}

static const struct zx_inv_handlers handlers = {h_progressed,   h_answered, h_confirmed, h_offered,
						h_offer_result, h_dtmf,     h_refer,     h_closed};

static void incoming(struct zx_inv *inv, const struct zx_inv_info *info, void *arg)
{
	(void)arg;
	note("incoming%s", info->offer ? "+sdp" : "");
	snprintf(T.info, sizeof(T.info), "%s|%s|%s|%s|%s|%s", info->from_user, info->from_name, info->to_user,
		 info->account ? info->account->user : "", info->peer ? info->peer->name : "",
		 info->replaces_callid ? info->replaces_callid : "");
	if (!T.keep)
		return;
	mem_deref(T.leg);
	T.leg = mem_ref(inv);
	zx_inv_handle(inv, &handlers, NULL);
}

/* ---- the edge ---- */

/* The password of everybody is "ok". */
/* No trunks but those of the directory. */
struct zx_trunk *zx_trunk_find(struct zx_sip *s, int64_t id)
{
	(void)s;
	(void)id;
	return NULL;
}

const struct zx_trunk_conf *zx_trunk_conf(const struct zx_trunk *t)
{
	(void)t;
	return NULL;
}

const struct zx_peer *zx_trunk_by_host(struct zx_sip *s, const struct sa *src)
{
	(void)s;
	(void)src;
	return NULL;
}

enum zx_auth_result zx_auth_request(struct zx_sip *s, const struct sip_msg *msg, const struct zx_account **acc)
{
	const struct sip_hdr *h = sip_msg_hdr(msg, SIP_HDR_AUTHORIZATION);

	T.auth_hits++;
	if (!h || pl_strcmp(&h->val, "ok")) {
		(void)sip_replyf(s->sip, msg, 401, "Unauthorized",
				 "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\nContent-Length: 0\r\n\r\n");
		return ZX_AUTH_REPLIED;
	}
	(void)pl_strcpy(&msg->from.uri.user, T.acc.user, sizeof(T.acc.user));
	*acc = &T.acc;
	return ZX_AUTH_OK;
}

struct zx_binding {
	char uri[128], path[128];
	struct sa dst;
};

void zx_binding_flow(const struct zx_binding *b, struct zx_flow *f)
{
	f->uri = b->uri;
	f->path = b->path;
	f->tp = SIP_TRANSP_UDP;
	f->src = T.laddr;
	f->dst = b->dst;
}

const char *zx_binding_ext(const struct zx_binding *b)
{
	(void)b;
	return "8001";
}

int zx_edge_contact_at(struct zx_sip *s, char *buf, size_t len, const char *user, enum sip_transp tp, const struct sa *src,
		       const struct sa *dst)
{
	(void)s;
	(void)src;
	(void)tp;
	(void)dst;
	return re_snprintf(buf, len, "sip:%s@%J", user, &T.laddr) < 0 ? ENOMEM : 0;
}

int zx_edge_laddr(struct zx_sip *s, struct sa *laddr, enum sip_transp tp, const struct sa *dst)
{
	(void)s;
	(void)tp;
	(void)dst;
	*laddr = T.laddr;
	return 0;
}

/* 127.0.0.2 and 127.0.0.3 are addresses of one trunk. */
static const struct zx_peer *dir_peer(const struct sa *src, void *arg)
{
	(void)arg;
	return sa_in(src) == 0x7f000002 || sa_in(src) == 0x7f000003 ? &T.peer : NULL;
}

static bool on_request(const struct sip_msg *msg, void *arg)
{
	struct zx_sip *s = arg;

	if (zx_invs_absorb(s, msg))
		return true;
	if (pl_isset(&msg->to.tag) || !pl_strcmp(&msg->met, "ACK")) {
		if (!zx_invs_in_dialog(s, msg) && pl_strcmp(&msg->met, "ACK"))
			(void)sip_reply(s->sip, msg, 481, "Call/Transaction Does Not Exist");
		return true;
	}
	if (!pl_strcmp(&msg->met, "INVITE"))
		zx_invs_request(s, msg);
	else
		(void)sip_reply(s->sip, msg, 481, "No");
	return true;
}

static bool on_response(const struct sip_msg *msg, void *arg)
{
	return zx_invs_stray_response(arg, msg);
}

static void daemon_open(void)
{
	static bool once;
	struct sa sa;

	if (!once) {
		ZX_CHECK(!fd_setsize(128));
		ZX_CHECK(!libre_init());
		once = true;
	}
	T.log[0] = T.info[0] = '\0';
	T.keep = T.answer_offers = true;
	T.refer_code = 0;
	memset(&T.s, 0, sizeof(T.s));
	memset(&T.conf, 0, sizeof(T.conf));
	T.conf.sip_min_se = 90;
	T.peer.id = 7;
	snprintf(T.peer.name, sizeof(T.peer.name), "trunk");
	T.s.conf = &T.conf;
	T.s.dir.peer = dir_peer;
	ZX_CHECK(!sip_alloc(&T.s.sip, NULL, 64, 64, 64, "zx", NULL, NULL));
	sa_set_str(&sa, "127.0.0.1", 0);
	for (uint16_t port = 25000; port < 26000; port++) {
		sa_set_port(&sa, port);
		if (!sip_transp_add(T.s.sip, SIP_TRANSP_UDP, &sa))
			break;
	}
	ZX_CHECK(!sip_transp_laddr(T.s.sip, &T.laddr, SIP_TRANSP_UDP, &sa));
	ZX_CHECK(!sip_listen(&T.lreq, T.s.sip, true, on_request, &T.s));
	ZX_CHECK(!sip_listen(&T.lresp, T.s.sip, false, on_response, &T.s));
	ZX_CHECK(!zx_invs_init(&T.s));
	T.s.incoming = incoming;
}

/* Everything must be gone once the transactions have run out. */
static void daemon_close(void)
{
	T.leg = mem_deref(T.leg);
	settle();
	for (int i = 0; i < 3; i++) {
		T.skew += 40000;
		settle();
		settle();
	}
	ZX_CHECK_EQ(zx_inv_count(&T.s), 0);
	ZX_CHECK_EQ(zx_trans_count(T.s.invs), 0);
	zx_invs_close(&T.s);
	T.lreq = mem_deref(T.lreq);
	T.lresp = mem_deref(T.lresp);
	sip_close(T.s.sip, true);
	T.s.sip = mem_deref(T.s.sip);
}

static bool log_cond(void *arg)
{
	return !strcmp(T.log, arg);
}

#define CHECK_LOG(text)                                                                                                                    \
	do {                                                                                                                               \
		(void)pump(log_cond, (void *)(text), 500);                                                                                 \
		ZX_CHECK_STR(T.log, text);                                                                                                 \
	} while (0)

#define AUTH "Authorization: ok\r\n"

#endif

/*
 * The SIP edge on a thread of its own, on 127.0.0.1 with any free port, and a test phone on plain sockets that sees every byte. INVITE legs
 * and the store are fakes: the tests decide when a commit is done.
 */
#ifndef ZX_TESTS_SIP_EDGE_UTIL_H
#define ZX_TESTS_SIP_EDGE_UTIL_H

#include "zxtest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/bus.h"
#include "base/log.h"
#include "loop/loop.h"
#include "sip/edge.h"
#include "sip/transport.h"
#include "store/bindings.h"

enum { ACCOUNTS = 10, FIRST = 8000, ROWS = 64 };

static struct {
	pthread_t th;
	struct zx_conf conf;
	struct zx_sip *sip;
	struct zx_account acc[ACCOUNTS];
	uint16_t port;
	char dir[64];
	atomic_bool up;
	int err;
	char errbuf[256];
	/* fake store; loop thread, read by the test through zx_loop_call */
	struct zx_binding_row rows[ROWS];
	atomic_uint nrows, puts, dels, manys;
	atomic_int fail_commits, hold_commits;
	struct {
		zx_store_done_h *done;
		void *arg;
	} held[ROWS];
	atomic_uint nheld;
	/* news */
	struct zx_bus_sub *sub;
	struct zx_ev_reg last;
} F;

/* ---- fakes ---- */

int zx_invs_init(struct zx_sip *s)
{
	(void)s;
	return 0;
}

void zx_invs_close(struct zx_sip *s)
{
	(void)s;
}

void zx_invs_request(struct zx_sip *s, const struct sip_msg *msg)
{
	const struct zx_account *a;

	if (zx_auth_request(s, msg, &a) == ZX_AUTH_OK)
		(void)sip_treply(NULL, s->sip, msg, 404, "Not Found");
}

bool zx_invs_in_dialog(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)s;
	(void)msg;
	return false;
}

bool zx_invs_absorb(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)s;
	(void)msg;
	return false;
}

bool zx_invs_stray_response(struct zx_sip *s, const struct sip_msg *msg)
{
	(void)s;
	(void)msg;
	return false;
}

unsigned zx_inv_count(const struct zx_sip *s)
{
	(void)s;
	return 0;
}

static struct zx_binding_row *row_find(const char *ext, const char *contact)
{
	for (unsigned i = 0; i < F.nrows; i++)
		if (!strcmp(F.rows[i].ext, ext) && !strcmp(F.rows[i].contact, contact))
			return &F.rows[i];
	return NULL;
}

static void row_put(const struct zx_binding_row *b)
{
	struct zx_binding_row *r = row_find(b->ext, b->contact);

	if (!r && F.nrows < ROWS)
		r = &F.rows[F.nrows++];
	if (r)
		*r = *b;
}

struct done {
	zx_store_done_h *h;
	void *arg;
	int err;
};

static void told(void *data, size_t len)
{
	const struct done *d = data;
	(void)len;

	d->h(d->err, d->arg);
}

int zx_binding_put(struct zx_store *st, const struct zx_binding_row *b, zx_store_done_h *done, void *arg)
{
	struct done d = {done, arg, F.fail_commits ? EIO : 0};
	(void)st;

	F.puts++;
	if (!d.err)
		row_put(b);
	if (F.hold_commits && F.nheld < ROWS) {
		F.held[F.nheld].done = done;
		F.held[F.nheld++].arg = arg;
		return 0;
	}
	return zx_loop_post(told, &d, sizeof(d));
}

int zx_binding_del(struct zx_store *st, const char *ext, const char *contact)
{
	struct zx_binding_row *r = row_find(ext, contact);
	(void)st;

	F.dels++;
	if (r)
		*r = F.rows[--F.nrows];
	return 0;
}

int zx_binding_put_many(struct zx_store *st, const struct zx_binding_row *rows, size_t n)
{
	(void)st;
	F.manys++;
	for (size_t i = 0; i < n; i++)
		row_put(&rows[i]);
	return 0;
}

int zx_binding_load(struct zx_store *st, int64_t now, void (*h)(const struct zx_binding_row *b, void *arg), void *arg)
{
	(void)st;
	for (unsigned i = 0; i < F.nrows; i++)
		if (F.rows[i].expires > now)
			h(&F.rows[i], arg);
	return 0;
}

static const struct zx_account *dir_account(const char *user, void *arg)
{
	const int n = (int)strtol(user, NULL, 10) - FIRST;
	(void)arg;

	return n >= 0 && n < ACCOUNTS && !strcmp(F.acc[n].user, user) ? &F.acc[n] : NULL;
}

static const struct zx_peer *dir_peer(const struct sa *src, void *arg)
{
	(void)src;
	(void)arg;
	return NULL;
}

/* ---- life ---- */

static void digest_of(const char *alg, uint8_t *out, const char *fmt, ...)
{
	char b[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(b, sizeof(b), fmt, ap);
	va_end(ap);
	EVP_Digest(b, (size_t)n, out, NULL, !strcmp(alg, "MD5") ? EVP_md5() : EVP_sha256(), NULL);
}

static void on_reg(enum zx_ev type, const void *ev, void *arg)
{
	(void)type;
	(void)arg;
	F.last = *(const struct zx_ev_reg *)ev;
}

static void *edge_thread(void *arg)
{
	const struct zx_directory dir = {dir_account, dir_peer, NULL};
	(void)arg;

	F.err = zx_loop_init(1024);
	if (!F.err)
		F.err = zx_bus_subscribe(&F.sub, ZX_EV_EXT_REG, on_reg, NULL);
	if (!F.err)
		F.err = zx_sip_alloc(&F.sip, &F.conf, (struct zx_store *)&F, F.dir, &dir);
	if (!F.err)
		F.err = zx_sip_start(F.sip, F.errbuf, sizeof(F.errbuf));
	if (!F.err)
		F.port = F.sip->transp->port;
	F.up = true;
	if (!F.err)
		zx_loop_run(NULL);
	F.sip = mem_deref(F.sip);
	F.sub = mem_deref(F.sub);
	zx_loop_close();
	return NULL;
}

static void edge_conf(void)
{
	zx_conf_defaults(&F.conf);
	zx_log_level_set(ZX_ERROR);
	str_ncpy(F.conf.sip_listen, "127.0.0.1", sizeof(F.conf.sip_listen));
	str_ncpy(F.dir, "/tmp", sizeof(F.dir));
	F.conf.sip_port = 0;
	F.conf.sip_tls_port = 0;
	F.conf.sip_options_interval = 0;
	for (int i = 0; i < ACCOUNTS; i++) {
		struct zx_account *a = &F.acc[i];

		memset(a, 0, sizeof(*a));
		snprintf(a->user, sizeof(a->user), "%d", FIRST + i);
		a->company_id = 100000;
		digest_of("MD5", a->ha1_md5, "%d:%s:pw%d", FIRST + i, F.conf.sip_realm, FIRST + i);
		digest_of("SHA-256", a->ha1_sha256, "%d:%s:pw%d", FIRST + i, F.conf.sip_realm, FIRST + i);
	}
	F.nrows = F.puts = F.dels = F.manys = F.nheld = 0;
	F.fail_commits = F.hold_commits = 0;
	memset(&F.last, 0, sizeof(F.last));
}

static void edge_start(void)
{
	F.up = false;
	if (pthread_create(&F.th, NULL, edge_thread, NULL))
		abort();
	while (!F.up)
		usleep(1000);
	ZX_CHECK_EQ(F.err, 0);
}

static void do_stop(void *data, size_t len)
{
	(void)data;
	(void)len;
	zx_loop_stop();
}

static void edge_stop(void)
{
	zx_loop_post(do_stop, NULL, 0);
	pthread_join(F.th, NULL);
}

static int do_release(void *arg)
{
	const unsigned n = F.nheld;
	(void)arg;

	F.nheld = 0;
	F.hold_commits = 0;
	for (unsigned i = 0; i < n; i++)
		F.held[i].done(F.fail_commits ? EIO : 0, F.held[i].arg);
	return 0;
}

struct look {
	const char *ext, *contact;
	struct zx_binding_row row;
	struct zx_ev_reg news;
	bool found;
};

static int do_look(void *arg)
{
	struct look *l = arg;
	const struct zx_binding_row *r = l->ext ? row_find(l->ext, l->contact) : NULL;

	l->found = r;
	if (r)
		l->row = *r;
	l->news = F.last;
	return 0;
}

/* A stored row, copied; NULL none. */
__attribute__((unused)) static const struct zx_binding_row *row_of(const char *ext, const char *contact)
{
	static struct look l;

	l = (struct look){.ext = ext, .contact = contact};
	zx_loop_call(do_look, &l, 2000);
	return l.found ? &l.row : NULL;
}

/* The last ZX_EV_EXT_REG. */
__attribute__((unused)) static const struct zx_ev_reg *news(void)
{
	static struct look l;

	l = (struct look){.ext = NULL};
	zx_loop_call(do_look, &l, 2000);
	return &l.news;
}

static int do_count(void *arg)
{
	*(unsigned *)arg = zx_reg_count(F.sip);
	return 0;
}

__attribute__((unused)) static unsigned edge_bindings(void)
{
	unsigned n = 0;

	zx_loop_call(do_count, &n, 2000);
	return n;
}

__attribute__((unused)) static void edge_release(void)
{
	zx_loop_call(do_release, NULL, 2000);
}

/* ---- the phone ---- */

struct phone {
	int fd;
	uint16_t port;
	bool tcp;
	unsigned cseq, branch;
	char callid[32];
	char nonce[128];
	unsigned nc;
	char rx[8192]; /* the last message */
	size_t n;
};

static void phone_open(struct phone *p, bool tcp)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t l = sizeof(a);
	static unsigned serial;

	memset(p, 0, sizeof(*p));
	p->tcp = tcp;
	p->fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	bind(p->fd, (struct sockaddr *)&a, sizeof(a));
	getsockname(p->fd, (struct sockaddr *)&a, &l);
	p->port = ntohs(a.sin_port);
	a.sin_port = htons(F.port);
	ZX_CHECK_EQ(connect(p->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	snprintf(p->callid, sizeof(p->callid), "call%u-%d", ++serial, (int)getpid());
	p->branch = serial * 1000;
}

static void phone_send(struct phone *p, const char *text, size_t n)
{
	ZX_CHECK_EQ(send(p->fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* The status of the next message, 0: none in ms. */
static int phone_recv(struct phone *p, int ms)
{
	struct pollfd pf = {.fd = p->fd, .events = POLLIN};
	ssize_t n;

	p->rx[0] = 0;
	if (poll(&pf, 1, ms) <= 0)
		return 0;
	n = recv(p->fd, p->rx, sizeof(p->rx) - 1, 0);
	if (n <= 0)
		return -1;
	p->rx[n] = 0;
	p->n = (size_t)n;
	return strncmp(p->rx, "SIP/2.0 ", 8) ? 1 : (int)strtol(p->rx + 8, NULL, 10);
}

/* Value of a header parameter in the last message, e.g. (p, "nonce=\""). */
static const char *phone_param(const struct phone *p, const char *key, char *out, size_t size)
{
	const char *s = strstr(p->rx, key);
	size_t n = 0;

	*out = 0;
	if (!s)
		return NULL;
	for (s += strlen(key); *s && !strchr("\",;\r\n >", *s) && n + 1 < size; s++)
		out[n++] = *s;
	out[n] = 0;
	return out;
}

struct regopt {
	int user;
	const char *password; /* NULL: pw%d */
	const char *alg;      /* NULL: MD5 */
	const char *contact;  /* NULL: <sip:user@127.0.0.1:port>, "" none */
	const char *extra;    /* header lines */
	int expires;
	bool no_auth, no_qop, same_cseq, same_nc;
};

static void hexify(char *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

/* The Authorization line for what the phone has been challenged with. */
static void authorize(struct phone *p, const struct regopt *o, const char *met, const char *uri, char *out, size_t size)
{
	const char *alg = o->alg ? o->alg : "MD5";
	const size_t l = strcmp(alg, "MD5") ? 32 : 16;
	uint8_t d[32];
	char ha1[65], ha2[65], rsp[65], pw[64];

	*out = 0;
	if (o->no_auth || !p->nonce[0])
		return;
	if (!o->same_nc)
		p->nc++;
	snprintf(pw, sizeof(pw), "pw%d", o->user);
	digest_of(alg, d, "%d:%s:%s", o->user, F.conf.sip_realm, o->password ? o->password : pw);
	hexify(ha1, d, l);
	digest_of(alg, d, "%s:%s", met, uri);
	hexify(ha2, d, l);
	if (o->no_qop)
		digest_of(alg, d, "%s:%s:%s", ha1, p->nonce, ha2);
	else
		digest_of(alg, d, "%s:%s:%08x:abc:auth:%s", ha1, p->nonce, p->nc, ha2);
	hexify(rsp, d, l);
	snprintf(out, size, "Authorization: Digest username=\"%d\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\", algorithm=%s",
		 o->user, F.conf.sip_realm, p->nonce, uri, rsp, alg);
	if (!o->no_qop)
		snprintf(out + strlen(out), size - strlen(out), ", qop=auth, cnonce=\"abc\", nc=%08x", p->nc);
	snprintf(out + strlen(out), size - strlen(out), "\r\n");
}

static size_t reg_write(struct phone *p, const struct regopt *o, char *out, size_t size)
{
	char contact[300] = "", auth[700], line[320] = "";

	if (!o->same_cseq)
		p->cseq++;
	if (!o->contact)
		snprintf(contact, sizeof(contact), "<sip:%d@127.0.0.1:%u%s>", o->user, p->port, p->tcp ? ";transport=tcp" : "");
	else
		snprintf(contact, sizeof(contact), "%s", o->contact);
	if (contact[0])
		snprintf(line, sizeof(line), "Contact: %s\r\n", contact);
	authorize(p, o, "REGISTER", "sip:127.0.0.1", auth, sizeof(auth));
	return (size_t)snprintf(out, size,
				"REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:%u;branch=z9hG4bKt%u;rport\r\n"
				"From: <sip:%d@127.0.0.1>;tag=f%u\r\nTo: <sip:%d@127.0.0.1>\r\nCall-ID: %s\r\nCSeq: %u REGISTER\r\n"
				"Max-Forwards: 70\r\n%sExpires: %d\r\n%s%sContent-Length: 0\r\n\r\n",
				p->tcp ? "TCP" : "UDP", p->port, o->same_cseq ? p->branch : ++p->branch, o->user, p->port, o->user,
				p->callid, p->cseq, line, o->expires, o->extra ? o->extra : "", auth);
}

/* One REGISTER; the status, 0 none. */
static int reg_once(struct phone *p, const struct regopt *o)
{
	char out[4096];

	phone_send(p, out, reg_write(p, o, out, sizeof(out)));
	return phone_recv(p, 1000);
}

static int reg_challenged(struct phone *p, const struct regopt *o)
{
	struct regopt first = *o;
	int code;

	first.no_auth = true;
	code = reg_once(p, &first);
	if (code != 401)
		return code;
	phone_param(p, "nonce=\"", p->nonce, sizeof(p->nonce));
	p->nc = 0;
	return 401;
}

/* Challenge and answer; the last status. */
__attribute__((unused)) static int reg(struct phone *p, const struct regopt *o)
{
	const int code = reg_challenged(p, o);

	return code == 401 ? reg_once(p, o) : code;
}

#endif

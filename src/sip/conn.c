/* TCP and TLS connections: framing, limits, sending. */
#include "sip/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/clock.h"
#include "base/log.h"
#include "sip/ban.h"

enum {
	FIRST_MS = 32000,   /* to the first whole message after connecting */
	PARTIAL_MS = 32000, /* to finish a message once begun */
	IDLE_MS = 900000,   /* nothing at all, not even a keep-alive */
	TXQ_MAX = 512 << 10,
	PER_ADDRESS = 100, /* connections of one address that carry no binding */
	TOTAL = 20000,
	ACCEPTS = 32,
};

struct sip_connqent { /* libre only ever derefs it */
	struct le le;
	struct sip_connqent **qp;
	void (*h)(int err, void *arg);
	void *arg;
};

struct peer {
	struct le he;
	uint64_t key;
	unsigned n;
};

struct zx_conn {
	struct zx_sock k;
	struct sa paddr;
	struct zx_transp *t; /* NULL once closed */
	struct le he, le;
	struct peer *peer;
	SSL *ssl;
	int fd;
	bool estab, tls_wants_write, used;
	char *rx; /* an unfinished message */
	size_t rxn, rxsize;
	struct mbuf *tx;
	struct list bindings, waiters;
	uint64_t opened, last_rx, part_since;
};

static void conn_ready(int flags, void *arg);

static void qent_destructor(void *arg)
{
	struct sip_connqent *q = arg;

	if (q->qp)
		*q->qp = NULL;
	list_unlink(&q->le);
}

static void peer_release(struct zx_conn *c)
{
	struct peer *p = c->peer;

	c->peer = NULL;
	if (p && !--p->n) {
		hash_unlink(&p->he);
		mem_deref(p);
	}
}

static bool peer_cmp(struct le *le, void *arg)
{
	return ((struct peer *)le->data)->key == *(uint64_t *)arg;
}

static bool peer_take(struct zx_transp *t, struct zx_conn *c)
{
	uint64_t key = zx_siphash_addr(&t->key, &c->paddr);
	struct peer *p = list_ledata(hash_lookup(t->peers, (uint32_t)key, peer_cmp, &key));

	if (!p) {
		p = mem_zalloc(sizeof(*p), NULL);
		if (!p)
			return false;
		p->key = key;
		hash_append(t->peers, (uint32_t)key, &p->he, p);
	}
	p->n++;
	c->peer = p;
	return p->n <= PER_ADDRESS;
}

/* Ends it; the object lives on as long as messages of it do. */
static void conn_close(struct zx_conn *c, int err)
{
	struct zx_transp *t = c->t;
	struct le *le;

	if (!t)
		return;
	c->t = NULL;
	fd_close(c->fd);
	SSL_free(c->ssl);
	c->ssl = NULL;
	close(c->fd);
	c->fd = -1;
	peer_release(c);
	hash_unlink(&c->he);
	list_unlink(&c->le);
	t->connc--;
	if (c->bindings.head)
		zx_registrar_conn_closed(t->s, &c->bindings);
	while ((le = c->waiters.head)) {
		struct sip_connqent *q = le->data;

		if (q->qp)
			*q->qp = NULL;
		q->qp = NULL;
		list_unlink(&q->le);
		q->h(err ? err : ECONNRESET, q->arg);
		mem_deref(q);
	}
	mem_deref(c);
}

static void conn_destructor(void *arg)
{
	struct zx_conn *c = arg;

	if (c->fd >= 0) {
		fd_close(c->fd);
		close(c->fd);
	}
	SSL_free(c->ssl);
	peer_release(c);
	mem_deref(c->rx);
	mem_deref(c->tx);
}

static int watch(struct zx_conn *c)
{
	const bool write = !c->estab || c->tx || c->tls_wants_write;

	return fd_listen(c->fd, FD_READ | (write ? FD_WRITE : 0), conn_ready, c);
}

/* Takes fd, also when it fails. */
static struct zx_conn *conn_new(struct zx_transp *t, int fd, const struct sa *peer, bool tls)
{
	struct zx_conn *c = mem_zalloc(sizeof(*c), conn_destructor);
	const int on = 1, idle = 120, tmo = 30000;

	if (!c) {
		close(fd);
		return NULL;
	}
	c->k.tp = tls ? SIP_TRANSP_TLS : SIP_TRANSP_TCP;
	c->fd = fd;
	c->paddr = *peer;
	c->k.laddr.len = sizeof(c->k.laddr.u);
	(void)getsockname(fd, &c->k.laddr.u.sa, &c->k.laddr.len);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &tmo, sizeof(tmo));
	c->opened = c->last_rx = zx_mono_ms();
	if (tls) {
		c->ssl = SSL_new(t->ssl);
		if (!c->ssl || !SSL_set_fd(c->ssl, fd))
			return mem_deref(c);
		SSL_set_accept_state(c->ssl);
	}
	return c;
}

/* Into the tables, which take the caller's reference, also when it fails. */
static int conn_enter(struct zx_transp *t, struct zx_conn *c)
{
	int err;

	c->t = t;
	hash_append(t->conns, sa_hash(&c->paddr, SA_ALL), &c->he, c);
	list_append(&t->connl, &c->le, c);
	t->connc++;
	err = watch(c);
	if (err)
		conn_close(c, err);
	return err;
}

/* No descriptor for it: taken with the spare one and closed, or the listener would stay readable for ever. */
static void out_of_files(struct zx_listener *l)
{
	static struct zx_log_site site;

	zx_log_limited(&site, 3, ZX_ERROR, "sip", "no more file descriptors: a connection is refused");
	close(l->spare);
	close(accept(l->fd, NULL, NULL));
	l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void acceptable(int flags, void *arg)
{
	struct zx_listener *l = arg;
	struct zx_transp *t = l->t;
	(void)flags;

	for (int i = 0; i < ACCEPTS; i++) {
		struct sa peer = {.len = sizeof(peer.u)};
		const int fd = accept4(l->fd, &peer.u.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct zx_conn *c;

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				out_of_files(l);
			return;
		}
		if (zx_ban_is(t->s->bans, &peer) || t->connc >= TOTAL) {
			t->s->stats.banned_drops++;
			close(fd);
			continue;
		}
		c = conn_new(t, fd, &peer, l->tls);
		if (!c)
			continue;
		c->estab = true;
		if (!peer_take(t, c)) {
			static struct zx_log_site site;

			zx_log_limited(&site, 3, ZX_WARN, "sip", "too many connections from one address: refused");
			mem_deref(c);
			continue;
		}
		(void)conn_enter(t, c);
	}
}

static void listener_destructor(void *arg)
{
	struct zx_listener *l = arg;

	list_unlink(&l->le);
	if (l->spare >= 0)
		close(l->spare);
	if (l->fd >= 0) {
		fd_close(l->fd);
		close(l->fd);
	}
}

int zx_conn_listen(struct zx_transp *t, const struct sa *addr, bool tls, uint16_t *port)
{
	struct zx_listener *l = mem_zalloc(sizeof(*l), listener_destructor);
	const int on = 1;
	int err = 0;

	if (!l)
		return ENOMEM;
	l->t = t;
	l->tls = tls;
	l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l->fd = socket(sa_af(addr), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0) {
		err = errno;
		goto out;
	}
	(void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa_af(addr) == AF_INET6)
		(void)setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	l->bound.len = sizeof(l->bound.u);
	if (bind(l->fd, &addr->u.sa, addr->len) || listen(l->fd, 256) || getsockname(l->fd, &l->bound.u.sa, &l->bound.len)) {
		err = errno;
		goto out;
	}
	*port = sa_port(&l->bound);
	err = fd_listen(l->fd, FD_READ, acceptable, l);
	if (!err)
		list_append(&t->listeners, &l->le, l);
out:
	if (err)
		mem_deref(l);
	return err;
}

int zx_conn_open(struct zx_conn **cp, struct zx_transp *t, const struct sa *peer)
{
	const int fd = socket(sa_af(peer), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct zx_conn *c;
	int err;

	if (fd < 0)
		return errno;
	if (connect(fd, &peer->u.sa, peer->len) && errno != EINPROGRESS) {
		err = errno;
		close(fd);
		return err;
	}
	c = conn_new(t, fd, peer, false);
	if (!c)
		return ENOMEM;
	err = conn_enter(t, c);
	if (!err)
		*cp = c;
	return err;
}

struct conn_key {
	enum sip_transp tp;
	const struct sa *peer;
};

static bool conn_cmp(struct le *le, void *arg)
{
	const struct zx_conn *c = le->data;
	const struct conn_key *k = arg;

	return c->k.tp == k->tp && sa_cmp(&c->paddr, k->peer, SA_ALL);
}

struct zx_conn *zx_conn_find(struct zx_transp *t, enum sip_transp tp, const struct sa *peer)
{
	struct conn_key k = {tp, peer};

	return list_ledata(hash_lookup(t->conns, sa_hash(peer, SA_ALL), conn_cmp, &k));
}

bool zx_conn_usable(const struct zx_conn *c)
{
	return c->t && c->estab;
}

struct list *zx_conn_bindings(struct zx_conn *c)
{
	return &c->bindings;
}

void zx_conn_bound(struct zx_conn *c)
{
	peer_release(c);
}

int zx_conn_wait(struct sip_connqent **qp, struct zx_conn *c, void (*h)(int err, void *arg), void *arg)
{
	struct sip_connqent *q;

	if (*qp || !h) /* a retransmission of what waits already */
		return 0;
	q = mem_zalloc(sizeof(*q), qent_destructor);
	if (!q)
		return ENOMEM;
	q->h = h;
	q->arg = arg;
	q->qp = qp;
	*qp = q;
	list_append(&c->waiters, &q->le, q);
	return 0;
}

/* ---- sending ---- */

/* Bytes taken, or -errno. */
static ssize_t conn_write(struct zx_conn *c, const char *p, size_t n)
{
	ssize_t r;
	int e;

	if (!c->ssl) {
		r = send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		return r >= 0 ? r : (errno == EAGAIN ? 0 : -errno);
	}
	ERR_clear_error();
	r = SSL_write(c->ssl, p, (int)n);
	if (r > 0)
		return r;
	e = SSL_get_error(c->ssl, (int)r);
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -EPIPE;
}

int zx_conn_send(struct zx_conn *c, const char *p, size_t n)
{
	ssize_t done = 0;

	if (!c->t)
		return ENOTCONN;
	if (c->estab && !c->tx) {
		done = conn_write(c, p, n);
		if (done < 0)
			return (int)-done; /* the reader will see it too, and close */
	}
	if ((size_t)done == n)
		return 0;
	if (!c->tx) {
		c->tx = mbuf_alloc(n);
		if (!c->tx)
			return ENOMEM;
	}
	if (c->tx->end - c->tx->pos + n > TXQ_MAX)
		return ENOBUFS;
	const size_t pos = c->tx->pos;
	c->tx->pos = c->tx->end;
	const int err = mbuf_write_mem(c->tx, (const uint8_t *)p + done, n - (size_t)done);
	c->tx->pos = pos;
	return err ? err : watch(c);
}

static int flush(struct zx_conn *c)
{
	while (c->tx && mbuf_get_left(c->tx)) {
		const ssize_t n = conn_write(c, (const char *)mbuf_buf(c->tx), mbuf_get_left(c->tx));

		if (n < 0)
			return (int)-n;
		if (!n)
			return 0;
		mbuf_advance(c->tx, n);
	}
	if (c->tx) {
		c->tx = mem_deref(c->tx);
		return watch(c);
	}
	return 0;
}

/* ---- receiving ---- */

/* Takes whole messages from p; returns how many bytes were used, or -1: close. */
static ssize_t consume(struct zx_conn *c, const char *p, size_t n)
{
	size_t off = 0;

	while (c->t && off < n) {
		struct zx_raw raw;
		enum zx_raw_result res;
		struct zx_rx rx = {.tp = c->k.tp, .src = c->paddr, .dst = c->k.laddr, .sock = c, .p = p + off};

		if (p[off] == '\r' || p[off] == '\n') {
			if (n - off >= 4 && !memcmp(p + off, "\r\n\r\n", 4)) { /* RFC 5626 3.5.1: ping, pong */
				(void)zx_conn_send(c, "\r\n", 2);
				off += 4;
				continue;
			}
			if (n - off < 4 && !memcmp(p + off, "\r\n\r\n", n - off))
				break;
			off++;
			continue;
		}
		res = zx_raw_scan(&raw, p + off, n - off, true);
		if (res == ZX_RAW_PART)
			break;
		if (res == ZX_RAW_JUNK)
			return -1;
		if (res == ZX_RAW_OK && !raw.has_clen) {
			raw.code = 400;
			raw.reason = "Missing Content-Length";
			res = ZX_RAW_BAD;
		}
		rx.n = raw.body + raw.clen;
		if (res == ZX_RAW_OK && rx.n > n - off)
			break;
		zx_edge_receive(c->t->s, &rx, &raw, res);
		if (res == ZX_RAW_BAD) /* where it ends cannot be trusted */
			return -1;
		c->used = true;
		off += rx.n;
	}
	return (ssize_t)off;
}

static int keep_rest(struct zx_conn *c, const char *p, size_t n)
{
	if (!n) {
		c->rxn = 0;
		c->part_since = 0;
		c->rx = mem_deref(c->rx);
		c->rxsize = 0;
		return 0;
	}
	if (n > ZX_RAW_MSG_MAX)
		return EOVERFLOW;
	if (p >= c->rx && c->rx && p < c->rx + c->rxsize) {
		memmove(c->rx, p, n);
	} else {
		if (n > c->rxsize) {
			char *rx = mem_alloc(n, NULL);

			if (!rx)
				return ENOMEM;
			mem_deref(c->rx);
			c->rx = rx;
			c->rxsize = n;
		}
		memcpy(c->rx, p, n);
	}
	c->rxn = n;
	if (!c->part_since)
		c->part_since = zx_mono_ms();
	return 0;
}

/* One piece off the wire. */
static int received(struct zx_conn *c, char *p, size_t n)
{
	ssize_t used;

	if (zx_ban_is(c->t->s->bans, &c->paddr)) {
		c->t->s->stats.banned_drops++;
		return EACCES;
	}
	c->last_rx = zx_mono_ms();
	if (!c->rxn) {
		used = consume(c, p, n);
	} else {
		if (c->rxn + n > c->rxsize) {
			const size_t size = (c->rxn + n) * 2;
			char *rx = mem_alloc(size, NULL);

			if (!rx)
				return ENOMEM;
			memcpy(rx, c->rx, c->rxn);
			mem_deref(c->rx);
			c->rx = rx;
			c->rxsize = size;
		}
		memcpy(c->rx + c->rxn, p, n);
		p = c->rx;
		n += c->rxn;
		used = consume(c, p, n);
	}
	if (used < 0)
		return EBADMSG;
	if (!c->t)
		return 0;
	if (used)
		c->part_since = 0;
	return keep_rest(c, p + used, n - (size_t)used);
}

/* > 0 bytes, 0 nothing now, < 0 ended. */
static ssize_t conn_read(struct zx_conn *c, char *buf, size_t size)
{
	ssize_t r;
	int e;

	if (!c->ssl) {
		r = recv(c->fd, buf, size, MSG_DONTWAIT);
		if (r > 0)
			return r;
		return r < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	ERR_clear_error();
	r = SSL_read(c->ssl, buf, (int)size);
	if (r > 0)
		return r;
	e = SSL_get_error(c->ssl, (int)r);
	if (e == SSL_ERROR_WANT_READ)
		return 0;
	if (e == SSL_ERROR_WANT_WRITE) {
		c->tls_wants_write = true;
		return 0;
	}
	return -1;
}

static int established(struct zx_conn *c)
{
	int e = 0;
	socklen_t l = sizeof(e);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &l))
		return errno;
	if (e)
		return e;
	c->estab = true;
	c->k.laddr.len = sizeof(c->k.laddr.u);
	(void)getsockname(c->fd, &c->k.laddr.u.sa, &c->k.laddr.len);
	list_flush(&c->waiters);
	return watch(c);
}

static void conn_ready(int flags, void *arg)
{
	static char buf[16384];
	struct zx_conn *c = mem_ref(arg);
	int err = 0;

	if (!c->estab && flags & FD_WRITE)
		err = established(c);
	if (!err && c->estab && (c->tx || c->tls_wants_write)) {
		c->tls_wants_write = false;
		err = flush(c);
	}
	for (int i = 0; i < 4 && !err && c->t; i++) {
		const ssize_t n = conn_read(c, buf, sizeof(buf));

		if (n < 0)
			err = ECONNRESET;
		if (n <= 0)
			break;
		err = received(c, buf, (size_t)n);
	}
	if (err)
		conn_close(c, err);
	else if (c->t && c->tls_wants_write)
		(void)watch(c);
	mem_deref(c);
}

void zx_conns_sweep(struct zx_transp *t)
{
	const uint64_t now = zx_mono_ms();
	struct le *le = t->connl.head;

	while (le) {
		struct zx_conn *c = le->data;

		le = le->next;
		if ((!c->used && now - c->opened > FIRST_MS) || (c->part_since && now - c->part_since > PARTIAL_MS) ||
		    now - c->last_rx > IDLE_MS)
			conn_close(c, ETIMEDOUT);
	}
}

void zx_conns_close(struct zx_transp *t)
{
	list_flush(&t->listeners);
	while (t->connl.head)
		conn_close(t->connl.head->data, ECONNABORTED);
}

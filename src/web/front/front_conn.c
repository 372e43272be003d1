/* A client's connection: handshake, head, then relay. One function (run) moves it; every wait is bounded by the tick. */
#include "web/front/front_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/err.h>

#include "web/front/head.h"

enum { ROUNDS = 32 };

long zx_front_read(struct zx_front_conn *c, void *p, size_t n)
{
	if (c->ssl) {
		ERR_clear_error();
		const int r = SSL_read(c->ssl, p, (int)n);
		if (r > 0)
			return r;
		switch (SSL_get_error(c->ssl, r)) {
		case SSL_ERROR_WANT_READ:
			return -1;
		case SSL_ERROR_WANT_WRITE:
			c->ssl_want_write = true;
			return -1;
		case SSL_ERROR_ZERO_RETURN:
			return 0;
		default:
			return -2;
		}
	}
	const ssize_t r = recv(c->client.fd, p, n, 0);
	if (r >= 0)
		return r;
	return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

long zx_front_write(struct zx_front_conn *c, const void *p, size_t n)
{
	if (c->ssl) {
		ERR_clear_error();
		const int r = SSL_write(c->ssl, p, (int)n);
		if (r > 0)
			return r;
		const int e = SSL_get_error(c->ssl, r);
		return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? -1 : -2;
	}
	const ssize_t r = send(c->client.fd, p, n, MSG_NOSIGNAL);
	if (r > 0)
		return r;
	return r < 0 && (errno == EAGAIN || errno == EINTR) ? -1 : -2;
}

static bool buf_ready(struct zx_front_buf *b)
{
	if (!b->p)
		b->p = malloc(ZX_FRONT_BUF);
	if (b->p && b->off && b->off + b->len == ZX_FRONT_BUF) {
		memmove(b->p, b->p + b->off, b->len);
		b->off = 0;
	}
	return b->p && b->len < ZX_FRONT_BUF;
}

static void buf_take(struct zx_front_buf *b, size_t n)
{
	b->off += n;
	b->len -= n;
	if (!b->len)
		b->off = 0;
}

static void touch(struct zx_front_conn *c)
{
	c->moved = zx_front_now();
}

bool zx_front_fill(struct zx_front_conn *c)
{
	if (c->client_eof || !buf_ready(&c->up))
		return false;
	const long n = zx_front_read(c, c->up.p + c->up.off + c->up.len, ZX_FRONT_BUF - c->up.off - c->up.len);
	if (n == -1)
		return false;
	if (n == -2) {
		zx_front_conn_close(c);
		return true;
	}
	if (n == 0) {
		c->client_eof = true;
		return true;
	}
	c->up.len += (size_t)n;
	touch(c);
	return true;
}

/* down into the client; did anything happen */
static bool drain(struct zx_front_conn *c)
{
	if (!c->down.len)
		return false;
	const long n = zx_front_write(c, c->down.p + c->down.off, c->down.len);
	if (n == -1) {
		if (!c->stall_since) {
			c->stall_since = zx_front_now();
			c->stall_bytes = 0;
		}
		return false;
	}
	if (n == -2) {
		zx_front_conn_close(c);
		return true;
	}
	buf_take(&c->down, (size_t)n);
	c->stall_bytes += (uint64_t)n;
	if (!c->down.len || c->stall_bytes >= ZX_FRONT_BUF)
		c->stall_since = 0;
	touch(c);
	return true;
}

static bool backend_send(struct zx_front_conn *c)
{
	if (c->up.len) {
		const ssize_t n = send(c->backend.fd, c->up.p + c->up.off, c->up.len, MSG_NOSIGNAL);
		if (n > 0) {
			buf_take(&c->up, (size_t)n);
			touch(c);
			return true;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ENOTCONN) {
			/* civetweb answered early and closed: what it said still goes to the client */
			c->up.len = c->up.off = 0;
			c->client_eof = true;
			return true;
		}
		return false;
	}
	if (c->client_eof && !c->backend_shut) {
		shutdown(c->backend.fd, SHUT_WR);
		c->backend_shut = true;
	}
	return false;
}

static bool backend_recv(struct zx_front_conn *c)
{
	if (c->backend_eof || !buf_ready(&c->down))
		return false;
	const ssize_t n = recv(c->backend.fd, c->down.p + c->down.off + c->down.len, ZX_FRONT_BUF - c->down.off - c->down.len, 0);
	if (n > 0) {
		c->down.len += (size_t)n;
		touch(c);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
		return false;
	c->backend_eof = true;
	return true;
}

static void backend_end(struct zx_front_conn *c)
{
	if (c->backend.fd < 0)
		return;
	zx_front_relay_del(c->f, c->relay_port);
	zx_front_poll(c->f, &c->backend, 0);
	close(c->backend.fd);
	c->backend.fd = -1;
	c->f->relay_freed = true;
	atomic_fetch_sub(&c->f->n_relays, 1);
}

/* All is written: say so, and wait a moment for the client to see it before the socket goes (a reset would eat the reply). */
static void linger(struct zx_front_conn *c)
{
	backend_end(c);
	if (c->ssl)
		SSL_shutdown(c->ssl);
	shutdown(c->client.fd, SHUT_WR);
	c->st = FRONT_LINGER;
	c->since = zx_front_now();
}

static bool backend_connect(struct zx_front_conn *c)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t sl = sizeof(sin);
	const int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	if (bind(fd, (struct sockaddr *)&sin, sl) || getsockname(fd, (struct sockaddr *)&sin, &sl)) {
		close(fd);
		return false;
	}
	c->relay_port = ntohs(sin.sin_port);
	zx_front_relay_add(c->f, c->relay_port, &c->peer);
	sin.sin_port = htons(c->f->backend_port);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) && errno != EINPROGRESS) {
		zx_front_relay_del(c->f, c->relay_port);
		close(fd);
		return false;
	}
	c->backend.fd = fd;
	atomic_fetch_add(&c->f->n_relays, 1);
	return true;
}

static bool relay_allowed(const struct zx_front_conn *c)
{
	const struct zx_front *f = c->f;
	unsigned mine = 0;

	if (atomic_load(&f->n_relays) >= f->max_relays)
		return false;
	/* one address never takes the last quarter of the workers */
	for (const struct zx_front_conn *o = f->conns; o; o = o->next)
		mine += o->backend.fd >= 0 && !strcmp(o->peer.addr, c->peer.addr);
	return mine < f->max_relays - f->max_relays / 4;
}

static bool step_wait(struct zx_front_conn *c)
{
	if (!relay_allowed(c))
		return false;
	if (!backend_connect(c)) {
		zx_front_conn_reply(c, 503);
		return true;
	}
	c->st = FRONT_RELAY;
	touch(c);
	return true;
}

static bool step_handshake(struct zx_front_conn *c)
{
	ERR_clear_error();
	const int r = SSL_accept(c->ssl);
	if (r == 1) {
		c->st = FRONT_HEAD;
		return true;
	}
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		break;
	case SSL_ERROR_WANT_WRITE:
		c->ssl_want_write = true;
		break;
	default:
		zx_front_conn_close(c);
		return true;
	}
	return false;
}

static bool step_head(struct zx_front_conn *c)
{
	const bool some = zx_front_fill(c);

	if (c->st != FRONT_HEAD || !c->up.p)
		return some;
	const char *head = (const char *)c->up.p + c->up.off;
	const size_t n = zx_head_len(head, c->up.len);
	if (n) {
		if (zx_head_is_get(head, n, "/ws") && zx_head_has_token(head, n, "upgrade", "websocket"))
			zx_front_ws_begin(c, n);
		else
			c->st = FRONT_WAIT;
		c->since = zx_front_now();
		return true;
	}
	if (c->client_eof)
		zx_front_conn_close(c);
	else if (c->up.len == ZX_FRONT_BUF)
		zx_front_conn_reply(c, 431);
	return some;
}

static bool step_relay(struct zx_front_conn *c)
{
	bool some = zx_front_fill(c);

	if (c->st == FRONT_RELAY)
		some |= backend_send(c);
	if (c->st == FRONT_RELAY)
		some |= backend_recv(c);
	if (c->st == FRONT_RELAY)
		some |= drain(c);
	if (c->st == FRONT_RELAY && c->backend_eof && !c->down.len) {
		linger(c);
		some = true;
	}
	return some;
}

static bool step_linger(struct zx_front_conn *c)
{
	char waste[4096];
	const ssize_t n = recv(c->client.fd, waste, sizeof(waste), 0);

	if (n > 0)
		return true;
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		zx_front_conn_close(c);
	return false;
}

static bool step(struct zx_front_conn *c)
{
	switch (c->st) {
	case FRONT_HANDSHAKE:
		return step_handshake(c);
	case FRONT_HEAD:
		return step_head(c);
	case FRONT_WAIT:
		return step_wait(c);
	case FRONT_RELAY:
		return step_relay(c);
	case FRONT_WS:
		return zx_front_ws_run(c);
	case FRONT_FLUSH:
		if (drain(c) && c->st == FRONT_FLUSH && !c->down.len)
			linger(c);
		return c->st == FRONT_LINGER;
	case FRONT_LINGER:
		return step_linger(c);
	case FRONT_WS_ASK:
	case FRONT_FREE:
		break;
	}
	return false;
}

static void interest(struct zx_front_conn *c)
{
	uint32_t in = 0, out = 0;

	switch (c->st) {
	case FRONT_HANDSHAKE:
	case FRONT_HEAD:
	case FRONT_WS:
	case FRONT_LINGER:
		in = EPOLLIN;
		break;
	case FRONT_RELAY:
		in = !c->client_eof && c->up.len < ZX_FRONT_BUF ? EPOLLIN : 0;
		break;
	default:
		break;
	}
	if (c->client_eof)
		in = 0;
	if (c->ssl_want_write || c->down.len || c->first)
		out = EPOLLOUT;
	zx_front_poll(c->f, &c->client, in | out | EPOLLERR);
	if (c->backend.fd >= 0)
		zx_front_poll(c->f, &c->backend,
			      (!c->backend_eof && c->down.len < ZX_FRONT_BUF ? EPOLLIN : 0) | (c->up.len ? EPOLLOUT : 0));
}

void zx_front_conn_run(struct zx_front_conn *c)
{
	unsigned n = 0;

	c->ssl_want_write = false;
	while (c->st != FRONT_FREE && n < ROUNDS && step(c))
		n++;
	if (c->st == FRONT_FREE)
		return;
	if (n == ROUNDS && !c->is_again) { /* others first; bytes inside the TLS layer wake nobody */
		c->is_again = true;
		c->again = c->f->again;
		c->f->again = c;
	}
	interest(c);
}

void zx_front_conn_event(struct zx_front_end *e, uint32_t events)
{
	struct zx_front_conn *c = e->c;

	if (c->st == FRONT_FREE)
		return;
	if (e == &c->client && (events & (EPOLLERR | EPOLLHUP))) {
		zx_front_conn_close(c);
		return;
	}
	zx_front_conn_run(c);
}

void zx_front_conn_tick(struct zx_front_conn *c, uint64_t now)
{
	switch (c->st) {
	case FRONT_HANDSHAKE:
	case FRONT_HEAD:
		if (now - c->since > ZX_FRONT_HEAD_MS)
			zx_front_conn_close(c);
		break;
	case FRONT_WAIT:
		if (now - c->since > ZX_FRONT_WAIT_MS)
			zx_front_conn_reply(c, 503);
		zx_front_conn_run(c);
		break;
	case FRONT_WS_ASK:
	case FRONT_FLUSH:
		if (now - c->since > ZX_FRONT_HEAD_MS)
			zx_front_conn_close(c);
		break;
	case FRONT_RELAY:
	case FRONT_WS:
		if ((c->stall_since && now - c->stall_since > ZX_FRONT_STALL_MS) ||
		    (c->st == FRONT_RELAY && now - c->moved > ZX_FRONT_IDLE_MS))
			zx_front_conn_close(c);
		break;
	case FRONT_LINGER:
		if (now - c->since > ZX_FRONT_LINGER_MS)
			zx_front_conn_close(c);
		break;
	case FRONT_FREE:
		break;
	}
}

void zx_front_conn_reply(struct zx_front_conn *c, unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} v[] = {{400, "Bad Request"},
		 {401, "Unauthorized"},
		 {403, "Forbidden"},
		 {426, "Upgrade Required"},
		 {431, "Request Header Fields Too Large"},
		 {503, "Service Unavailable"}};
	const char *text = "Error";

	backend_end(c);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (v[i].status == status)
			text = v[i].text;
	c->down.off = c->down.len = 0;
	if (!buf_ready(&c->down)) {
		zx_front_conn_close(c);
		return;
	}
	c->down.len =
	    (size_t)snprintf((char *)c->down.p, ZX_FRONT_BUF,
			     "HTTP/1.1 %u %s\r\nContent-Length: 0\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n%s\r\n",
			     status, text, status == 503 ? "Retry-After: 5\r\n" : "");
	c->st = FRONT_FLUSH;
	c->since = zx_front_now();
}

static void peer_text(struct zx_front_peer *p, const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)ss)->sin_addr, p->addr, sizeof(p->addr));
		return;
	}
	const struct in6_addr *a = &((const struct sockaddr_in6 *)ss)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(a))
		inet_ntop(AF_INET, a->s6_addr + 12, p->addr, sizeof(p->addr));
	else
		inet_ntop(AF_INET6, a, p->addr, sizeof(p->addr));
}

static bool admit(const struct zx_front *f, const struct zx_front_peer *peer)
{
	unsigned n = 0, all = 0;

	for (const struct zx_front_conn *c = f->conns; c; c = c->next, all++)
		n += !strcmp(c->peer.addr, peer->addr);
	return all < ZX_FRONT_CONNS && n < ZX_FRONT_PER_ADDR;
}

void zx_front_conn_new(struct zx_front *f, int fd, const struct sockaddr_storage *ss, bool tls)
{
	struct zx_front_peer peer = {.tls = tls};
	const int on = 1;
	struct zx_front_conn *c = NULL;

	peer_text(&peer, ss);
	if ((tls && !f->ctx) || !admit(f, &peer) || !(c = calloc(1, sizeof(*c))) || (tls && !(c->ssl = SSL_new(f->ctx)))) {
		atomic_fetch_add(&f->refused, 1);
		free(c);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->f = f;
	c->peer = peer;
	c->id = ++f->next_id;
	c->client = (struct zx_front_end){.c = c, .fd = fd};
	c->backend = (struct zx_front_end){.c = c, .fd = -1};
	c->since = c->moved = zx_front_now();
	c->st = tls ? FRONT_HANDSHAKE : FRONT_HEAD;
	if (tls) {
		SSL_set_fd(c->ssl, fd);
		SSL_set_accept_state(c->ssl);
	}
	c->next = f->conns;
	if (f->conns)
		f->conns->prev = c;
	else
		f->oldest = c;
	f->conns = c;
	c->hnext = f->hash[c->id % ZX_FRONT_HASH];
	f->hash[c->id % ZX_FRONT_HASH] = c;
	atomic_fetch_add(&f->n_conns, 1);
	atomic_fetch_add(&f->accepted, 1);
	zx_front_conn_run(c);
}

void zx_front_conn_close(struct zx_front_conn *c)
{
	struct zx_front *f = c->f;

	if (c->st == FRONT_FREE)
		return;
	if (c->st == FRONT_WS || c->st == FRONT_WS_ASK)
		zx_front_ws_gone(c);
	backend_end(c);
	c->st = FRONT_FREE;
	zx_front_poll(f, &c->client, 0);
	close(c->client.fd);
	if (c->prev)
		c->prev->next = c->next;
	else
		f->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		f->oldest = c->prev;
	for (struct zx_front_conn **p = &f->hash[c->id % ZX_FRONT_HASH]; *p; p = &(*p)->hnext) {
		if (*p == c) {
			*p = c->hnext;
			break;
		}
	}
	/* events of this batch may still point here */
	c->hnext = f->dead;
	f->dead = c;
	atomic_fetch_sub(&f->n_conns, 1);
}

void zx_front_conn_free(struct zx_front_conn *c)
{
	while (c->first) {
		struct zx_front_frame *n = c->first->next;
		free(c->first);
		c->first = n;
	}
	SSL_free(c->ssl);
	free(c->up.p);
	free(c->down.p);
	free(c->msg);
	free(c);
}

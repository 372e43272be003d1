#include "web/front/front.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "web/front/cert.h"
#include "web/front/front_priv.h"

enum { TICK_MS = 500, CERT_CHECK_MS = 60000, BATCH = 64 };

uint64_t zx_front_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void zx_front_poll(struct zx_front *f, struct zx_front_end *e, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = e};

	if (e->events == events && e->polled == (events != 0))
		return;
	if (!events)
		epoll_ctl(f->ep, EPOLL_CTL_DEL, e->fd, NULL);
	else
		epoll_ctl(f->ep, e->polled ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, e->fd, &ev);
	e->polled = events != 0;
	e->events = events;
}

/* ---- relays: which local port belongs to which client ---- */

void zx_front_relay_add(struct zx_front *f, uint16_t port, const struct zx_front_peer *peer)
{
	pthread_mutex_lock(&f->mutex);
	for (unsigned i = 0; i < f->max_relays; i++) {
		if (f->relays[i].port)
			continue;
		f->relays[i] = (struct zx_front_relay){.port = port, .peer = *peer};
		break;
	}
	pthread_mutex_unlock(&f->mutex);
}

void zx_front_relay_del(struct zx_front *f, uint16_t port)
{
	struct zx_front_peer peer;

	(void)zx_front_peer(f, port, &peer);
}

int zx_front_peer(struct zx_front *f, uint16_t relay_port, struct zx_front_peer *peer)
{
	int err = ENOENT;

	if (!relay_port)
		return err;
	pthread_mutex_lock(&f->mutex);
	for (unsigned i = 0; i < f->max_relays; i++) {
		if (f->relays[i].port != relay_port)
			continue;
		*peer = f->relays[i].peer;
		f->relays[i].port = 0;
		err = 0;
		break;
	}
	pthread_mutex_unlock(&f->mutex);
	return err;
}

/* ---- orders ---- */

static int order(struct zx_front *f, int what, uint64_t id, unsigned code, const char *text, size_t len)
{
	struct zx_front_order *o = malloc(sizeof(*o) + len);
	const uint64_t one = 1;

	if (!o)
		return ENOMEM;
	*o = (struct zx_front_order){.what = what, .id = id, .code = code, .len = len};
	if (len)
		memcpy(o->text, text, len);
	pthread_mutex_lock(&f->mutex);
	const bool first = !f->orders;
	if (first)
		f->orders = o;
	else
		f->orders_last->next = o;
	f->orders_last = o;
	pthread_mutex_unlock(&f->mutex);
	if (first && write(f->wake.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		return errno;
	return 0;
}

int zx_front_ws_accept(struct zx_front *f, uint64_t id)
{
	return order(f, FRONT_ACCEPT, id, 0, NULL, 0);
}

int zx_front_ws_refuse(struct zx_front *f, uint64_t id, unsigned status)
{
	return order(f, FRONT_REFUSE, id, status, NULL, 0);
}

int zx_front_ws_send(struct zx_front *f, uint64_t id, const char *text, size_t len)
{
	return order(f, FRONT_SEND, id, 0, text, len);
}

int zx_front_ws_close(struct zx_front *f, uint64_t id, unsigned code)
{
	return order(f, FRONT_CLOSE, id, code, NULL, 0);
}

static void orders_run(struct zx_front *f)
{
	uint64_t n;

	if (read(f->wake.fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		zx_log(ZX_ERROR, "web", "eventfd: %m");
	pthread_mutex_lock(&f->mutex);
	struct zx_front_order *o = f->orders;
	f->orders = f->orders_last = NULL;
	pthread_mutex_unlock(&f->mutex);
	while (o) {
		struct zx_front_order *next = o->next;
		struct zx_front_conn *c = f->hash[o->id % ZX_FRONT_HASH];
		while (c && c->id != o->id)
			c = c->hnext;
		if (c)
			zx_front_ws_order(c, o);
		free(o);
		o = next;
	}
}

/* ---- listeners ---- */

static int bind_one(struct zx_front *f, const struct addrinfo *ai, bool tls)
{
	const int on = 1, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return errno;
	if (f->n_listeners == ZX_FRONT_LISTENERS)
		err = ENOBUFS;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (!err && (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, 256)))
		err = errno;
	if (err)
		close(fd);
	else
		f->listeners[f->n_listeners++] = (struct zx_front_end){.fd = fd, .tls = tls};
	return err;
}

static int bind_addr(struct zx_front *f, const char *addr, uint16_t port, bool tls, char *errbuf, size_t errlen)
{
	const struct addrinfo hint = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	struct addrinfo *ai = NULL;
	char serv[8];
	int err;

	snprintf(serv, sizeof(serv), "%u", port);
	if (getaddrinfo(addr, serv, &hint, &ai)) {
		snprintf(errbuf, errlen, "http.listen: \"%s\" is no IP address", addr);
		return EINVAL;
	}
	err = bind_one(f, ai, tls);
	freeaddrinfo(ai);
	if (err)
		snprintf(errbuf, errlen, "cannot listen on %s port %u: %s", addr, port, strerror(err));
	return err;
}

static int bind_all(struct zx_front *f, const char *listen, uint16_t port, bool tls, char *errbuf, size_t errlen)
{
	char text[512], *save = NULL;
	int err;

	if (!port)
		return 0;
	if (!strcmp(listen, "*")) {
		err = bind_addr(f, "0.0.0.0", port, tls, errbuf, errlen);
		if (!err && (err = bind_addr(f, "::", port, tls, errbuf, errlen)) == EAFNOSUPPORT)
			err = 0; /* a machine without IPv6 */
		return err;
	}
	snprintf(text, sizeof(text), "%s", listen);
	for (char *a = strtok_r(text, ", ", &save); a; a = strtok_r(NULL, ", ", &save)) {
		err = bind_addr(f, a, port, tls, errbuf, errlen);
		if (err)
			return err;
	}
	return 0;
}

static void accept_some(struct zx_front *f, struct zx_front_end *l)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct sockaddr_storage ss;
		socklen_t sl = sizeof(ss);
		const int fd = accept4(l->fd, (struct sockaddr *)&ss, &sl, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			zx_front_conn_new(f, fd, &ss, l->tls);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			static struct zx_log_site site;
			zx_log_limited(&site, 1, ZX_WARN, "web", "accept: %m; resting");
			f->paused = true;
			for (unsigned k = 0; k < f->n_listeners; k++)
				zx_front_poll(f, &f->listeners[k], 0);
		}
		return;
	}
}

/* ---- the thread ---- */

/* Makes or renews the certificate; a fault leaves what was there. */
static void ctx_update(struct zx_front *f, uint64_t now)
{
	bool tls = false;

	for (unsigned i = 0; i < f->n_listeners; i++)
		tls |= f->listeners[i].tls;
	if (!tls || (f->ctx_checked && now - f->ctx_checked < CERT_CHECK_MS))
		return;
	f->ctx_checked = now;
	if (f->cert[0] ? f->ctx != NULL : zx_cert_ensure(f->tls_dir) == EALREADY && f->ctx)
		return;
	SSL_CTX *ctx = zx_cert_ctx(f->cert, f->key, f->tls_dir);
	if (!ctx)
		return;
	SSL_CTX_free(f->ctx);
	f->ctx = ctx;
}

static void tick(struct zx_front *f, uint64_t now)
{
	if (now - f->ticked < TICK_MS)
		return;
	f->ticked = now;
	ctx_update(f, now);
	for (struct zx_front_conn *c = f->conns, *n; c; c = n) {
		n = c->next;
		zx_front_conn_tick(c, now);
	}
	if (!f->paused)
		return;
	f->paused = false;
	for (unsigned i = 0; i < f->n_listeners; i++)
		zx_front_poll(f, &f->listeners[i], EPOLLIN);
}

static void sweep(struct zx_front *f)
{
	if (f->relay_freed) { /* those who wait for a worker, first come first served */
		f->relay_freed = false;
		for (struct zx_front_conn *c = f->oldest, *p; c; c = p) {
			p = c->prev;
			if (c->st == FRONT_WAIT)
				zx_front_conn_run(c);
		}
	}
	while (f->dead) {
		struct zx_front_conn *c = f->dead;
		f->dead = c->hnext;
		if (c->is_again) { /* still in the other list: freed when that is run */
			c->client.fd = -1;
			continue;
		}
		zx_front_conn_free(c);
	}
}

static void again_run(struct zx_front *f)
{
	struct zx_front_conn *c = f->again;

	f->again = NULL;
	while (c) {
		struct zx_front_conn *n = c->again;
		c->is_again = false;
		if (c->st != FRONT_FREE)
			zx_front_conn_run(c);
		else if (c->client.fd == -1)
			zx_front_conn_free(c);
		c = n;
	}
}

static void *front_thread(void *arg)
{
	struct zx_front *f = arg;
	struct epoll_event ev[BATCH];

	pthread_setname_np(pthread_self(), "zx-front");
	ctx_update(f, zx_front_now());
	zx_front_poll(f, &f->wake, EPOLLIN);
	for (unsigned i = 0; i < f->n_listeners; i++)
		zx_front_poll(f, &f->listeners[i], EPOLLIN);
	while (!atomic_load(&f->stop)) {
		const bool idle = !f->conns && !f->paused;
		const int n = epoll_wait(f->ep, ev, BATCH, f->again ? 0 : idle ? CERT_CHECK_MS : TICK_MS);
		for (int i = 0; i < n; i++) {
			struct zx_front_end *e = ev[i].data.ptr;
			if (e == &f->wake)
				orders_run(f);
			else if (!e->c)
				accept_some(f, e);
			else
				zx_front_conn_event(e, ev[i].events);
		}
		again_run(f);
		tick(f, zx_front_now());
		sweep(f);
	}
	while (f->conns)
		zx_front_conn_close(f->conns);
	again_run(f);
	sweep(f);
	return NULL;
}

int zx_front_alloc(struct zx_front **fp, const struct zx_front_conf *conf, char *errbuf, size_t errlen)
{
	struct zx_front *f = calloc(1, sizeof(*f));
	int err = 0;

	if (!f)
		return ENOMEM;
	pthread_mutex_init(&f->mutex, NULL);
	f->h = conf->h;
	f->max_relays = conf->relays;
	f->relays = calloc(conf->relays, sizeof(*f->relays));
	snprintf(f->cert, sizeof(f->cert), "%s", conf->cert);
	snprintf(f->key, sizeof(f->key), "%s", conf->key);
	snprintf(f->tls_dir, sizeof(f->tls_dir), "%s", conf->tls_dir);
	f->ep = epoll_create1(EPOLL_CLOEXEC);
	f->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!f->relays || f->ep < 0 || f->wake.fd < 0) {
		err = errno;
		snprintf(errbuf, errlen, "web: %s", strerror(err));
	}
	if (!err)
		err = bind_all(f, conf->listen, conf->port, false, errbuf, errlen);
	if (!err)
		err = bind_all(f, conf->listen, conf->tls_port, true, errbuf, errlen);
	if (err)
		zx_front_free(f);
	else
		*fp = f;
	return err;
}

int zx_front_start(struct zx_front *f, uint16_t backend_port)
{
	f->backend_port = backend_port;
	const int err = pthread_create(&f->thread, NULL, front_thread, f);
	f->running = !err;
	return err;
}

void zx_front_stop(struct zx_front *f)
{
	const uint64_t one = 1;

	if (!f || !f->running)
		return;
	f->running = false;
	atomic_store(&f->stop, true);
	if (write(f->wake.fd, &one, sizeof(one)) < 0)
		zx_log(ZX_ERROR, "web", "eventfd: %m");
	pthread_join(f->thread, NULL);
}

void zx_front_free(struct zx_front *f)
{
	if (!f)
		return;
	zx_front_stop(f);
	for (unsigned i = 0; i < f->n_listeners; i++)
		close(f->listeners[i].fd);
	while (f->orders) {
		struct zx_front_order *n = f->orders->next;
		free(f->orders);
		f->orders = n;
	}
	close(f->wake.fd);
	close(f->ep);
	SSL_CTX_free(f->ctx);
	free(f->relays);
	pthread_mutex_destroy(&f->mutex);
	free(f);
}

void zx_front_stats(struct zx_front *f, struct zx_front_stats *st)
{
	*st = (struct zx_front_stats){
	    .conns = atomic_load(&f->n_conns),
	    .relays = atomic_load(&f->n_relays),
	    .sockets = atomic_load(&f->n_sockets),
	    .accepted = atomic_load(&f->accepted),
	    .refused = atomic_load(&f->refused),
	    .overflows = atomic_load(&f->overflows),
	};
}

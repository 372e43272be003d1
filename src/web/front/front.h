/*
 * The front: one thread with epoll owns every client socket, plain and TLS. A connection takes a civetweb worker only when the head of
 * its first request is complete; WebSockets never take one.
 *
 *   client --[TLS]--> front --(first head)--+--> "/ws": WebSocket spoken here, messages to and from push.c
 *                                           +--> anything else: bytes relayed to civetweb's private listener on 127.0.0.1
 *
 * The private listener belongs to the front alone: it knows the local port of every relay before connecting, so that
 * zx_front_peer() finds the client of a relay and refuses whoever else connects there.
 */
#ifndef ZX_WEB_FRONT_H
#define ZX_WEB_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zx_front;

struct zx_front_peer {
	char addr[46];
	bool tls;
};

/* What a WebSocket request carried; borrowed for the time of the call. */
struct zx_front_ws {
	struct zx_front_peer peer;
	const char *cookie, *origin, *host, *agent; /* "" when missing */
};

/* Called on the front's thread; must not block. */
struct zx_front_handlers {
	void (*ws_open)(uint64_t id, const struct zx_front_ws *ws, void *arg); /* answer with accept or refuse */
	void (*ws_text)(uint64_t id, const char *text, size_t len, void *arg);
	void (*ws_close)(uint64_t id, void *arg); /* also of one that was never accepted; not after a refuse */
	void *arg;
};

struct zx_front_conf {
	const char *listen;      /* addresses, comma separated; "*" = any */
	uint16_t port, tls_port; /* 0 = off */
	const char *cert, *key;  /* the administrator's PEM files, or "" */
	const char *tls_dir;     /* where our own CA and certificate live */
	unsigned relays;         /* civetweb's workers */
	struct zx_front_handlers h;
};

/* Binds the public addresses: EADDRINUSE etc. with the address in errbuf. */
int zx_front_alloc(struct zx_front **fp, const struct zx_front_conf *conf, char *errbuf, size_t errlen);
/* Starts the thread; backend_port is civetweb's private listener. Certificates are made there. */
int zx_front_start(struct zx_front *f, uint16_t backend_port);
/* Ends the thread and closes all connections; orders are still taken, and do nothing. */
void zx_front_stop(struct zx_front *f);
void zx_front_free(struct zx_front *f);

/* Who is behind the relay that comes from this local port; once. ENOENT: not one of ours. Any thread. */
int zx_front_peer(struct zx_front *f, uint16_t relay_port, struct zx_front_peer *peer);

/* Orders for WebSockets; any thread, never block, unknown ids are ignored. ENOMEM or 0. Text is copied. */
int zx_front_ws_accept(struct zx_front *f, uint64_t id);
int zx_front_ws_refuse(struct zx_front *f, uint64_t id, unsigned status);
/* A client that does not read: its queue is dropped and replaced by the resync message. */
int zx_front_ws_send(struct zx_front *f, uint64_t id, const char *text, size_t len);
int zx_front_ws_close(struct zx_front *f, uint64_t id, unsigned code);

struct zx_front_stats {
	unsigned conns, relays, sockets;
	uint64_t accepted, refused, overflows;
};
void zx_front_stats(struct zx_front *f, struct zx_front_stats *st);

#endif

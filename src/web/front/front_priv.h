/* Inside of the front: front.c (thread, listeners, orders), front_conn.c (a connection), front_ws.c (a WebSocket). */
#ifndef ZX_WEB_FRONT_PRIV_H
#define ZX_WEB_FRONT_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "web/front/front.h"

enum {
	ZX_FRONT_BUF = 16384,          /* one direction of a relay; a request head must fit */
	ZX_FRONT_CONNS = 4096,         /* sockets of clients at once */
	ZX_FRONT_PER_ADDR = 512,       /* of one address (a NAT) */
	ZX_FRONT_WS_QUEUE = 256 << 10, /* bytes waiting for one WebSocket */
	ZX_FRONT_HASH = 1024,
	ZX_FRONT_LISTENERS = 32,
	ZX_FRONT_HEAD_MS = 10000,  /* connect to end of first head, TLS included */
	ZX_FRONT_WAIT_MS = 20000,  /* for a worker */
	ZX_FRONT_IDLE_MS = 120000, /* relay without a byte */
	ZX_FRONT_STALL_MS = 30000, /* a client that does not take what we have for it: this long for ZX_FRONT_BUF bytes */
	ZX_FRONT_LINGER_MS = 2000,
};

/* FREE is never seen by handlers: the connection is unlinked and waits for the end of the event batch. */
enum zx_front_state { FRONT_HANDSHAKE, FRONT_HEAD, FRONT_WAIT, FRONT_RELAY, FRONT_WS_ASK, FRONT_WS, FRONT_FLUSH, FRONT_LINGER, FRONT_FREE };

struct zx_front_buf {
	uint8_t *p; /* ZX_FRONT_BUF bytes, allocated at first use */
	size_t off, len;
};

struct zx_front_conn;
struct zx_front_end {            /* what epoll points to */
	struct zx_front_conn *c; /* NULL: a listener or the wake-up */
	int fd;
	uint32_t events;
	bool polled, tls;
};

struct zx_front_frame {
	struct zx_front_frame *next;
	size_t len, off;
	uint8_t data[];
};

struct zx_front_conn {
	struct zx_front *f;
	struct zx_front_conn *prev, *next, *hnext, *again;
	bool is_again;
	uint64_t id;
	enum zx_front_state st;
	struct zx_front_end client, backend;
	SSL *ssl;
	bool ssl_want_write;
	bool client_eof, backend_eof, backend_shut;
	struct zx_front_buf up, down;                    /* client to backend, backend to client */
	uint64_t since, moved, stall_since, stall_bytes; /* monotonic ms; bytes since */
	struct zx_front_peer peer;
	uint16_t relay_port;
	struct zx_front_frame *first, *last; /* WebSocket: waiting to be written */
	size_t queued;
	bool closing; /* a close frame was queued */
	uint8_t *msg; /* WebSocket: message in parts so far */
	size_t msg_len;
	char key[64];
};

struct zx_front_order {
	struct zx_front_order *next;
	enum { FRONT_ACCEPT, FRONT_REFUSE, FRONT_SEND, FRONT_CLOSE } what;
	uint64_t id;
	unsigned code;
	size_t len;
	char text[];
};

struct zx_front_relay { /* taken by civetweb's worker when it sees the connection */
	uint16_t port;
	struct zx_front_peer peer;
};

struct zx_front {
	struct zx_front_handlers h;
	char cert[256], key[256], tls_dir[4096];
	int ep;
	struct zx_front_end wake, listeners[ZX_FRONT_LISTENERS];
	unsigned n_listeners;
	bool paused; /* no descriptors left: listeners rest until the next tick */
	uint16_t backend_port;
	unsigned max_relays;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	SSL_CTX *ctx;
	uint64_t ctx_checked;

	/* the front's thread alone */
	struct zx_front_conn *conns, *oldest, *hash[ZX_FRONT_HASH], *again, *dead;
	uint64_t next_id, ticked;
	bool relay_freed;

	pthread_mutex_t mutex; /* guards what follows */
	struct zx_front_order *orders, *orders_last;
	struct zx_front_relay *relays; /* max_relays; port 0 = free */

	atomic_uint n_conns, n_relays, n_sockets;
	atomic_uint_fast64_t accepted, refused, overflows;
};

uint64_t zx_front_now(void);
/* front.c */
void zx_front_poll(struct zx_front *f, struct zx_front_end *e, uint32_t events);
void zx_front_relay_add(struct zx_front *f, uint16_t port, const struct zx_front_peer *peer);
void zx_front_relay_del(struct zx_front *f, uint16_t port);
/* front_conn.c */
void zx_front_conn_new(struct zx_front *f, int fd, const struct sockaddr_storage *ss, bool tls);
void zx_front_conn_close(struct zx_front_conn *c); /* at once */
void zx_front_conn_run(struct zx_front_conn *c);   /* does what can be done without blocking */
void zx_front_conn_event(struct zx_front_end *e, uint32_t events);
void zx_front_conn_tick(struct zx_front_conn *c, uint64_t now);
void zx_front_conn_free(struct zx_front_conn *c);
/* A reply of our own, then the end. */
void zx_front_conn_reply(struct zx_front_conn *c, unsigned status);
long zx_front_read(struct zx_front_conn *c, void *p, size_t n);        /* > 0, 0 = end, -1 = later, -2 = broken */
long zx_front_write(struct zx_front_conn *c, const void *p, size_t n); /* > 0, -1 = later, -2 = broken */
bool zx_front_fill(struct zx_front_conn *c);                           /* client into up; did anything happen */
/* front_ws.c */
void zx_front_ws_begin(struct zx_front_conn *c, size_t head_len);
bool zx_front_ws_run(struct zx_front_conn *c); /* did anything come in */
void zx_front_ws_order(struct zx_front_conn *c, const struct zx_front_order *o);
void zx_front_ws_gone(struct zx_front_conn *c);

#endif

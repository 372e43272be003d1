/*
 * Sockets of the SIP edge.
 *
 *   datagram / stream bytes -> ban check -> keep-alive, STUN -> zx_raw_scan -> zx_edge_receive (edge.c)
 *
 * UDP sockets are bound to the wildcard (or to the listed addresses) and learn by IP_PKTINFO which of our addresses a datagram came to;
 * the reply is sent from that address, and addresses may come and go without anybody following them. sip_msg.sock is a struct zx_sock.
 */
#ifndef ZX_SIP_TRANSPORT_H
#define ZX_SIP_TRANSPORT_H

#include "sip/edge.h"
#include "sip/hash.h"
#include "sip/raw.h"

#include <openssl/ssl.h>

struct sip_connqent;

struct zx_sock { /* first member of every sip_msg.sock */
	enum sip_transp tp;
	struct sa laddr;
};

struct zx_usock { /* one of our UDP addresses */
	struct zx_sock k;
	struct le he;
	int fd; /* borrowed */
	bool wild;
};

struct zx_ufd { /* a UDP descriptor */
	struct le le;
	struct zx_transp *t;
	struct sa bound;
	int fd;
	bool wild;
};

struct zx_listener {
	struct le le;
	struct zx_transp *t;
	struct sa bound;
	int fd, spare;
	bool tls;
};

struct zx_transp {
	struct le le; /* all of the process */
	struct zx_sip *s;
	sip_msg_h *req_h, *resp_h; /* libre's transactions */
	void *trans_arg;
	struct list ufds, listeners;
	struct hash *usocks; /* by address */
	struct zx_usock *last;
	struct hash *conns; /* by peer */
	struct list connl;
	struct hash *peers; /* connections without a binding, counted by address */
	unsigned connc, usockc;
	struct zx_hashkey key;
	SSL_CTX *ssl;
	uint16_t port, tls_port;
	struct tmr sweep;
	uint8_t *rxbuf;
};

/* What came in. data is not NUL-terminated and valid only during the call. */
struct zx_rx {
	enum sip_transp tp;
	struct sa src, dst;
	void *sock;
	const char *p;
	size_t n;
};

/* transport.c */
int zx_transp_alloc(struct zx_transp **tp, struct zx_sip *s);
/* While set, sip_alloc() hands its transaction handlers to t. */
void zx_transp_adopt(struct zx_transp *t);
int zx_transp_start(struct zx_transp *t, char *errbuf, size_t errlen);
/* A finished message by the socket it belongs to. */
int zx_sock_send(struct zx_sock *k, const struct sa *dst, const char *p, size_t n);
/* Where a reply to msg goes (RFC 3261 18.2.2, RFC 3581; maddr is not followed: it would make us a reflector). */
void zx_reply_addr(struct sa *dst, enum sip_transp tp, const struct sa *src, const struct sa *sentby, bool rport);
bool zx_transp_is_local(const struct zx_transp *t, const struct sa *sa);
/* The kernel's choice of our address towards dst. */
int zx_route_laddr(struct sa *laddr, const struct sa *dst);

/* conn.c */
struct zx_conn;
int zx_conn_listen(struct zx_transp *t, const struct sa *addr, bool tls, uint16_t *port);
void zx_conns_close(struct zx_transp *t);
struct zx_conn *zx_conn_find(struct zx_transp *t, enum sip_transp tp, const struct sa *peer);
int zx_conn_open(struct zx_conn **cp, struct zx_transp *t, const struct sa *peer);
int zx_conn_send(struct zx_conn *c, const char *p, size_t n);
/* Calls h(err, arg) when the connection fails before it is established; *qp is cleared then, and mem_deref(*qp) takes it back. */
int zx_conn_wait(struct sip_connqent **qp, struct zx_conn *c, void (*h)(int err, void *arg), void *arg);
bool zx_conn_usable(const struct zx_conn *c);
/* The list of bindings that live on this connection (their conn_le). */
struct list *zx_conn_bindings(struct zx_conn *c);
void zx_conn_bound(struct zx_conn *c); /* it carries a binding now */
void zx_conns_sweep(struct zx_transp *t);

/* tls.c */
int zx_tls_context(SSL_CTX **ctx, const char *data_dir, char *errbuf, size_t errlen);

/* edge.c */
void zx_edge_receive(struct zx_sip *s, const struct zx_rx *rx, const struct zx_raw *raw, enum zx_raw_result res);

#endif

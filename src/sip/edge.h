/* Inside the sip room: the edge as its parts (registrar, auth, INVITE legs) see it. */
#ifndef ZX_SIP_EDGE_H
#define ZX_SIP_EDGE_H

#include "sip/inv.h"
#include "sip/resip.h"
#include "sip/sip.h"

struct zx_invs;      /* the INVITE legs' own state (inv.c) */
struct zx_registrar; /* bindings (registrar.c) */
struct zx_auth;      /* nonces (auth.c) */
struct zx_bans;      /* who failed how often (ban.c) */
struct zx_trunks;    /* trunk.c */
struct zx_transp;    /* sockets and connections (transport.c) */

/* What we speak; inv.c puts them into its own messages. */
#define ZX_SIP_ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, PRACK, UPDATE, REFER, NOTIFY"
#define ZX_SIP_ACCEPT "application/sdp"
#define ZX_SIP_SUPPORTED "100rel, timer, replaces, path, outbound, norefersub"

struct zx_sip {
	struct sip *sip;
	const struct zx_conf *conf;
	struct zx_store *store;
	struct zx_directory dir;
	struct zx_registrar *reg;
	struct zx_auth *auth;
	struct zx_invs *invs;
	struct zx_trunks *trunks;
	zx_inv_incoming_h *incoming;
	void *incoming_arg;
	bool draining;
	struct zx_sip_stats stats;
	struct zx_transp *transp;
	struct zx_bans *bans;
	char data_dir[256];
};

/* ---- auth.c ---- */
enum zx_auth_result {
	ZX_AUTH_OK,      /* *acc is set */
	ZX_AUTH_REPLIED, /* challenged, refused or dropped: a reply has been sent if one is due */
};
/* Digest check of a request against the From/To user's account (RFC 7616, 8760), bound address and bans. challenge code 401.
 * A retransmission of a request that was accepted is accepted again. */
enum zx_auth_result zx_auth_request(struct zx_sip *s, const struct sip_msg *msg, const struct zx_account **acc);

int zx_auth_alloc(struct zx_auth **ap);

/* ---- registrar.c ---- */
/* The connection of these bindings (their conn_le) is closed. */
void zx_registrar_conn_closed(struct zx_sip *s, struct list *bindings);
/* Where to send a request for this binding: request URI, Route values (Path), and the flow to go by. Strings borrowed. */
struct zx_flow {
	const char *uri;
	const char *path; /* "" none */
	enum sip_transp tp;
	struct sa src; /* our side */
	struct sa dst; /* next hop: where the REGISTER came from */
};
void zx_binding_flow(const struct zx_binding *b, struct zx_flow *f);
/* The extension it belongs to (To of our INVITE, so that the phone's requests inside the dialog name the account to ask the password of).
 */
const char *zx_binding_ext(const struct zx_binding *b);

/* ---- transport.c ----
 * Our own sockets under libre: sip_transp_send(), sip_transp_laddr(), sip_transp_supported() and sip_reply_addr() of libre are overridden
 * by the executable. Replies (sock of the request) leave from the address their request came to. A request (sock NULL) leaves from the
 * address in its Via; by TCP and TLS over the connection with dst, ECONNREFUSED when a TLS one is gone. */

/* ---- edge.c ---- */
/* Contact URI user@addr of ours for messages leaving towards dst by tp ("sip:8000@192.0.2.1:5084;transport=tcp"). */
int zx_edge_contact(struct zx_sip *s, char *buf, size_t len, const char *user, enum sip_transp tp, const struct sa *dst);
/* The same when the flow is known: no look at the routes. */
int zx_edge_contact_at(struct zx_sip *s, char *buf, size_t len, const char *user, enum sip_transp tp, const struct sa *src,
		       const struct sa *dst);
/* Our local signalling address towards dst by tp. */
int zx_edge_laddr(struct zx_sip *s, struct sa *laddr, enum sip_transp tp, const struct sa *dst);

/* ---- inv.c ---- called by the edge. The legs have transactions of their own (inv_trans.c: 32 s after its end a transaction of libre
 * still holds its whole message, and leaves by the first socket): they send by sip_send(), sock NULL for requests, Via = flow's src. */
/* For EVERY request, before any other look at it than the ban: retransmissions of what the legs took, ACK to their non-2xx, CANCEL of their
 * INVITEs (answered here). True: done. An unknown CANCEL is the edge's (481). */
bool zx_invs_absorb(struct zx_sip *s, const struct sip_msg *msg);
int zx_invs_init(struct zx_sip *s);
void zx_invs_close(struct zx_sip *s);
/* INVITE outside a dialog, after the edge's checks of form (Max-Forwards, Require, body type, loops); not yet authenticated. */
void zx_invs_request(struct zx_sip *s, const struct sip_msg *msg);
/* Any request with a To tag, and ACK: true when it was ours (handled and answered); else the edge answers 481 (nothing to an ACK). */
bool zx_invs_in_dialog(struct zx_sip *s, const struct sip_msg *msg);
/* Every response no client transaction of libre took. True when it was ours. */
bool zx_invs_stray_response(struct zx_sip *s, const struct sip_msg *msg);

#endif

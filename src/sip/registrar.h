/* Bindings inside the sip room. */
#ifndef ZX_SIP_REGISTRAR_H
#define ZX_SIP_REGISTRAR_H

#include "sip/edge.h"
#include "sip/hash.h"
#include "sip/wheel.h"
#include "store/bindings.h"

struct zx_aor { /* an extension with bindings; goes with the last one */
	struct le he;
	struct list bindings; /* best q first, then the newest */
	int64_t company_id;
	uint64_t fingerprint; /* of password and bound address; 0 not known yet */
	bool online;
	int rtt_told;
	char user[ZX_NUM_LEN];
};

struct zx_binding { /* mem object; lists hold the only reference, commits under way another */
	struct le le, conn_le, dirty_le, id_le;
	struct zx_wheel_entry expire, ping;
	struct zx_registrar *reg;
	struct zx_aor *aor; /* NULL: removed */
	enum sip_transp tp;
	struct sa src, dst;
	uint64_t expires; /* zx_mono_ms() */
	uint64_t id;
	uint32_t cseq, reg_id;
	uint16_t q;
	bool stored;    /* committed as it is, but for the expiry */
	bool flow_gone; /* its TCP/TLS connection is closed */
	bool reachable;
	uint8_t ping_fails;
	bool ping_waits;
	uint32_t ping_seq;
	uint64_t ping_sent; /* us */
	int rtt_us;
	char *uri, *instance, *callid, *path, *agent; /* all in one block at uri */
};

struct zx_registrar {
	struct zx_sip *s;
	struct hash *aors, *ids;
	struct zx_wheel *wheel;
	struct list dirty, pends;
	struct tmr flush;
	struct zx_hashkey key;
	unsigned count;
};

struct zx_binding_new { /* what a REGISTER says of one contact */
	struct pl uri, instance;
	struct pl callid, agent;
	const char *path;
	uint32_t reg_id, cseq, expires; /* s */
	uint16_t q;
	enum sip_transp tp;
	struct sa src, dst;
};

/* registrar.c */
int zx_registrar_alloc(struct zx_registrar **rp, struct zx_sip *s);
int zx_registrar_restore(struct zx_registrar *r);
struct zx_aor *zx_aor_find(const struct zx_registrar *r, const char *user);
struct zx_aor *zx_aor_get(struct zx_registrar *r, const struct zx_account *acc);
/* New, or *old changed in place. *changed: it differs by more than its times and must be committed before it is acknowledged. */
int zx_binding_set(struct zx_binding **bp, struct zx_aor *aor, struct zx_registrar *r, struct zx_binding *old,
		   const struct zx_binding_new *n, bool *changed);
/* Out of memory and lists, and out of the store unless it is replaced by its own row. */
void zx_binding_drop(struct zx_binding *b, bool forget);
void zx_binding_dirty(struct zx_binding *b);
void zx_binding_row(const struct zx_binding *b, struct zx_binding_row *row);
bool zx_binding_usable(const struct zx_binding *b);
/* Tells the house when online, latency or reachability changed. */
void zx_aor_news(struct zx_registrar *r, struct zx_aor *aor);
/* Ties a binding to the connection its REGISTER came by. */
void zx_binding_tie(struct zx_binding *b, void *sock);

/* register.c */
void zx_register_request(struct zx_sip *s, const struct sip_msg *msg);
void zx_register_close(struct zx_registrar *r);

/* options.c */
void zx_ping_start(struct zx_binding *b);
bool zx_ping_response(struct zx_sip *s, const struct sip_msg *msg);
void zx_options_request(struct zx_sip *s, const struct sip_msg *msg);

#endif

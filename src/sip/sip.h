/*
 * SIP edge: transports, dispatch, digest, bans, registrar, OPTIONS. With sip/inv.h the only headers of this room that others see;
 * neither shows libre's SIP types.
 */
#ifndef ZX_SIP_SIP_H
#define ZX_SIP_SIP_H

#include "base/re.h"

#include "base/conf.h"
#include "base/event.h"

struct zx_store;
struct zx_sip;     /* the edge; mem_deref() closes transports */
struct zx_binding; /* one registered contact */

/* An extension as the edge needs it. HA1 = H(user:realm:password). */
struct zx_account {
	char user[ZX_NUM_LEN];
	char name[ZX_NAME_LEN];
	int64_t company_id;
	uint8_t ha1_md5[16], ha1_sha256[32];
	char bind_ip[64]; /* "" = anywhere; address or CIDR */
	int64_t trunk_id; /* it is no extension but a gateway that registers to us: its calls are those of this trunk */
};
struct zx_peer { /* a trunk known by its source address */
	int64_t id, company_id;
	char name[ZX_NUM_LEN];
};

/* What the edge asks the rest of the house; borrowed pointers valid until control returns to the loop. */
struct zx_directory {
	const struct zx_account *(*account)(const char *user, void *arg); /* NULL: none. O(1) */
	const struct zx_peer *(*peer)(const struct sa *src, void *arg);   /* NULL: no trunk there. O(1) */
	void *arg;
};

int zx_sip_alloc(struct zx_sip **sp, const struct zx_conf *conf, struct zx_store *store, const char *data_dir,
		 const struct zx_directory *dir);
/* Opens the transports. EADDRINUSE etc. with the address in errbuf. Restores the bindings. */
int zx_sip_start(struct zx_sip *s, char *errbuf, size_t errlen);
/* No new calls (503 with Retry-After), registrations go on. For a clean stop. */
void zx_sip_drain(struct zx_sip *s);
/* Accounts changed: bindings of those that are gone or whose password or bound address changed are dropped. */
void zx_sip_accounts_changed(struct zx_sip *s);

/* ---- registrar ---- */
struct zx_binding_info {
	char contact[256];
	char agent[96];
	char tp[8];
	struct sa src;
	int64_t expires; /* epoch ms */
	int rtt_us;      /* -1 unknown */
	bool reachable;  /* last OPTIONS answered, or not asked yet */
};
/* Live bindings of an extension, best q first: their number (may exceed max). O(bindings of that extension). */
unsigned zx_reg_bindings(struct zx_sip *s, const char *ext, struct zx_binding **bv, unsigned max);
void zx_binding_info(const struct zx_binding *b, struct zx_binding_info *info);
unsigned zx_reg_count(const struct zx_sip *s); /* bindings in all */
bool zx_reg_online(struct zx_sip *s, const char *ext);

struct zx_sip_stats {
	uint64_t requests, responses, registers, challenges, auth_failures, banned_drops, unanswered_drops, malformed;
	unsigned bindings, invs;
};
void zx_sip_stats(const struct zx_sip *s, struct zx_sip_stats *st);

#endif

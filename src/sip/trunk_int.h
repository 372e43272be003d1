/* Inside the trunks: trunk.c the table, trunk_probe.c OPTIONS and REGISTER, trunk_name.c names to addresses. */
#ifndef ZX_SIP_TRUNK_INT_H
#define ZX_SIP_TRUNK_INT_H

#include "sip/inv_int.h"
#include "sip/trunk.h"

struct zx_trunks {
	struct zx_sip *s;
	struct list all;
	struct hash *by_id, *by_addr, *by_account;
	struct zx_bus_sub *sub;
};

struct zx_trunk {
	struct le le, id_le, addr_le, account_le;
	struct zx_trunks *ts;
	struct zx_trunk_conf conf;
	struct sa addr; /* not set: not known yet */
	enum zx_trunk_state state;
	uint16_t scode;
	int rtt_us;
	int64_t since;
	unsigned calls;
	struct tmr tmr, resolve_tmr, news_tmr;
	/* OPTIONS or REGISTER under way */
	struct zx_ctrans *ct;
	char callid[40], tag[ZX_TAG_SZ];
	uint32_t cseq, expires, backoff;
	uint64_t sent; /* zx_mono_us() */
	unsigned misses, tries;
	char *auth;
	bool resolving, leaving;
};

void zx_trunk_state_set(struct zx_trunk *t, enum zx_trunk_state state, uint16_t scode);
void zx_trunk_addr_set(struct zx_trunk *t, const struct sa *addr);
/* Begins, at once, to ask (peer) or to register. */
void zx_trunk_probe(struct zx_trunk *t);
/* Tells the other side that we are gone; nothing waits for its answer. */
void zx_trunk_unregister(struct zx_trunk *t);
/* Looks the name up (SRV when the port is the standard one, then A and AAAA), and again every five minutes. */
void zx_trunk_resolve(struct zx_trunk *t);
void zx_trunk_resolve_close(struct zx_trunks *ts);

#endif

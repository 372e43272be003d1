/*
 * Trunks as the SIP side needs them: where they are, whether they answer (OPTIONS) or know us (REGISTER), how many calls they carry.
 * SPEC 2.4. The table is replaced after each change of the configuration; what has not changed keeps its registration and its state.
 * Loop thread.
 *
 *   peer:     UNKNOWN -> UP <-> DOWN                           by OPTIONS, every sip.options_interval; three unanswered ones: DOWN
 *   register: REGISTERING -> UP, REFUSED (wrong password, not allowed), DOWN (no answer); tried again after 4 s, doubling to 5 min
 */
#ifndef ZX_SIP_TRUNK_H
#define ZX_SIP_TRUNK_H

#include "base/codec.h"
#include "sip/sip.h"

enum zx_trunk_kind { ZX_TRUNK_PEER, ZX_TRUNK_REGISTER, ZX_TRUNK_GATEWAY };
enum zx_trunk_dtmf { ZX_DTMF_AUTO, ZX_DTMF_RFC4733, ZX_DTMF_INFO, ZX_DTMF_INBAND };

struct zx_trunk_conf {
	struct zx_peer peer;
	enum zx_trunk_kind kind;
	char host[128]; /* address or name */
	uint16_t port;
	char account[ZX_NUM_LEN], secret[128]; /* plain: wiped when the trunk goes */
	enum zx_trunk_dtmf dtmf;
	enum zx_codec codecs[ZX_CODEC_COUNT]; /* in order */
	unsigned codecc;                      /* 0: all */
	char caller_id[ZX_NUM_LEN];           /* shown whoever calls; "" the caller's own */
	unsigned max_calls;                   /* 0 = no limit */
	struct zx_account gateway;            /* as which it registers to us; user "" it does not */
};

struct zx_trunk;
struct zx_trunks;

struct zx_trunk_info {
	enum zx_trunk_state state;
	uint16_t scode; /* of the last answer, 0 none */
	int rtt_us;     /* -1 unknown */
	int64_t since;  /* of the state, epoch ms */
	unsigned calls; /* up or being set up */
};

/* Replaces the table: O(n). The secrets of v are copied. */
int zx_trunks_apply(struct zx_sip *s, const struct zx_trunk_conf *v, unsigned n);
/* NULL: none. Borrowed until control returns to the loop. */
struct zx_trunk *zx_trunk_find(struct zx_sip *s, int64_t id);
const struct zx_trunk_conf *zx_trunk_conf(const struct zx_trunk *t);
void zx_trunk_info(const struct zx_trunk *t, struct zx_trunk_info *info);
/* Where to call it. EHOSTUNREACH: its name is not resolved, or it does not answer. */
int zx_trunk_addr(const struct zx_trunk *t, struct sa *addr);
/* The trunk whose name resolved to this address, or the gateway that registered from there; NULL none. O(1) */
const struct zx_peer *zx_trunk_by_addr(struct zx_sip *s, const struct sa *src);
/* The same by the host alone: providers call from other ports than they are called at. Phones may share the host. */
const struct zx_peer *zx_trunk_by_host(struct zx_sip *s, const struct sa *src);
/* The account of a gateway; NULL none. O(1) */
const struct zx_account *zx_trunk_account(struct zx_sip *s, const char *user);
/* A call begins (EBUSY: max_calls are up) and ends on it. */
int zx_trunk_call_begin(struct zx_sip *s, int64_t id);
void zx_trunk_call_end(struct zx_sip *s, int64_t id);

/* What a failure says: about the line, so that the next one is tried, or about who was called. */
enum zx_trunk_verdict { ZX_TRUNK_NEXT, ZX_TRUNK_FINAL };
enum zx_trunk_verdict zx_trunk_verdict(uint16_t scode);

int zx_trunks_alloc(struct zx_trunks **tp, struct zx_sip *s);

#endif

/*
 * INVITE legs: one dialog usage each, as UAS or UAC, on libre's transactions and dialogs (RFC 3261, 3262, 3311, 3515, 3891, 4028, 6337).
 * Loop thread. Reference counted: the creator's reference is dropped with mem_deref(); dropping the last reference of a leg that is not
 * closed hangs it up as its state wants (CANCEL, BYE, 4xx) and no handler is called any more.
 *
 *   UAS: incoming -> progress* -> accept | reject          UAC: connect -> progressed* -> answered
 *   both: offered / offer_result, dtmf, refer, hang-up; closed comes exactly once, last.
 */
#ifndef ZX_SIP_INV_H
#define ZX_SIP_INV_H

#include "sip/sdp.h"
#include "sip/sip.h"

struct zx_inv;

/* A REFER that was accepted (202 is sent by the leg). Progress is told by zx_inv_refer_notify(). */
struct zx_refer {
	char to[ZX_NUM_LEN]; /* user part of Refer-To */
	bool replaces;       /* attended: */
	char callid[128], to_tag[64], from_tag[64];
};

struct zx_inv_handlers {
	/* UAC: 101-199; sdp is the answer (or, in a late-offer call, the offer) when there was one, else NULL. */
	void (*progressed)(struct zx_inv *inv, uint16_t scode, const struct zx_sdp *sdp, void *arg);
	/* UAC: 2xx. sdp NULL when the answer came before in a reliable provisional. ACK has been sent, unless we sent no offer: then
	 * sdp is an offer and zx_inv_ack_answer() sends it with our answer. */
	void (*answered)(struct zx_inv *inv, const struct zx_sdp *sdp, void *arg);
	/* UAS: ACK for our 2xx arrived; sdp is the answer when our 2xx carried the offer (late offer), else NULL. */
	void (*confirmed)(struct zx_inv *inv, const struct zx_sdp *sdp, void *arg);
	/* re-INVITE or UPDATE: with an offer (answer by zx_inv_offer_answer(), at once or later), or sdp NULL = a re-INVITE without offer:
	 * answer with our offer, the result comes by offer_result. */
	void (*offered)(struct zx_inv *inv, const struct zx_sdp *sdp, void *arg);
	/* Our zx_inv_offer(): scode 200 with their answer, or why not. 491 is retried inside (RFC 3261 14.1) before it is told. */
	void (*offer_result)(struct zx_inv *inv, uint16_t scode, const struct zx_sdp *sdp, void *arg);
	/* DTMF by SIP INFO (application/dtmf-relay or application/dtmf). */
	void (*dtmf)(struct zx_inv *inv, char digit, unsigned duration_ms, void *arg);
	/* REFER in this dialog. Return 0 to accept (202), or a SIP code to refuse. */
	uint16_t (*refer)(struct zx_inv *inv, const struct zx_refer *r, void *arg);
	/* The end: by the other side (BYE, CANCEL -> 487, 3xx-6xx), by time-out (408), by us. scode 200: after an answered call. */
	void (*closed)(struct zx_inv *inv, uint16_t scode, const char *reason, void *arg);
};

struct zx_inv_info {                                 /* of an incoming call; strings live as long as the leg */
	const struct zx_account *account;            /* authenticated extension, or NULL. Valid only inside the incoming handler */
	const struct zx_peer *peer;                  /* or the trunk it came from. Same */
	const char *from_user, *from_name, *to_user; /* to_user: user part of the request URI, unescaped */
	const char *asserted;                        /* from a trunk: whom its P-Asserted-Identity names; NULL none */
	bool anonymous;                              /* from a trunk: Privacy asks not to show the caller */
	const char *callid, *agent;
	struct sa src, local;       /* other end, and our address it came to (media goes by the same) */
	const struct zx_sdp *offer; /* NULL: late offer */
	const char *replaces_callid, *replaces_to_tag, *replaces_from_tag; /* INVITE with Replaces; NULL when none */
	bool replaces_early_only;
};

/* A new call, authenticated and checked (Require, Max-Forwards, loop, body). 100 Trying has been sent. Take it: set handlers with
 * zx_inv_handle() and keep a reference (mem_ref), or refuse it with zx_inv_reject(). */
typedef void(zx_inv_incoming_h)(struct zx_inv *inv, const struct zx_inv_info *info, void *arg);
void zx_sip_incoming_set(struct zx_sip *s, zx_inv_incoming_h *h, void *arg);

void zx_inv_handle(struct zx_inv *inv, const struct zx_inv_handlers *h, void *arg);

/* UAS */
int zx_inv_progress(struct zx_inv *inv, uint16_t scode, const char *reason,
		    const struct zx_sdp *early); /* reliable when they support/require 100rel */
int zx_inv_accept(struct zx_inv *inv,
		  const struct zx_sdp *sdp); /* answer, or our offer in a late-offer call; NULL when already answered in a reliable 18x */
int zx_inv_reject(struct zx_inv *inv, uint16_t scode, const char *reason);

/* UAC */
struct zx_inv_target {
	struct zx_binding *binding; /* a registered phone (its flow, path, contact), or */
	struct sa peer;             /* a trunk's address, with */
	const char *user;           /* the user part to call there */
};
struct zx_inv_caller {
	const char *user, *name; /* From */
	const char *callid_ref;  /* may be NULL: X-Zuoxi-Call id for tracing */
	bool auto_answer;        /* Call-Info ;answer-after=0 and Alert-Info for click to call */
	/* towards a trunk */
	const char *asserted;                /* P-Asserted-Identity (RFC 3325); NULL none */
	const char *diverted;                /* Diversion (RFC 5806): who forwarded the call; NULL none */
	bool anonymous;                      /* From hides the caller, Privacy: id (RFC 3323) */
	const char *auth_user, *auth_secret; /* answer to a challenge; NULL: none is answered */
};
/* offer NULL: late offer. */
int zx_inv_connect(struct zx_inv **ip, struct zx_sip *s, const struct zx_inv_target *t, const struct zx_inv_caller *c,
		   const struct zx_sdp *offer, const struct zx_inv_handlers *h, void *arg);
int zx_inv_ack_answer(struct zx_inv *inv, const struct zx_sdp *answer);
/* Our local address towards the target (for the offer, before connecting). */
int zx_inv_target_laddr(struct zx_sip *s, const struct zx_inv_target *t, struct sa *laddr);

/* both, in an established dialog */
int zx_inv_offer(struct zx_inv *inv, const struct zx_sdp *offer); /* re-INVITE; EBUSY while one is under way */
int zx_inv_offer_answer(struct zx_inv *inv, const struct zx_sdp *answer);
int zx_inv_offer_reject(struct zx_inv *inv, uint16_t scode, const char *reason); /* 488: what was before stays */
int zx_inv_info_dtmf(struct zx_inv *inv, char digit, unsigned duration_ms);
int zx_inv_refer_notify(struct zx_inv *inv, uint16_t scode, const char *reason); /* >= 200 ends the subscription */
/* BYE, CANCEL or 4xx as the state wants. scode/reason 0/NULL for a normal end; they go into Reason and, before an answer of ours, into the
 * reply. closed follows. */
void zx_inv_hangup(struct zx_inv *inv, uint16_t scode, const char *reason);

/* Which of our legs a Replaces names (tags as the sender of Replaces sees them: to-tag = ours or theirs, both tried). Borrowed, NULL none.
 */
struct zx_inv *zx_inv_find(struct zx_sip *s, const char *callid, const char *to_tag, const char *from_tag);
void *zx_inv_arg(const struct zx_inv *inv);
const char *zx_inv_callid(const struct zx_inv *inv);
const struct sa *zx_inv_local(const struct zx_inv *inv);
bool zx_inv_established(const struct zx_inv *inv);
/* The other side has answered our INVITE with anything, be it 100. */
bool zx_inv_heard(const struct zx_inv *inv);
unsigned zx_inv_count(const struct zx_sip *s);

#endif

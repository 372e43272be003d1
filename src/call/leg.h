/*
 * Inside the call room: a leg is one party of a call, with its media stream. leg.c holds its life, leg_sip.c joins it to a SIP
 * dialog, leg_sip_sdp.c to offers and answers; the rest of the room sees only this.
 *
 *   in:  NEW -> EARLY (18x sent) -> UP          out: NEW -> EARLY (18x came) -> UP
 *   any: -> CLOSING (hang-up ordered, no media, no call) -> CLOSED
 */
#ifndef ZX_CALL_LEG_H
#define ZX_CALL_LEG_H

#include <string.h>

#include "base/event.h"
#include "media/media.h"

struct zx_call;
struct zx_inv;
struct zx_inv_caller;
struct zx_inv_target;
struct zx_sdp;

enum zx_leg_state { ZX_LEG_IN_NEW, ZX_LEG_IN_EARLY, ZX_LEG_OUT_NEW, ZX_LEG_OUT_EARLY, ZX_LEG_UP, ZX_LEG_CLOSING, ZX_LEG_CLOSED };
enum zx_leg_event { ZX_LEG_PROGRESS, ZX_LEG_ANSWER, ZX_LEG_HANGUP, ZX_LEG_GONE };

struct zx_leg {
	struct le le;         /* in call->legs, or among the closing */
	struct le ext_le;     /* by extension, when it is one */
	struct zx_call *call; /* borrowed; NULL once released */
	struct zx_inv *inv;
	struct zx_stream *stream;
	struct zx_sdp *sdp; /* incoming: the offer, then our answer, until the call is up */
	struct zx_stream_desc desc;
	struct tmr tmr;
	struct sa local; /* our signalling address for it; media goes by the same */
	struct sa remote;
	uint32_t contact;                     /* hash of the contact it was sent to */
	int state;                            /* enum zx_leg_state */
	enum zx_codec codecs[ZX_CODEC_COUNT]; /* what the other side has told it can, its preference first */
	uint8_t codecc;
	uint8_t side;        /* of the record: 0 the caller's, 1 the callee's */
	bool is_ext;         /* num is an extension */
	bool fork;           /* a branch of call->dial */
	bool shown;          /* its extension has been told of the call, and is owed the end */
	bool holding;        /* ... that it holds */
	bool late;           /* incoming without offer: ours goes into the 200 */
	bool sdp_answer;     /* sdp is our answer */
	bool media;          /* desc is negotiated and set */
	bool held, held_web; /* its phone (or its user in the browser) has put the other party on hold */
	uint32_t moh_id;
	bool moh;              /* hears music, or what stands for it */
	bool info;             /* sends its keys by SIP INFO */
	bool rtp;              /* media has arrived */
	bool srtp, srtp_retry; /* our offer is SRTP; it may be made once more the other way */
	bool srtp_avp;         /* best effort: keys with the plain profile */
	bool auto_answer;
	/* of a trunk: */
	int64_t trunk_id;                    /* 0: none; it counts among the trunk's calls */
	enum zx_codec allow[ZX_CODEC_COUNT]; /* in order; none: all */
	uint8_t allowc;
	bool no_te, inband; /* keys never by RFC 4733; listened for as tones */
	char num[ZX_NUM_LEN];
};

/* ---- leg.c ---- */
int zx_call_leg_alloc(struct zx_leg **lp, const char *num, bool is_ext);
/* Moves the state; false when the event means nothing in this state. */
bool zx_call_leg_move(struct zx_leg *leg, enum zx_leg_event ev);
const char *zx_call_leg_state_name(const struct zx_leg *leg);
/* Joins the leg to a call, takes the reference. */
void zx_call_leg_adopt(struct zx_leg *leg, struct zx_call *call);
/* Another call gets it; streams and dialog go on. */
void zx_call_leg_give(struct zx_leg *leg, struct zx_call *to);
/* Takes the leg out of its call, closes its media and hangs it up (scode and reason as the state wants), after delay_ms. */
void zx_call_leg_release(struct zx_leg *leg, uint16_t scode, const char *reason, unsigned delay_ms);
/* Its dialog is over: the last word about this leg. */
void zx_call_leg_done(struct zx_leg *leg, uint16_t scode, const char *reason);
void zx_call_leg_stream_h(const struct zx_stream_event *ev, void *arg);
static inline bool zx_call_leg_holds(const struct zx_leg *leg)
{
	return leg->held || leg->held_web;
}
/* Legs of an extension, for walking: data of the list is struct zx_leg, compare num. */
struct list *zx_call_leg_ext_list(const char *ext);
unsigned zx_legs_closing(void);
int zx_legs_init(void);
void zx_legs_close(void);

/* ---- leg_sip.c ---- */
struct zx_leg_caller { /* what a called phone is told */
	int64_t call_id;
	const char *num, *name;
	bool auto_answer;
	const char *shown, *diverted; /* to a trunk: number to show instead, who forwarded; "" none */
};
/* One leg for each live contact of the extension, sent to at once; made() adopts it. Codecs of `near` (may be NULL) are offered first.
 * Returns how many; *errp (when none could be made) why. */
unsigned zx_call_leg_fork(const char *ext, const struct zx_leg_caller *from, const struct zx_leg *near,
			  void (*made)(struct zx_leg *leg, void *arg), void *arg, int *errp);
bool zx_call_leg_reachable(const char *ext);
/* ---- leg_sip_trunk.c ---- */
/* Calls number by the trunk; the leg is the caller's to adopt. EBUSY: it carries all the calls it may; EHOSTUNREACH: it is down. */
int zx_call_leg_trunk(struct zx_leg **lp, int64_t trunk_id, const char *number, const struct zx_leg_caller *from,
		      const struct zx_leg *near);
/* The trunk's rules for a leg of it (codecs, keys), and its place among the trunk's calls. EBUSY. */
int zx_call_leg_trunk_rules(struct zx_leg *leg, int64_t trunk_id);
/* ---- leg_sip.c ---- */
int zx_call_leg_ring(struct zx_leg *leg);
/* 183 with media; codec: wanted, when the other side can. */
int zx_call_leg_early(struct zx_leg *leg, enum zx_codec codec);
int zx_call_leg_answer(struct zx_leg *leg, enum zx_codec codec);
void zx_call_leg_hangup(struct zx_leg *leg, uint16_t scode, const char *reason);
bool zx_call_leg_heard(const struct zx_leg *leg); /* the other side has reacted to our call in any way */
int zx_call_leg_info_dtmf(struct zx_leg *leg, char digit, unsigned duration_ms);
void zx_call_leg_refer_notify(struct zx_leg *leg, uint16_t scode, const char *reason);
int zx_call_leg_connect(struct zx_leg *leg, const struct zx_inv_target *target, const struct zx_inv_caller *caller,
			const enum zx_codec *first, unsigned n);
int zx_call_leg_sip_init(void);

/* ---- leg_sip_sdp.c ---- */
int zx_call_leg_media_open(struct zx_leg *leg, const struct zx_leg *near);
/* Our offer to the other side: `first` codecs first, then the rest. */
int zx_call_leg_offer_make(struct zx_leg *leg, struct zx_sdp *offer, const enum zx_codec *first, unsigned n);
/* Their answer to it. */
int zx_call_leg_offer_done(struct zx_leg *leg, const struct zx_sdp *answer);
/* Their offer -> our answer, and the stream set. codec NONE: theirs to prefer. ENOTSUP nothing in common. */
int zx_call_leg_answer_make(struct zx_leg *leg, struct zx_sdp *answer, const struct zx_sdp *offer, enum zx_codec codec);
/* What an offer says the other side can. */
void zx_call_leg_codecs_learn(struct zx_leg *leg, const struct zx_sdp *sdp);

/* ---- what legs tell, each implemented where it is dealt with ---- */
struct zx_leg_in { /* a new incoming leg; strings borrowed */
	const char *from, *from_name, *to;
	const char *ext; /* of an authenticated extension, or "" and the trunk: */
	const char *trunk;
	int64_t trunk_id, company_id;
	bool early_only; /* INVITE with Replaces: only while it rings */
};
struct zx_leg_refer {
	const char *to;
	bool replaces;
	struct zx_leg *other; /* the leg it names, NULL when there is none */
};
uint16_t zx_call_admit(void);                                         /* 0, or the code to refuse with (call.c) */
int zx_call_incoming(struct zx_leg *leg, const struct zx_leg_in *in); /* call.c; takes the reference */
uint16_t zx_call_replace(struct zx_leg *leg, const struct zx_leg_in *in,
			 struct zx_leg *old);                                    /* transfer.c; 0: took the reference, or a code */
void zx_call_on_rang(struct zx_leg *leg, bool early);                            /* dial.c: 18x came */
void zx_call_on_answered(struct zx_leg *leg);                                    /* dial.c */
void zx_call_on_closed(struct zx_leg *leg, uint16_t scode, const char *reason);  /* call.c */
void zx_call_on_media(struct zx_leg *leg);                                       /* bridge.c: negotiation has changed something */
void zx_call_on_dtmf(struct zx_leg *leg, char digit, unsigned ms, bool by_info); /* bridge.c */
void zx_call_on_silent(struct zx_leg *leg);                                      /* bridge.c: no packets for a long time */
void zx_call_on_played(struct zx_leg *leg, uint32_t play);                       /* bridge.c */
uint16_t zx_call_on_refer(struct zx_leg *leg, const struct zx_leg_refer *r);     /* transfer.c */

#endif

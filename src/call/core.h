/* Inside the call room: the call itself. */
#ifndef ZX_CALL_CORE_H
#define ZX_CALL_CORE_H

#include <stdio.h>
#include <string.h>

#include "call/call.h"
#include "call/leg.h"

struct zx_dial; /* an extension being rung (dial.c) */
struct zx_xfer; /* a transfer under way (transfer.c) */

enum zx_call_event { ZX_CALL_EV_RING, ZX_CALL_EV_ANSWER, ZX_CALL_EV_HOLD, ZX_CALL_EV_RESUME, ZX_CALL_EV_END };

struct zx_call {
	struct le le, id_le, dirty_le;
	struct list legs;
	struct zx_leg *served; /* the party an application works for; NULL while a click-to-call phone rings */
	struct zx_leg *peer;   /* the party it is joined with */
	struct zx_dial *dial;
	struct zx_xfer *xfer;
	struct zx_rec *rec;
	struct zx_leg *rec_leg[2];       /* whose streams it has */
	struct mbuf *timeline, *quality; /* JSON without its last bracket */
	char *rec_path;
	char *rec_problem;
	struct tmr tmr; /* tone before the end, or the next step of a transfer */
	zx_call_played_h *played_h;
	zx_call_digit_h *digit_h;
	void *played_arg, *digit_arg;
	void *app_data;
	unsigned hops;
	uint32_t play;
	int state; /* enum zx_call_state */
	enum zx_call_dir dir;
	const char *outcome; /* state word of the record when it ends unanswered; a constant */
	int64_t id, company_id, trunk_id;
	int64_t start; /* epoch ms; all other times are ms after it, -1 not yet */
	uint64_t mono;
	int64_t rang, answered, ended;
	uint16_t scode, tone_scode;
	uint8_t sides[2]; /* parties whose quality has been noted */
	bool record, tone;
	char from[ZX_NUM_LEN], from_name[ZX_NAME_LEN];
	char dialled[ZX_NUM_LEN]; /* as first dialled, for the record */
	char to[ZX_NUM_LEN];      /* as dialled last */
	char outside[ZX_NUM_LEN]; /* extension whose outside calls it counts among; "" none */
	char acting[ZX_NUM_LEN];  /* extension on whose rights numbers are dialled; "" trunk */
	char caller_ext[ZX_NUM_LEN], callee_ext[ZX_NUM_LEN], transfer_to[ZX_NUM_LEN];
	char app[32];
	char trunk[ZX_NUM_LEN];
	char hangup_by[8];
};

struct zx_calls {
	struct zx_call_env env;
	struct list calls; /* newest first */
	struct list dirty;
	struct hash *by_id;
	zx_call_router_h *router;
	zx_call_ext_h *ext_h;
	void (*idle)(void); /* ending: told when nothing is left */
	struct tmr idle_tmr;
	unsigned n;
	bool draining, flushing;
};
extern struct zx_calls zx_calls;

/* ---- call.c ---- */
int zx_call_alloc(struct zx_call **cp, const char *from, const char *name, const char *to, int64_t company_id);
bool zx_call_move(struct zx_call *c, enum zx_call_event ev);
int64_t zx_call_ms(const struct zx_call *c); /* since its start */
void zx_call_routed(struct zx_call *c);      /* asks the router where c->to leads */
/* The one end of a call: by "caller", "callee" or "system"; scode and reason are for the legs that are still there. */
void zx_call_end(struct zx_call *c, const char *by, uint16_t scode, const char *reason);
void zx_calls_idle_check(void);
unsigned zx_call_ring_ms(void);
/* The call leaves by this trunk: its direction and the trunk of its record. */
void zx_call_trunk_note(struct zx_call *c, int64_t trunk_id);
char *zx_str_dup(const char *s);                                                 /* counted */
struct zx_leg *zx_call_other(const struct zx_call *c, const struct zx_leg *leg); /* the party it is joined with, NULL */
static inline bool zx_call_over(const struct zx_call *c)
{
	return c->state == ZX_CALL_ENDED;
}
static inline const char *zx_side_name(const struct zx_leg *leg)
{
	return leg->side ? "callee" : "caller";
}

/* ---- dial.c ---- */
void zx_dial_stop(struct zx_call *c, uint16_t scode, const char *reason);
/* A branch is gone. */
void zx_dial_branch_closed(struct zx_leg *leg, uint16_t scode);
/* leg (out or in) becomes the party that answers: the other branches are released, the served leg is answered and joined. */
void zx_call_join(struct zx_call *c, struct zx_leg *leg);
/* For click to call: the answered leg becomes the served one instead. */
int zx_dial_click(struct zx_call *c, const char *ext);
bool zx_dial_rings(const struct zx_call *c, const char *ext);
/* The rung extension says no. */
void zx_dial_refuse(struct zx_call *c);

/* ---- bridge.c ---- */
void zx_bridge_apply(struct zx_call *c); /* joins, or plays music, as hold is; talking or held follows */
void zx_bridge_split(struct zx_call *c); /* the two hear each other no more */
void zx_call_music(struct zx_leg *leg);
void zx_call_ringback(struct zx_leg *leg);
void zx_call_silence(struct zx_leg *leg);
void zx_call_rec_apply(struct zx_call *c); /* begins when it is wanted; its sides follow the parties */
void zx_call_rec_leave(struct zx_call *c, const struct zx_leg *leg);
int zx_call_hold(struct zx_call *c, struct zx_leg *leg, bool hold);

/* ---- transfer.c ---- */
/* leg's user sends the other party to a number. notify: a REFER has to be answered for. EPROTO state does not allow it. */
int zx_transfer_blind(struct zx_leg *leg, const char *number, bool notify);
/* A ringing call goes elsewhere before an answer. */
int zx_transfer_divert(struct zx_call *c, const char *ext, const char *number);
void zx_transfer_ringing(struct zx_call *c);
/* Side of the record the party that is dialled now takes. */
uint8_t zx_transfer_side(const struct zx_call *c);
void zx_transfer_done(struct zx_call *c);
/* Gives the party back; false when there is nobody to give it to. */
bool zx_transfer_failed(struct zx_call *c, uint16_t scode, const char *reason);
/* The leg that transferred has hung up. */
bool zx_transfer_left(struct zx_leg *leg);

/* ---- record.c ---- */
void zx_text_clean(char *dst, size_t len, const char *src); /* valid UTF-8 without control characters, cut at len */
void zx_record_quality(struct zx_call *c, const struct zx_leg *leg);
void zx_record_put(struct zx_call *c); /* row of a call that talks or has ended */
char *zx_record_path(const struct zx_call *c);

/* ---- outside.c ---- */
void zx_call_outside_end(struct zx_call *c);
void zx_outside_close(void);

/* ---- news.c ---- */
void zx_news_fill(struct zx_ev_call *ev, const struct zx_call *c, const struct zx_leg *leg);
void zx_news_leg(enum zx_ev type, const struct zx_call *c, const struct zx_leg *leg);
void zx_news_ext(enum zx_ev type, const struct zx_call *c, const char *ext, const char *peer);
void zx_news_live(struct zx_call *c); /* once per turn of the loop */
void zx_news_ended(struct zx_call *c);

#endif

/*
 * Calls: legs joined. A call is one row of the call records. It serves one leg at a time (first the caller's) and may join it with
 * one other. No SIP headers and no packets here: call/leg_sip*.c alone know both.
 *
 *   incoming leg -> router hook -> application (app/) -> zx_call_dial() / play / reject -> bridge -> record
 *
 * Everything here is for the loop thread. A call given to a handler is borrowed: it lives until control returns to the loop.
 */
#ifndef ZX_CALL_CALL_H
#define ZX_CALL_CALL_H

#include "base/event.h"
#include "media/media.h"
#include "store/store.h"

struct zx_call; /* owned by the call room; ends by itself when its last leg is gone */
struct zx_conf;
struct zx_sip;

struct zx_call_env {
	struct zx_sip *sip;
	struct zx_media *media;
	struct zx_store *store;
	const struct zx_conf *conf;
};
int zx_calls_init(const struct zx_call_env *env);
/* Ends all calls (BYE, CANCEL), writes their records; done() when the last is gone or after max_ms. New calls are refused from now on. */
void zx_calls_end_all(unsigned max_ms, void (*done)(void));
void zx_calls_close(void);

/* Called for every new incoming call, authenticated, and again for a call whose served leg is transferred to another number;
 * decides what happens (usually by zx_app_run()). */
typedef void(zx_call_router_h)(struct zx_call *call);
void zx_call_router_set(zx_call_router_h *h);

/* What the room has to know of an extension; false when there is none. */
struct zx_call_ext {
	int64_t company_id;
	char name[ZX_NAME_LEN];
	bool masked; /* its phone shows outside numbers as 1361****678 */
};
typedef bool(zx_call_ext_h)(const char *ext, struct zx_call_ext *e);
void zx_call_ext_set(zx_call_ext_h *h);

/* ---- what an application may do with a call ---- */
struct zx_call_target {
	char ext[ZX_NUM_LEN];    /* extension: all its contacts are forked to; or "" and an outside number: */
	char number[ZX_NUM_LEN]; /* as sent to the trunk */
	int64_t trunks[3];       /* tried in order; that the callee is busy or does not answer is no failure of the trunk */
	unsigned trunkc;
	char shown[ZX_NUM_LEN];    /* caller's number where the trunk sets none; "" the caller's own */
	char diverted[ZX_NUM_LEN]; /* who forwarded the call here, "" nobody */
};
/* Rings the target for ring_ms; the outcome comes to done exactly once, never from inside zx_call_dial(), unless the call ends first. */
enum zx_dial_result {
	ZX_DIAL_ANSWERED,
	ZX_DIAL_BUSY,
	ZX_DIAL_NOANSWER,
	ZX_DIAL_UNREACHABLE,
	ZX_DIAL_NOTFOUND,
	ZX_DIAL_REJECTED,
	ZX_DIAL_FAILED
};
typedef void(zx_dial_h)(struct zx_call *call, enum zx_dial_result res, uint16_t scode, void *arg);
int zx_call_dial(struct zx_call *call, const struct zx_call_target *t, unsigned ring_ms, zx_dial_h *done, void *arg);
/* Counts an outside call on ext's rights until the call ends. EBUSY: max_calls are up; EDQUOT: max_hour were made in the last 60 minutes
 * (0 = no limit). A call is counted once. */
int zx_call_outside(struct zx_call *call, const char *ext, unsigned max_calls, unsigned max_hour);
/* Data of the application that serves the call now: dereferenced when another one takes over, or the call ends. Takes the reference. */
void zx_call_app_data_set(struct zx_call *call, void *data);
void *zx_call_app_data(const struct zx_call *call);
/* Before another application takes over: nothing plays, keys go nowhere, the old one's data is gone. */
void zx_call_app_leave(struct zx_call *call);
/* Ends the serving with this code: a caller who is not answered yet gets it (after a tone, when it has early media); one who is hears the
 * tone; a transferred party is given back to who transferred it. */
void zx_call_reject(struct zx_call *call, uint16_t scode, const char *reason);
void zx_call_hangup(struct zx_call *call, const char *by);
/* Answers the served leg for the application itself. 0 also when it is answered already; EPROTO when the call is over. */
int zx_call_answer(struct zx_call *call);
/* Plays to the served leg, which is answered. done comes at the end of the playing, unless stopped or replaced. ENOENT no such prompt. */
typedef void(zx_call_played_h)(struct zx_call *call, void *arg);
int zx_call_play(struct zx_call *call, const struct zx_play *p, zx_call_played_h *done, void *arg);
/* Stops what zx_call_play() began; its done is not called. */
int zx_call_play_stop(struct zx_call *call);
/* How many applications have served the call, this one included: to be asked once by each. */
unsigned zx_call_hop(struct zx_call *call);
/* Digits the served leg presses while it is not joined with another. */
typedef void(zx_call_digit_h)(struct zx_call *call, char digit, void *arg);
void zx_call_digits(struct zx_call *call, zx_call_digit_h *h, void *arg);

/* Facts of the call, borrowed. */
const char *zx_call_from(const struct zx_call *c);     /* number of the party served */
const char *zx_call_to(const struct zx_call *c);       /* as dialled, by the caller or in the last transfer */
const char *zx_call_dialled(const struct zx_call *c);  /* as first dialled */
const char *zx_call_from_ext(const struct zx_call *c); /* on whose rights: "" when it came by a trunk */
int64_t zx_call_trunk_id(const struct zx_call *c);     /* 0 none */
int64_t zx_call_id(const struct zx_call *c);
int64_t zx_call_company(const struct zx_call *c);
void zx_call_app_set(struct zx_call *c, const char *app); /* for the record and the live list */
void zx_call_record(struct zx_call *c, bool on);          /* wanted; begins at answer, and goes on through transfers */
/* An entry of the timeline; detail may be NULL. */
void zx_call_note(struct zx_call *c, const char *event, const char *detail);

/* ---- orders from the web; loop thread (use zx_loop_call) ---- */
/* company_id 0: any. ENOENT no such call. */
int zx_call_order_hangup(int64_t call_id, int64_t company_id);
/* What a call is now. ENOENT. */
int zx_call_info(int64_t call_id, struct zx_ev_call *v);
/* Click to call: rings ext's phone (auto-answer asked), then dials number for it. EHOSTUNREACH not registered, EBUSY in a call,
 * EAGAIN too many calls or no media port. */
int zx_call_order_dial(const char *ext, const char *number, int64_t *call_id);
/* The phone of ext: hold/resume the other party, transfer it (while it rings: divert). ENOENT when ext is in no call; EPROTO when the state
 * does not allow it. */
int zx_call_order_hold(const char *ext, bool hold);
int zx_call_order_transfer(const char *ext, const char *number);
int zx_call_order_hangup_ext(const char *ext);
/* All calls now (company 0 = all), newest first, at most max; the number in all. */
unsigned zx_call_list(int64_t company_id, struct zx_ev_call *v, unsigned max);
unsigned zx_call_count(void);
/* What the phone of ext is doing; state ENDED when nothing. */
void zx_call_ext_state(const char *ext, struct zx_ev_call *v);

#endif

/*
 * Calls: legs joined. A call is one row of the call records. It has legs (a party each); at most two legs
 * are bridged. No SIP headers and no packets here: call/leg_sip.c alone knows both.
 *
 *   incoming leg -> router hook -> application (app/) -> zx_call_dial() / play / reject -> bridge -> record
 */
#ifndef ZX_CALL_CALL_H
#define ZX_CALL_CALL_H

#include "base/event.h"
#include "media/media.h"
#include "sip/inv.h"
#include "store/store.h"

struct zx_call; /* owned by the call room; ends by itself when its last leg is gone */
struct zx_leg;

struct zx_call_env {
	struct zx_sip *sip;
	struct zx_media *media;
	struct zx_store *store;
	const struct zx_conf *conf;
};
int zx_calls_init(const struct zx_call_env *env);
/* Ends all calls (BYE, CANCEL), writes their records; done() when the last is gone or after max_ms. */
void zx_calls_end_all(unsigned max_ms, void (*done)(void));
void zx_calls_close(void);

/* Called for every new incoming call, authenticated; decides what happens (usually by zx_app_run()). */
typedef void(zx_call_router_h)(struct zx_call *call);
void zx_call_router_set(zx_call_router_h *h);

/* ---- what an application may do with a call ---- */
struct zx_call_target {
	char ext[ZX_NUM_LEN];  /* extension: all its contacts are forked to */
};
/* Rings the target for ring_ms; the outcome comes to done exactly once unless the call ends first. */
enum zx_dial_result { ZX_DIAL_ANSWERED, ZX_DIAL_BUSY, ZX_DIAL_NOANSWER, ZX_DIAL_UNREACHABLE, ZX_DIAL_NOTFOUND, ZX_DIAL_REJECTED, ZX_DIAL_FAILED };
typedef void(zx_dial_h)(struct zx_call *call, enum zx_dial_result res, uint16_t scode, void *arg);
int zx_call_dial(struct zx_call *call, const struct zx_call_target *t, unsigned ring_ms, zx_dial_h *done, void *arg);
/* Ends the call before an answer with this code; a tone or prompt is heard first by legs that take early media. */
void zx_call_reject(struct zx_call *call, uint16_t scode, const char *reason);
void zx_call_hangup(struct zx_call *call, const char *by);

/* Facts of the call, borrowed. */
const char *zx_call_from(const struct zx_call *c);     /* caller's number */
const char *zx_call_to(const struct zx_call *c);       /* as dialled */
const char *zx_call_from_ext(const struct zx_call *c); /* "" when it came by a trunk */
int64_t zx_call_trunk_id(const struct zx_call *c);     /* 0 none */
int64_t zx_call_id(const struct zx_call *c);
int64_t zx_call_company(const struct zx_call *c);
void zx_call_app_set(struct zx_call *c, const char *app);   /* for the record and the live list */
void zx_call_record(struct zx_call *c, bool on);            /* wanted; begins at answer */
/* An entry of the timeline; detail may be NULL. */
void zx_call_note(struct zx_call *c, const char *event, const char *detail);

/* ---- orders from the web; loop thread (use zx_loop_call) ---- */
/* ENOENT no such call. */
int zx_call_order_hangup(int64_t call_id, int64_t company_id);
/* Click to call: rings ext's phone (auto-answer asked), then dials number for it. EHOSTUNREACH not registered, EBUSY in a call. */
int zx_call_order_dial(const char *ext, const char *number, int64_t *call_id);
/* The phone of ext: hold/resume the other party, transfer it. ENOENT when ext is in no call; EPROTO when the state does not allow it. */
int zx_call_order_hold(const char *ext, bool hold);
int zx_call_order_transfer(const char *ext, const char *number);
int zx_call_order_hangup_ext(const char *ext);
/* All calls now (company 0 = all), newest first, at most max; the number in all. */
unsigned zx_call_list(int64_t company_id, struct zx_ev_call *v, unsigned max);
unsigned zx_call_count(void);
/* What the phone of ext is doing; state ENDED when nothing. */
void zx_call_ext_state(const char *ext, struct zx_ev_call *v);

#endif

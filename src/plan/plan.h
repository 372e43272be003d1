/*
 * The applied configuration as one immutable snapshot: who exists, number -> application. Built off the loop from the last applied
 * documents of all companies (store/config.h), swapped in one step; a call keeps the snapshot it started with only as long as control is
 * on the stack. Look-ups take the same time whatever the number of rows.
 */
#ifndef ZX_PLAN_PLAN_H
#define ZX_PLAN_PLAN_H

#include <time.h>

#include "sip/sip.h"
#include "sip/trunk.h"
#include "store/store.h"

struct zx_plan;

/* Where something leads (SPEC 2.10). app "": nowhere. */
struct zx_plan_target {
	char app[16];          /* extension queue ivr time conference voicemail prompt survey outside hangup */
	int64_t id;            /* row of the application's table; 0 none */
	char text[ZX_NUM_LEN]; /* of applications without rows: the outside number; else the id as written */
};

struct zx_plan_head {
	int64_t id, company_id;
	char name[ZX_NAME_LEN];
	char number[16]; /* "": cannot be dialled */
};

struct zx_plan_ext {
	struct zx_account account; /* first: the directory hands it to the edge */
	int64_t id;
	bool record;
	char caller_id[ZX_NUM_LEN];
	unsigned out_calls, out_hour; /* outside calls at a time and an hour; 0 = no limit */
};

struct zx_plan_trunk {
	struct zx_peer peer;
	struct sa addr; /* not set: a name, or a gateway that registers to us */
	enum zx_trunk_kind kind;
	char host[128], account[ZX_NUM_LEN], secret[256]; /* sealed */
	char dtmf[8], codecs[64], caller_id[ZX_NUM_LEN];
	uint16_t port;
	unsigned max_calls;        /* 0 = no limit */
	struct zx_account gateway; /* as which it registers to us */
};

struct zx_plan_prompt { /* sound: DATA/sounds/SHA.wav */
	struct zx_plan_head h;
	bool music;
	char file[128], sha[72];
	unsigned length; /* ms */
};

enum zx_strategy {
	ZX_STRATEGY_RRMEMORY,
	ZX_STRATEGY_RINGALL,
	ZX_STRATEGY_LONGEST_IDLE,
	ZX_STRATEGY_FEWEST_CALLS,
	ZX_STRATEGY_RANDOM,
	ZX_STRATEGY_LINEAR,
};
struct zx_plan_queue {
	struct zx_plan_head h;
	enum zx_strategy strategy;
	int64_t join_prompt_id, music_id, agent_prompt_id, ivr_id;                      /* 0 none */
	uint32_t music_first, max_wait, ring_time, retry, wrap_up, ivr_after, announce; /* ms */
	unsigned max_callers, misses_busy;
	bool announce_wait;
	struct zx_plan_target overflow;
	unsigned memberc;
	const struct zx_plan_ext *const *members; /* in order */
};

enum { ZX_IVR_KEYS = 12 }; /* 0-9 * # */
struct zx_plan_ivr {
	struct zx_plan_head h;
	int64_t prompt_id, invalid_id, timeout_id; /* 0 none */
	unsigned repeats;
	uint32_t timeout; /* ms */
	bool direct_dial;
	struct zx_plan_target keys[ZX_IVR_KEYS], last;
};

struct zx_plan_day {
	int from, to; /* YYYYMMDD, both included */
	bool work;
};
struct zx_plan_holidays {
	struct zx_plan_head h;
	unsigned dayc;
	const struct zx_plan_day *days;
};
/* A range may wrap; from and to -1: any. One end alone: from the beginning, to the end. */
struct zx_plan_range {
	int from, to;
};
struct zx_plan_time {
	struct zx_plan_head h;
	struct zx_plan_range minute, weekday, month, day; /* of the day 0-1439, 1 = Monday, 1-12, 1-31 */
	int64_t holidays_id;                              /* 0 none */
	struct zx_plan_target in, out;
};

struct zx_plan_conf {
	struct zx_plan_head h;
	char pin[16];
	bool record;
};
struct zx_plan_voicemail {
	struct zx_plan_head h;
	int64_t prompt_id, extension_id;
	uint32_t max_length, silence; /* ms */
};

struct zx_plan_inbound {
	struct zx_plan_head h;
	int64_t trunk_id; /* 0: any of the company */
	int position;
	unsigned strip;
	bool record;
	char pattern[ZX_NUM_LEN], caller[ZX_NUM_LEN];
	struct zx_plan_target target; /* extension without id: the number dialled, stripped */
};
struct zx_plan_outbound {
	struct zx_plan_head h;
	int position;
	int64_t extension_id, trunk_id[3]; /* 0: any caller; no such trunk */
	char pattern[ZX_NUM_LEN], strip[32], prefix[32];
};

/* Where a number leads. */
struct zx_route {
	char app[32];           /* name of an application (app/app.h), "" = nowhere */
	char param[ZX_NUM_LEN]; /* extension: its number; else the id of the row, or text */
	int64_t company_id;
	bool record; /* record whatever the extension says */
};

/* How an outside number is dialled. */
struct zx_outbound {
	const struct zx_plan_outbound *route;
	const struct zx_plan_trunk *trunks[3]; /* in the order they are tried */
	unsigned trunkc;
	char number[ZX_NUM_LEN]; /* as sent */
};

/* Reads what is applied with the calling thread's reader; any thread that may block. */
int zx_plan_load(struct zx_plan **pp, struct zx_store *st, const char *realm);
/* Loop thread: make it the current one (takes the reference). */
void zx_plan_swap(struct zx_plan *p);
/* Posts itself: load on the pool, swap on the loop, then publishes ZX_EV_CONFIG. Bursts are merged. Any thread. */
int zx_plan_reload(struct zx_store *st, const char *realm);

/* Loop thread, current snapshot; borrowed. */
const struct zx_plan_ext *zx_plan_ext(const char *number);
const struct zx_plan_trunk *zx_plan_trunk(const struct sa *src);
const struct zx_plan_ext *zx_plan_ext_id(int64_t id);
const struct zx_plan_trunk *zx_plan_trunk_id(int64_t id);
/* The i-th of all companies, NULL behind the last. */
const struct zx_plan_trunk *zx_plan_trunk_at(unsigned i);
const struct zx_plan_queue *zx_plan_queue(int64_t id);
const struct zx_plan_ivr *zx_plan_ivr(int64_t id);
const struct zx_plan_conf *zx_plan_conf(int64_t id);
const struct zx_plan_voicemail *zx_plan_voicemail(int64_t id);
const struct zx_plan_prompt *zx_plan_prompt(int64_t id);
const struct zx_plan_inbound *zx_plan_inbound(int64_t id);
/* The file of a company's prompt or music. ENOENT: it has none of that id. */
int zx_plan_sound(char *path, size_t len, int64_t company_id, int64_t id);
unsigned zx_plan_ext_count(void);
/* Whose number it is; 0 nobody's. */
int64_t zx_plan_number_company(const char *number);
/* An extension dials. */
void zx_plan_route_ext(struct zx_route *r, const struct zx_plan_ext *from, const char *dialled);
/* A call comes in by a trunk. */
void zx_plan_route_trunk(struct zx_route *r, int64_t trunk_id, const char *from, const char *dialled);
/* A target, as a key of an IVR or an overflow has it; time conditions are followed. */
void zx_plan_route_target(struct zx_route *r, int64_t company_id, const struct zx_plan_target *t);
/* An extension of the company dials an outside number (ext 0: none, as a campaign does). ENOENT: no route takes it. */
int zx_plan_route_out(struct zx_outbound *o, int64_t company_id, int64_t ext_id, const char *dialled);

/* ---- blacklist: live at once, no part of the snapshot ---- */
/* Any thread that may block: reads it, and makes it the current one on the loop. */
int zx_plan_blacklist_load(struct zx_store *st);
/* Loop thread. 86 and + before a number and the 0 before a mobile do not matter. */
bool zx_plan_blacklisted(int64_t company_id, const char *caller);
/* Extensions whose users see no customer's number (号码隐藏): the same. Loaded again when users change. */
int zx_plan_masked_load(struct zx_store *st);
bool zx_plan_masked(int64_t extension_id);
void zx_plan_live_close(void);

/* ---- pure ---- */
/* X: 0-9, Z: 1-9, N: 2-9, [1-5]: one of, final ".": one or more of anything. Empty matches all. Linear, no backtracking. */
bool zx_pattern_match(const char *pattern, const char *number);
/* 0 or EINVAL with what is wrong. */
int zx_pattern_check(const char *pattern, char *errbuf, size_t errlen);
/* Every number that `narrow` takes is taken by `wide`, too. */
bool zx_pattern_covers(const char *wide, const char *narrow);
/* < 0: a is the more specific one, 0: equally. What covers the other never comes first; of those that merely overlap the one that is
 * exact for longer does. */
int zx_pattern_order(const char *a, const char *b);
/* Characters at the beginning that are themselves. */
size_t zx_pattern_literal(const char *pattern);
/* Is it inside? holidays may be NULL: days off are outside, days made up for count by the time of day alone. */
bool zx_plan_time_inside(const struct zx_plan_time *t, const struct zx_plan_holidays *holidays, const struct tm *local);

#endif

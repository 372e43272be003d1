/*
 * The applied configuration as one immutable snapshot: who exists, number -> application. Built off the loop from the store, swapped in
 * one step; a call keeps the snapshot it started with only as long as control is on the stack. Look-ups are O(1) in extensions and trunks.
 */
#ifndef ZX_PLAN_PLAN_H
#define ZX_PLAN_PLAN_H

#include "sip/sip.h"
#include "store/store.h"

struct zx_plan;

struct zx_plan_ext {
	struct zx_account account; /* first: the directory hands it to the edge */
	int64_t id;
	bool record;
	char caller_id[ZX_NUM_LEN];
};

struct zx_plan_trunk {
	struct zx_peer peer;
	struct sa addr;
};

/* Where a number leads. */
struct zx_route {
	char app[32]; /* name of an application (app/app.h), "" = nowhere */
	char param[ZX_NUM_LEN];
	int64_t company_id;
	bool record; /* record whatever the extension says */
};

/* Reads the whole configuration with the calling thread's reader; any thread that may block. */
int zx_plan_load(struct zx_plan **pp, struct zx_store *st, const char *realm);
/* Loop thread: make it the current one (takes the reference). */
void zx_plan_swap(struct zx_plan *p);
/* Posts itself: load on the pool, swap on the loop, then publishes ZX_EV_CONFIG. Bursts are merged. Any thread. */
int zx_plan_reload(struct zx_store *st, const char *realm, const char *table);

/* Loop thread, current snapshot; borrowed. */
const struct zx_plan_ext *zx_plan_ext(const char *number);
const struct zx_plan_trunk *zx_plan_trunk(const struct sa *src);
/* An extension dials. */
void zx_plan_route_ext(struct zx_route *r, const struct zx_plan_ext *from, const char *dialled);
/* A call comes in by a trunk. */
void zx_plan_route_trunk(struct zx_route *r, int64_t trunk_id, const char *from, const char *dialled);
unsigned zx_plan_ext_count(void);

/* X: 0-9, Z: 1-9, N: 2-9, [1-5]: one of, final ".": one or more of anything. Empty matches all. Linear, no backtracking. */
bool zx_pattern_match(const char *pattern, const char *number);
/* 0 or EINVAL with what is wrong. */
int zx_pattern_check(const char *pattern, char *errbuf, size_t errlen);

#endif

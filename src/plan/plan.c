#include "plan/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bus.h"
#include "base/log.h"
#include "base/text.h"
#include "loop/loop.h"

enum { TIMES = 16 }; /* time conditions one after the other: more would be a circle */

/* Loop thread only. */
static struct {
	struct zx_plan *plan;
	struct reload *running; /* a load is on the pool */
	struct reload *next;    /* asked for meanwhile: one more load sees all of it */
} cur;

/* An order to load: plain data on its way to the loop, then owned by the load. */
struct reload {
	struct zx_store *st;
	struct zx_plan *plan;
	int err;
	char realm[64];
};

void zx_plan_swap(struct zx_plan *p)
{
	mem_deref(cur.plan);
	cur.plan = p;
}

static void reload_start(struct reload *r);

static void reload_work(void *arg)
{
	struct reload *r = arg;

	r->err = zx_plan_load(&r->plan, r->st, r->realm);
}

static void reload_done(void *arg)
{
	struct reload *r = arg, *next = cur.next;

	cur.running = cur.next = NULL;
	if (r->err) {
		zx_log(ZX_ERROR, "plan", "the configuration in use stays as it was: %s", strerror(r->err));
	} else if (next) {
		mem_deref(r->plan); /* what comes is newer */
	} else {
		const struct zx_ev_config ev = {.table = "*", .applied = true};

		zx_plan_swap(r->plan);
		zx_bus_publish(ZX_EV_CONFIG, &ev);
	}
	free(r);
	if (next)
		reload_start(next);
}

static void reload_start(struct reload *r)
{
	const int err = zx_loop_work(reload_work, reload_done, r);

	if (err) {
		zx_log(ZX_ERROR, "plan", "cannot load the configuration: %s", strerror(err));
		free(r);
		return;
	}
	cur.running = r;
}

static void reload_asked(void *data, size_t len)
{
	struct reload *r;

	if (cur.next)
		return;
	r = malloc(len);
	if (!r) {
		zx_log(ZX_ERROR, "plan", "cannot load the configuration: %s", strerror(ENOMEM));
		return;
	}
	memcpy(r, data, len);
	if (cur.running)
		cur.next = r;
	else
		reload_start(r);
}

int zx_plan_reload(struct zx_store *st, const char *realm)
{
	struct reload r = {.st = st};

	zx_strcpy(r.realm, sizeof(r.realm), realm);
	return zx_loop_post(reload_asked, &r, sizeof(r));
}

/* ---- look-ups ---- */

static const void *find(enum zx_plan_kind kind, int64_t id)
{
	return cur.plan ? zx_plan_find(cur.plan, kind, id) : NULL;
}

const struct zx_plan_ext *zx_plan_ext(const char *number)
{
	return cur.plan ? zx_plan_find_ext(cur.plan, number) : NULL;
}

const struct zx_plan_trunk *zx_plan_trunk_at(unsigned i)
{
	return cur.plan && i < cur.plan->lists[ZX_PLAN_TRUNK].n ? ZX_PLAN_AT(cur.plan, ZX_PLAN_TRUNK, zx_plan_trunk, i) : NULL;
}

const struct zx_plan_trunk *zx_plan_trunk(const struct sa *src)
{
	return cur.plan ? zx_plan_find_trunk(cur.plan, src) : NULL;
}

const struct zx_plan_ext *zx_plan_ext_id(int64_t id)
{
	return find(ZX_PLAN_EXT, id);
}

const struct zx_plan_trunk *zx_plan_trunk_id(int64_t id)
{
	return find(ZX_PLAN_TRUNK, id);
}

const struct zx_plan_queue *zx_plan_queue(int64_t id)
{
	return find(ZX_PLAN_QUEUE, id);
}

const struct zx_plan_ivr *zx_plan_ivr(int64_t id)
{
	return find(ZX_PLAN_IVR, id);
}

const struct zx_plan_conf *zx_plan_conf(int64_t id)
{
	return find(ZX_PLAN_CONF, id);
}

const struct zx_plan_voicemail *zx_plan_voicemail(int64_t id)
{
	return find(ZX_PLAN_VOICEMAIL, id);
}

const struct zx_plan_prompt *zx_plan_prompt(int64_t id)
{
	return find(ZX_PLAN_PROMPT, id);
}

const struct zx_plan_inbound *zx_plan_inbound(int64_t id)
{
	return find(ZX_PLAN_INBOUND, id);
}

unsigned zx_plan_ext_count(void)
{
	return cur.plan ? cur.plan->lists[ZX_PLAN_EXT].n : 0;
}

int zx_plan_sound(char *path, size_t len, int64_t company_id, int64_t id)
{
	const struct zx_plan_prompt *p = find(ZX_PLAN_PROMPT, id);

	if (!p || p->h.company_id != company_id || !*p->sha || strchr(p->sha, '/'))
		return ENOENT;
	return (size_t)snprintf(path, len, "%s/sounds/%s.wav", cur.plan->dir, p->sha) < len ? 0 : ENAMETOOLONG;
}

int64_t zx_plan_number_company(const char *number)
{
	const void *item = NULL;
	const enum zx_plan_kind kind = cur.plan ? zx_plan_find_number(cur.plan, number, &item) : ZX_PLAN_KINDS;

	if (kind == ZX_PLAN_KINDS)
		return 0;
	return kind == ZX_PLAN_EXT ? ((const struct zx_plan_ext *)item)->account.company_id
				   : ((const struct zx_plan_head *)item)->company_id;
}

/* ---- where a number leads ---- */

static const struct zx_plan_target *follow_times(const struct zx_plan *p, int64_t company_id, const struct zx_plan_target *t,
						 const struct tm *when)
{
	const time_t now = time(NULL);
	struct tm local;

	for (unsigned i = 0; !strcmp(t->app, "time"); i++) {
		const struct zx_plan_time *c = zx_plan_find(p, ZX_PLAN_TIME, t->id);

		if (!c || c->h.company_id != company_id || i == TIMES)
			return NULL;
		if (!when)
			when = localtime_r(&now, &local);
		t = zx_plan_time_inside(c, c->holidays_id ? zx_plan_find(p, ZX_PLAN_HOLIDAYS, c->holidays_id) : NULL, when) ? &c->in
															    : &c->out;
	}
	return t;
}

void zx_plan_resolve_target(const struct zx_plan *p, struct zx_route *r, const struct zx_plan_target *t, const struct tm *when)
{
	const struct zx_plan_ext *e;

	r->app[0] = '\0';
	t = follow_times(p, r->company_id, t, when);
	if (!t)
		return;
	if (!strcmp(t->app, "extension")) {
		e = zx_plan_find(p, ZX_PLAN_EXT, t->id);
		if (!e || e->account.company_id != r->company_id)
			return;
		zx_strcpy(r->param, sizeof(r->param), e->account.user);
	} else {
		zx_strcpy(r->param, sizeof(r->param), t->text);
	}
	zx_strcpy(r->app, sizeof(r->app), t->app);
}

void zx_plan_resolve_ext(const struct zx_plan *p, struct zx_route *r, const struct zx_plan_ext *from, const char *dialled)
{
	static const char *const apps[ZX_PLAN_KINDS] = {[ZX_PLAN_QUEUE] = "queue", [ZX_PLAN_IVR] = "ivr", [ZX_PLAN_CONF] = "conference"};
	const struct zx_plan_head *h;
	const void *item = NULL;
	const enum zx_plan_kind kind = p ? zx_plan_find_number(p, dialled, &item) : ZX_PLAN_KINDS;

	memset(r, 0, sizeof(*r));
	r->company_id = from->account.company_id;
	if (kind == ZX_PLAN_EXT) {
		const struct zx_plan_ext *to = item;

		if (to->account.company_id != r->company_id)
			return;
		zx_strcpy(r->app, sizeof(r->app), "extension");
		zx_strcpy(r->param, sizeof(r->param), to->account.user);
	} else if (kind != ZX_PLAN_KINDS) {
		h = item;
		if (h->company_id != r->company_id)
			return;
		zx_strcpy(r->app, sizeof(r->app), apps[kind]);
		snprintf(r->param, sizeof(r->param), "%lld", (long long)h->id);
	}
}

void zx_plan_resolve_trunk(const struct zx_plan *p, struct zx_route *r, int64_t trunk_id, const char *from, const char *dialled,
			   const struct tm *when)
{
	const struct zx_plan_trunk *t = p ? zx_plan_find(p, ZX_PLAN_TRUNK, trunk_id) : NULL;
	const size_t len = strlen(dialled);
	const struct zx_plan_inbound *in;

	memset(r, 0, sizeof(*r));
	if (!t)
		return;
	r->company_id = t->peer.company_id;
	in = zx_plan_find_inbound(p, r->company_id, trunk_id, dialled, from);
	if (!in)
		return;
	r->record = in->record;
	if (!strcmp(in->target.app, "extension") && !*in->target.text) {
		zx_strcpy(r->app, sizeof(r->app), "extension");
		zx_strcpy(r->param, sizeof(r->param), dialled + (in->strip < len ? in->strip : len));
		return;
	}
	zx_plan_resolve_target(p, r, &in->target, when);
}

void zx_plan_route_ext(struct zx_route *r, const struct zx_plan_ext *from, const char *dialled)
{
	zx_plan_resolve_ext(cur.plan, r, from, dialled);
}

void zx_plan_route_trunk(struct zx_route *r, int64_t trunk_id, const char *from, const char *dialled)
{
	zx_plan_resolve_trunk(cur.plan, r, trunk_id, from, dialled, NULL);
}

void zx_plan_route_target(struct zx_route *r, int64_t company_id, const struct zx_plan_target *t)
{
	memset(r, 0, sizeof(*r));
	r->company_id = company_id;
	if (cur.plan)
		zx_plan_resolve_target(cur.plan, r, t, NULL);
}

int zx_plan_route_out(struct zx_outbound *o, int64_t company_id, int64_t ext_id, const char *dialled)
{
	return cur.plan ? zx_plan_find_outbound(o, cur.plan, company_id, ext_id, dialled) : ENOENT;
}

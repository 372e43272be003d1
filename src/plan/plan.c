#include "plan/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bus.h"
#include "base/log.h"
#include "loop/loop.h"

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
	char table[ZX_NUM_LEN];
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
	} else {
		const struct zx_ev_config ev = {.table = r->table};

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

	if (cur.next) {
		if (strcmp(cur.next->table, ((const struct reload *)data)->table))
			snprintf(cur.next->table, sizeof(cur.next->table), "*");
		return;
	}
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

int zx_plan_reload(struct zx_store *st, const char *realm, const char *table)
{
	struct reload r = {.st = st};

	snprintf(r.realm, sizeof(r.realm), "%s", realm);
	snprintf(r.table, sizeof(r.table), "%s", table);
	return zx_loop_post(reload_asked, &r, sizeof(r));
}

const struct zx_plan_ext *zx_plan_ext(const char *number)
{
	return cur.plan ? zx_plan_find_ext(cur.plan, number) : NULL;
}

const struct zx_plan_trunk *zx_plan_trunk(const struct sa *src)
{
	return cur.plan ? zx_plan_find_trunk(cur.plan, src) : NULL;
}

unsigned zx_plan_ext_count(void)
{
	return cur.plan ? cur.plan->extc : 0;
}

/* ---- where a number leads ---- */
void zx_plan_resolve_ext(const struct zx_plan *p, struct zx_route *r, const struct zx_plan_ext *from, const char *dialled)
{
	const struct zx_plan_ext *to = p ? zx_plan_find_ext(p, dialled) : NULL;

	memset(r, 0, sizeof(*r));
	r->company_id = from->account.company_id;
	if (!to || to->account.company_id != from->account.company_id)
		return;
	snprintf(r->app, sizeof(r->app), "extension");
	snprintf(r->param, sizeof(r->param), "%s", to->account.user);
}

void zx_plan_resolve_trunk(const struct zx_plan *p, struct zx_route *r, int64_t trunk_id, const char *dialled)
{
	const struct zx_plan_trunk *t = p ? zx_plan_find_trunk_id(p, trunk_id) : NULL;
	const size_t len = strlen(dialled);

	memset(r, 0, sizeof(*r));
	if (!t)
		return;
	r->company_id = t->peer.company_id;
	for (unsigned i = 0; i < p->inboundc; i++) {
		const struct zx_plan_inbound *in = &p->inbound[i];

		if (in->company_id != t->peer.company_id || (in->trunk_id && in->trunk_id != trunk_id) ||
		    !zx_pattern_match(in->pattern, dialled))
			continue;
		snprintf(r->app, sizeof(r->app), "%s", in->app);
		snprintf(r->param, sizeof(r->param), "%s", *in->param ? in->param : dialled + (in->strip < len ? in->strip : len));
		r->record = in->record;
		return;
	}
}

void zx_plan_route_ext(struct zx_route *r, const struct zx_plan_ext *from, const char *dialled)
{
	zx_plan_resolve_ext(cur.plan, r, from, dialled);
}

void zx_plan_route_trunk(struct zx_route *r, int64_t trunk_id, const char *from, const char *dialled)
{
	(void)from;
	zx_plan_resolve_trunk(cur.plan, r, trunk_id, dialled);
}

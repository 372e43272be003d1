#include "app/app.h"

#include <errno.h>
#include <string.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/text.h"
#include "plan/plan.h"

static const struct zx_app *const apps[] = {
    &zx_app_extension, &zx_app_hangup, &zx_app_prompt, &zx_app_outside, &zx_app_ivr,
};

enum { HOPS_MAX = 40 }; /* applications one call may go through: targets may lead in a circle */

static const struct zx_conf *conf;

const struct zx_conf *zx_app_conf(void)
{
	return conf;
}

int zx_app_run(struct zx_call *call, const char *app, const char *param)
{
	for (size_t i = 0; i < sizeof(apps) / sizeof(apps[0]); i++) {
		if (strcmp(apps[i]->name, app))
			continue;
		zx_call_app_leave(call);
		if (zx_call_hop(call) > HOPS_MAX) {
			zx_call_note(call, "circle", app);
			zx_call_hangup(call, "system");
			return 0;
		}
		zx_call_app_set(call, app);
		apps[i]->run(call, param);
		return 0;
	}
	return ENOENT;
}

bool zx_app_target(struct zx_call *call, const struct zx_plan_target *t)
{
	struct zx_route r;

	zx_plan_route_target(&r, zx_call_company(call), t);
	if (*r.app && r.company_id == zx_call_company(call) && !zx_app_run(call, r.app, r.param))
		return true;
	zx_call_reject(call, 404, "Not Found");
	return false;
}

void zx_app_route(struct zx_call *call)
{
	const char *ext = zx_call_from_ext(call), *to = zx_call_to(call);
	const struct zx_plan_ext *from = *ext ? zx_plan_ext(ext) : NULL;
	struct zx_route r = {0};

	if (!*ext && zx_plan_blacklisted(zx_call_company(call), zx_call_from(call))) {
		zx_call_reject(call, 603, "Decline");
		return;
	}
	if (from)
		zx_plan_route_ext(&r, from, to);
	else if (!*ext && zx_call_trunk_id(call))
		zx_plan_route_trunk(&r, zx_call_trunk_id(call), zx_call_from(call), to);
	if (from && !*r.app && !zx_plan_number_company(to)) {
		if (from->record)
			zx_call_record(call, true);
		zx_outside_run(call, from, to, "");
		return;
	}
	if (!*r.app || r.company_id != zx_call_company(call)) {
		zx_call_reject(call, 404, "Not Found");
		return;
	}
	if (r.record || (from && from->record))
		zx_call_record(call, true);
	if (zx_app_run(call, r.app, r.param)) {
		static struct zx_log_site site;

		zx_log_limited(&site, 5, ZX_ERROR, "app", "%s leads to \"%s\", which does not exist", to, r.app);
		zx_call_reject(call, 404, "Not Found");
	}
}

static bool ext_h(const char *ext, struct zx_call_ext *e)
{
	const struct zx_plan_ext *pe = zx_plan_ext(ext);

	if (!pe)
		return false;
	e->company_id = pe->account.company_id;
	e->masked = zx_plan_masked(pe->id);
	zx_strcpy(e->name, sizeof(e->name), pe->account.name);
	return true;
}

int zx_apps_init(const struct zx_conf *c)
{
	conf = c;
	zx_call_ext_set(ext_h);
	zx_call_router_set(zx_app_route);
	return 0;
}

/* Dialplan applications: one file each, registered by one line in app.c. */
#ifndef ZX_APP_APP_H
#define ZX_APP_APP_H

#include "call/call.h"
#include "plan/plan.h"

struct zx_app {
	const char *name;
	/* Takes the call over; param is borrowed. */
	void (*run)(struct zx_call *call, const char *param);
};

/* Sets the hooks of the call room; conf is borrowed for as long as calls come. */
int zx_apps_init(const struct zx_conf *conf);
/* Finds where the call's number leads (plan) and runs the application; the router hook of the call room. */
void zx_app_route(struct zx_call *call);
/* Tells the SIP room of the trunks of the current plan. Loop thread, after each swap, when the transports are open. */
int zx_app_trunks_apply(struct zx_sip *s, const struct zx_store *st);
/* ENOENT when there is no such application. */
int zx_app_run(struct zx_call *call, const char *app, const char *param);

/* ---- for the applications ---- */
const struct zx_conf *zx_app_conf(void);
/* Where a configured target leads; a call that cannot go there is refused. Returns false then. */
bool zx_app_target(struct zx_call *call, const struct zx_plan_target *t);
/* Calls an outside number by the outbound routes: on the rights of the extension (its limits count), or, ext NULL, because the
 * administrator has configured this number as a target. diverted: the extension that forwarded the call, "" none. */
void zx_outside_run(struct zx_call *call, const struct zx_plan_ext *ext, const char *number, const char *diverted);
extern const struct zx_app zx_app_extension, zx_app_hangup, zx_app_prompt, zx_app_outside, zx_app_ivr;

#endif

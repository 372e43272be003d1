/* Dialplan applications: one file each, registered by one line in app.c. */
#ifndef ZX_APP_APP_H
#define ZX_APP_APP_H

#include "call/call.h"

struct zx_app {
	const char *name;
	/* Takes the call over; param is borrowed. */
	void (*run)(struct zx_call *call, const char *param);
};

/* Sets the hooks of the call room; conf is borrowed for as long as calls come. */
int zx_apps_init(const struct zx_conf *conf);
/* Finds where the call's number leads (plan) and runs the application; the router hook of the call room. */
void zx_app_route(struct zx_call *call);
/* ENOENT when there is no such application. */
int zx_app_run(struct zx_call *call, const char *app, const char *param);

/* ---- for the applications ---- */
const struct zx_conf *zx_app_conf(void);
extern const struct zx_app zx_app_extension, zx_app_hangup, zx_app_prompt;

#endif

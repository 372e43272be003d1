/* The route table: what is answered, who may ask; the API document comes from the same table. */
#ifndef ZX_WEB_ROUTE_H
#define ZX_WEB_ROUTE_H

#include "web/resource/resource.h"

enum {
	ZX_RT_PUBLIC = 1,      /* without a session */
	ZX_RT_MUST_CHANGE = 2, /* also before the first password is changed */
	ZX_RT_LIST = 4,        /* takes filters, sort, paging */
	ZX_RT_CREATED = 8,     /* 201 */
	ZX_RT_EMPTY = 16,      /* 204 */
	ZX_RT_ACCEPTED = 32,   /* 202 */
	ZX_RT_NOCSRF = 64,     /* login: there is no token yet; Origin is checked */
};

struct zx_route_def {
	const char *method, *path; /* below /api/v1; ":id" is a number */
	const char *right;         /* NULL: any user */
	unsigned flags;
	zx_req_h *h;
	struct zx_text summary;
	const struct zx_resource *res; /* NULL: none */
	const char *reply;             /* content type; NULL: JSON */
	const char *const *body;       /* keys of the JSON body, ended by NULL */
};

/* Built at first use from the fixed routes and the resources; ordered. */
const struct zx_route_def *zx_routes(unsigned *n);
/* Runs the request: session, rights, CSRF, handler. r->path is below /api/v1. */
void zx_route_run(struct zx_req *r);
/* Every right there is that `rights` grants. */
void zx_route_rights(const uint64_t *rights, void (*h)(const char *right, void *arg), void *arg);
/* openapi.c */
void zx_openapi_h(struct zx_req *r);

#endif

/* Inside the checks. */
#ifndef ZX_PLAN_CHECK_PRIV_H
#define ZX_PLAN_CHECK_PRIV_H

#include "plan/check.h"
#include "plan/snapshot.h"

struct zx_check {
	const struct zx_plan *p;
	const struct zx_plan_check_env *env;
	zx_plan_problem_h *h;
	void *arg;
};

struct zx_check_row { /* where a problem is */
	enum zx_plan_kind kind;
	const void *item;
	const char *field;
};

/* zh and en are formats with the same arguments. */
void zx_check_tell(const struct zx_check *c, bool error, const char *code, const struct zx_check_row *at, const char *zh, const char *en,
		   ...) __attribute__((format(printf, 5, 7), format(printf, 6, 7)));
/* "8001 王", "night". */
void zx_check_label(enum zx_plan_kind kind, const void *item, char *out, size_t len);
/* Kind of the rows an application has; ZX_PLAN_KINDS: none, -1: no such application. */
int zx_check_app_kind(const char *app);

/* check_loop.c */
int zx_check_loops(const struct zx_check *c);

#endif

/* What is wrong with a configuration before it is applied. Pure: a snapshot of one company's document in, problems out. */
#ifndef ZX_PLAN_CHECK_H
#define ZX_PLAN_CHECK_H

#include "plan/plan.h"
#include "store/config.h"

struct zx_plan_problem {
	bool error; /* it cannot be applied so; else it can, and may still be not what was meant */
	const char *code;
	const char *resource; /* page and row to open */
	int64_t id;
	const char *field; /* key there; "" none */
	char label[ZX_NAME_LEN + 32];
	char zh[512], en[512]; /* what it is and what to do */
};
typedef void(zx_plan_problem_h)(const struct zx_plan_problem *pr, void *arg);

/* What the document itself does not know; handlers may be NULL. */
struct zx_plan_check_env {
	/* Another company's applied configuration has this number. */
	bool (*number_taken)(const char *number, void *arg);
	/* The sound of a prompt is on the disk. */
	bool (*sound_there)(const char *sha, void *arg);
	/* The trunk, applied before, is known not to be reachable or registered now. */
	bool (*trunk_down)(int64_t id, void *arg);
	void *arg;
};

int zx_plan_check(const struct zx_config_doc *doc, const struct zx_plan_check_env *env, zx_plan_problem_h *h, void *arg);

#endif

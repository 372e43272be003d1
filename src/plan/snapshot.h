/* Inside the plan room: the snapshot itself. */
#ifndef ZX_PLAN_SNAPSHOT_H
#define ZX_PLAN_SNAPSHOT_H

#include "plan/plan.h"

struct zx_plan_inbound {
	int64_t company_id, trunk_id; /* trunk 0: any of the company */
	unsigned strip;
	bool record;
	char pattern[ZX_NUM_LEN];
	char app[32];
	char param[ZX_NUM_LEN];
};

/* Index of an array by a key: open addressing, half full at most; entries are index + 1, 0 = free. */
struct zx_plan_index {
	uint32_t *slots;
	uint32_t mask;
};

struct zx_plan {
	struct zx_plan_ext *exts;
	struct zx_plan_trunk *trunks;    /* by id, ascending */
	struct zx_plan_inbound *inbound; /* in the order they are tried */
	unsigned extc, trunkc, inboundc;
	struct zx_plan_index by_number, by_addr;
};

const struct zx_plan_ext *zx_plan_find_ext(const struct zx_plan *p, const char *number);
const struct zx_plan_trunk *zx_plan_find_trunk(const struct zx_plan *p, const struct sa *src);
const struct zx_plan_trunk *zx_plan_find_trunk_id(const struct zx_plan *p, int64_t id);
void zx_plan_resolve_ext(const struct zx_plan *p, struct zx_route *r, const struct zx_plan_ext *from, const char *dialled);
void zx_plan_resolve_trunk(const struct zx_plan *p, struct zx_route *r, int64_t trunk_id, const char *dialled);

#endif
